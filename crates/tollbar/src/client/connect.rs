//! Which server a command means, and with which token.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::AdminClient;
use crate::{config::Variables, data_folder::DataFolder, output::Wrong};

const TOKEN: &str = "TOLLBAR_TOKEN";
/// While one server follows another, nobody has the folder for a moment.
const GAP: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// With `--admin`: that server, with the token from `TOLLBAR_TOKEN`. Without: the one that runs from the data folder.
pub(crate) fn connect(data: &DataFolder, admin: Option<&str>, variables: &Variables) -> Result<AdminClient> {
    match admin {
        Some(url) => remote(data, url, variables),
        None => local(data, variables),
    }
}

fn local(data: &DataFolder, variables: &Variables) -> Result<AdminClient> {
    let folder = data.path().display();
    let start = format!(
        "start one with `tollbar serve --data {folder}`, or name another folder (--data) or server (--admin)"
    );
    let Some(running) = data.find_running()? else {
        if !data.path().exists() {
            bail!("there is no folder {folder}, so no server runs from it; {start}");
        }
        bail!("no server runs from the folder {folder}; {start}");
    };
    if !is_alive(running.pid) {
        // Whoever listens there now is not the server, and must not be given its token.
        bail!(
            "the server of the folder {folder} (process {}) has ended without a word; {start}",
            running.pid
        );
    }
    if !data.is_home_of(&running) {
        bail!(
            "no server has the folder {folder}: process {}, which {folder}/running.json names, serves from another one, of which \
             this is a copy; {start}",
            running.pid
        );
    }
    if !is_taken_soon(running.pid, || tollbar_store::is_in_use(data.path())) {
        bail!(
            "no server has the folder {folder}: process {}, which {folder}/running.json names, serves from another one, of which \
             this may be a copy, or is being replaced just now; repeat this, or {start}",
            running.pid
        );
    }
    let token = match data.find_operator_token()? {
        Some(token) => token,
        None => match variables.find(TOKEN) {
            Some(token) => token.to_owned(),
            None => bail!("{folder} holds no operator token; set {TOKEN}, or restart the server to make one"),
        },
    };
    let mut client = AdminClient::new(&running.admin, &token);
    client.if_unreachable = format!(
        "no server answers at {}, where process {} ran from the folder {folder}; it has probably ended: {start}",
        running.admin, running.pid
    );
    client.if_unauthorized = format!(
        "the token came from {folder}/operator-token; does another server listen at {}?",
        running.admin
    );
    Ok(client)
}

/// Whether a server has the folder, or takes it over just now from the one that is announced.
fn is_taken_soon(announced: u32, mut is_in_use: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    loop {
        if is_in_use() {
            return true;
        }
        if began.elapsed() >= GAP || !is_alive(announced) {
            return false;
        }
        std::thread::park_timeout(LOOK_AGAIN);
    }
}

/// Whether a process is there. One that may not be asked is.
pub(crate) fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// Whether the folder names a server of its own whose process is there.
pub(crate) fn has_live_server(data: &DataFolder) -> bool {
    let named = data.find_running().ok().flatten();
    named.is_some_and(|server| is_alive(server.pid) && data.is_home_of(&server))
}

fn remote(data: &DataFolder, url: &str, variables: &Variables) -> Result<AdminClient> {
    let url = base_url(url)?;
    let (token, origin) = match variables.find(TOKEN) {
        Some(token) => (token.to_owned(), TOKEN.to_owned()),
        // A token is sent only where it was meant for: another machine's server has another one.
        None if is_this_machine(&url) => match data.find_operator_token()? {
            Some(token) => (token, format!("{}/operator-token", data.path().display())),
            None => bail!("set {TOKEN} to the operator token of {url}, or name its data folder with --data"),
        },
        None => bail!(
            "set {TOKEN} to the operator token of {url}; it stands in the file operator-token of its data folder"
        ),
    };
    let mut client = AdminClient::new(&url, &token);
    client.if_unreachable = format!("no server answers at {url}");
    client.if_unauthorized = format!("the token came from {origin}; is it the one of {url}?");
    Ok(client)
}

/// `http://host:port`, of that or of a mere `host:port`.
fn base_url(text: &str) -> Result<String> {
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = url.trim_end_matches('/');
    match url.parse::<http::Uri>() {
        Ok(uri) if uri.scheme_str() == Some("https") => Err(Wrong::line(format!(
            "the admin API speaks plain HTTP, so `{text}` cannot be reached; use http://, through a tunnel if it is remote"
        ))),
        Ok(uri) if uri.scheme_str() == Some("http") && uri.host().is_some_and(|host| !host.is_empty()) => {
            Ok(url.to_owned())
        }
        _ => Err(Wrong::line(format!("`{text}` is not an admin URL; write it like http://127.0.0.1:8081"))),
    }
}

fn is_this_machine(url: &str) -> bool {
    let uri = url.parse::<http::Uri>().unwrap_or_default();
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_between_two_servers_is_waited_for() {
        let mut looks = 0;
        let mut taken_at_third = || {
            looks += 1;
            looks == 3
        };
        assert!(is_taken_soon(std::process::id(), &mut taken_at_third));
        assert_eq!(looks, 3);
        looks = 0;
        let mut never = || {
            looks += 1;
            false
        };
        assert!(!is_taken_soon(u32::MAX, &mut never), "the announced one has ended: nobody follows it");
        assert_eq!(looks, 1);
    }
}
