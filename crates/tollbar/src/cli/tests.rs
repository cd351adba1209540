use clap::{CommandFactory, Parser};

use super::*;

fn parsed(line: &str) -> Result<Cli, String> {
    let words = std::iter::once("tollbar").chain(line.split_whitespace());
    Cli::try_parse_from(words).map_err(|fault| fault.to_string())
}

#[test]
fn the_definitions_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_documented_form_is_understood() {
    for line in [
        "serve",
        "serve --config f.toml --gateway 127.0.0.1:0 --admin 127.0.0.1:0 --ops 127.0.0.1:0 --ready-file r.json --data d --json",
        "check --config f.toml",
        "demo --data d",
        "tour --json",
        "import f.yaml --upstream http://a --sandbox-upstream http://b --base /v1 --upstream-errors pass --on-upstream-5xx release",
        "import - --upstream http://a",
        "import - --upstream http://a --observe",
        "import - --upstream http://a --no-observe",
        "observe",
        "observe --base /v1 --json",
        "observe --endpoint GET /v1/orders",
        "client create acme --tier t --allowance 10",
        "client create acme --tier t --allowance 10 --sandbox-allowance 5 --scope a,b --scope c --write-enabled --no-access --allow-ip 1.2.3.4 --allow-ip 10.0.0.0/8 --overage report",
        "client create --tier t --allowance 100,000 --scope a --scope b --allow-ip 1.2.3.4,10.0.0.0/8 acme",
        "client update --add-scope a --remove-scope b --allow-ip 1.2.3.4 acme",
        "client update acme --name b --tier t --allowance 1 --sandbox-allowance 1 --add-scope a --add-scope b --remove-scope c --write-enabled=false --access true --clear-allow-ips --overage block",
        "client update acme --write-enabled",
        "client update acme --write-enabled true",
        "client update acme --scope a --allow-ip 1.2.3.4",
        "client suspend acme",
        "client resume acme",
        "client show acme --json",
        "--json client list",
        "client delete acme --admin http://h:1",
        "client delete acme --yes",
        "key create acme --env live",
        "key create acme --env sandbox --scope a --scope b --expires 30d",
        "key rotate key_1 --grace 24h",
        "key rotate key_1",
        "key revoke key_1",
        "key list acme",
        "oauth create acme --env live",
        "oauth rotate oc_1 --grace 1h",
        "oauth revoke oc_1",
        "oauth list acme",
        "token revoke -",
        "token revoke abc",
        "token revoke --client acme",
        "tier list",
        "tier set t --rate 10",
        "switch off platform --env live --message M --until 2h",
        "switch off category orders",
        "switch off endpoint GET /v1/x",
        "switch on platform",
        "switch list",
        "usage acme --month 2026-11",
        "usage",
        "usage --month 2026-11 --env live --by total --csv",
        "usage acme --by outcome --env sandbox --json",
        "client correct acme --env live --units -1,000 --reason R",
        "client correct acme --env sandbox --units=5 --reason R --month 2026-11",
        "request show a1b2c3d4e5f6",
        "request list --client acme --code invalid_request --since 1h --limit 5",
        "audit --limit 5",
        "api list",
        "api endpoints --base /v1",
        "api remove /v1",
        "api remove /v1 --yes",
        "backup /mnt/b/today --with-requests",
        "restore /mnt/b/today --replace",
        "doctor --full --config f.toml --json",
        "status",
        "reference config",
        "reference cli",
    ] {
        assert!(parsed(line).is_ok(), "{line}: {:?}", parsed(line).err());
    }
}

#[test]
fn what_is_wrong_with_a_line_is_named() {
    for (line, expected) in [
        ("clint list", "a similar subcommand exists: 'client'"),
        ("key create acme", "--env <live|sandbox>"),
        ("key create acme --env prod", "[possible values: live, sandbox]"),
        (
            "key create acme --env live --expires soon",
            "`soon` is neither a duration (30m, 24h, 7d) nor a date",
        ),
        ("key rotate key_1 --grace 24", "`24` is not a duration; write it with its unit"),
        ("usage acme --month november", "`november` is not a month; write it like 2026-11"),
        ("usage --by week", "[possible values: total, endpoint, day, outcome]"),
        ("usage --csv --json", "cannot be used with"),
        ("client correct acme --env live --units 5", "--reason <TEXT>"),
        ("client correct acme --env live --units some --reason R", "`some` is not a whole number"),
        ("client correct acme --env live --units 5 --reason R --month x", "`x` is not a month"),
        ("request show xyz", "it is not a request id"),
        (
            "request list --code rate_limit",
            "`rate_limit` is not an error code; did you mean `rate_limit_exceeded`?",
        ),
        ("token revoke", "<TOKEN|--client <CLIENT>>"),
        ("token revoke abc --client acme", "cannot be used with"),
        ("client update acme --scope a --add-scope b", "cannot be used with"),
        ("client update acme --allow-ip 1.2.3.4 --clear-allow-ips", "cannot be used with"),
        ("client create acme --tier t", "--allowance <N>"),
        ("client create acme --tier t --allowance -1", "-1 is negative; it must be 0 or more"),
        (
            "client update acme --sandbox-allowance 1.000",
            "`1.000` is not a whole number; write it like 100000 or 100,000",
        ),
        ("tier set t --rate 0", "0 is out of range; it must be 1 to 4294967295"),
        ("request list --limit 0", "0 is out of range; it must be 1 to 1000"),
        ("audit --limit -5", "-5 is negative"),
    ] {
        let fault = parsed(line).map(|_| ()).expect_err(line);
        assert!(fault.contains(expected), "{line}: {fault}");
    }
}

/// As a shell would split it; what follows a # is for people.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            '#' | '|' | '<' | ')'
                if !is_quoted && (character == ')' || words.last().is_some_and(String::is_empty)) =>
            {
                break;
            }
            _ => words.last_mut().unwrap().push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_example_works_as_it_is_printed() {
    fn check(command: &clap::Command, count: &mut usize) {
        let help =
            command.get_after_help().map(ToString::to_string).unwrap_or_default().replace(" \\\n", " ");
        for line in help.lines().filter(|line| line.starts_with("  ")) {
            let Some(start) = line.find("tollbar ") else { continue };
            let words = shell_words(&line[start..]);
            if let Err(fault) = Cli::try_parse_from(&words) {
                panic!("{line}: {fault}");
            }
            *count += 1;
        }
        command.get_subcommands().for_each(|inner| check(inner, count));
    }
    let mut count = 0;
    check(&Cli::command(), &mut count);
    assert!(count > 40, "{count}");
    let words = shell_words("x 'GET /v1/o' --grace 0   # it has leaked");
    assert_eq!(words, ["x", "GET /v1/o", "--grace", "0"]);
}

#[test]
fn admin_is_an_address_to_serve_and_a_server_elsewhere() {
    let Command::Serve(serve) = parsed("serve --admin 127.0.0.1:9").unwrap().command else { panic!("serve") };
    assert!(format!("{serve:?}").contains("admin: Some(\"127.0.0.1:9\")"), "{serve:?}");
    assert_eq!(parsed("status --admin http://h:9").unwrap().admin.as_deref(), Some("http://h:9"));
    assert_eq!(parsed("--admin http://h:9 status").unwrap().admin.as_deref(), Some("http://h:9"));
}

#[test]
fn a_check_prints_ok_and_where_every_value_comes_from() {
    let variables =
        [("TOLLBAR__KEYS__BRAND", "acme"), ("TOLLBAR__ADMIN__LISTEN", "0.0.0.0:1")].into_iter().collect();
    let loaded = crate::config::load(None, &variables, &[]).unwrap();
    let text = server::summary(&loaded, &loaded.config.warnings(), crate::output::Style::default());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "ok");
    assert!(lines[1].starts_with("warning: admin.listen is 0.0.0.0:1"), "{text}");
    let brand = lines.iter().find(|line| line.starts_with("keys.brand")).unwrap();
    assert_eq!(brand.split_whitespace().collect::<Vec<_>>(), ["keys.brand", "acme", "TOLLBAR__KEYS__BRAND"]);
    let threads = lines.iter().find(|line| line.starts_with("gateway.threads")).unwrap();
    assert!(threads.contains("not set") && threads.ends_with("default"), "{threads}");
}

#[test]
fn the_reference_has_every_command_and_option() {
    fn check(command: &clap::Command, path: &str, page: &str) {
        for inner in
            command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help")
        {
            let path = format!("{path} {}", inner.get_name());
            assert!(page.contains(&format!("# `{path}`\n")), "{path}");
            for argument in inner.get_arguments().filter(|argument| argument.get_long().is_some()) {
                assert!(
                    page.contains(&format!("`--{}", argument.get_long().unwrap())),
                    "{path} {}",
                    argument.get_id()
                );
                assert!(argument.get_help().is_some(), "{path} {}", argument.get_id());
            }
            check(inner, &path, page);
        }
    }
    let page = reference::cli_page();
    check(&Cli::command(), "tollbar", &page);
    assert!(!page.contains("tollbar reference"), "hidden commands stay hidden");
    assert!(!page.contains("# `tollbar help") && !page.contains("?."), "{page}");
}

#[test]
fn a_command_ends_with_1_for_an_error_and_2_for_a_wrong_line() {
    let missing = tempfile::tempdir().unwrap().path().join("none").display().to_string();
    for (line, code) in [
        (format!("status --data {missing}"), 1),
        (format!("status --json --data {missing}"), 1),
        (format!("check --config {missing}"), 1),
        ("frobnicate".to_owned(), 2),
        ("help client create".to_owned(), 0),
        ("status --admin ftp://h".to_owned(), 2),
        ("serve --gateway nowhere".to_owned(), 2),
        ("help frobnicate".to_owned(), 2),
        ("key create acme --json".to_owned(), 2),
        ("--version".to_owned(), 0),
    ] {
        let words = std::iter::once("tollbar").chain(line.split_whitespace()).map(OsString::from);
        let ended = run(words, Variables::default(), jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(format!("{ended:?}"), format!("{:?}", ExitCode::from(code)), "{line}");
    }
}
