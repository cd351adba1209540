//! Another master secret, with the server stopped.

use std::{
    fs,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    process::Output,
};

use super::Issued;
use crate::support::{Platform, Shop};

const ONE: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const TWO: &str = "0202020202020202020202020202020202020202020202020202020202020202";

fn stop(shop: &mut Shop) {
    shop.platform.terminate();
    shop.platform.wait_for_end();
}

fn master_of(platform: &Platform) -> String {
    fs::read_to_string(platform.data().join("master-secret")).unwrap()
}

fn write_private(path: &Path, text: &str) {
    use std::io::Write;
    let file = fs::File::options().create(true).truncate(true).write(true).mode(0o600).open(path);
    file.unwrap().write_all(text.as_bytes()).unwrap();
}

fn rotate(platform: &Platform, variables: &[(&str, &str)]) -> Output {
    platform.run_with(&["secret", "rotate", "master"], variables)
}

fn serve(platform: &Platform, variables: &[(&str, &str)]) -> String {
    let at = "127.0.0.1:0";
    let output = platform.run_with(&["serve", "--gateway", at, "--admin", at, "--ops", at], variables);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn another_master_secret_changes_nothing_that_was_issued() {
    let mut shop = Shop::open();
    let mut issued = Issued::default();
    issued.issue(&shop);
    let told = refused(&rotate(&shop.platform, &[]));
    assert!(told.contains("the server has to be stopped"), "{told}");
    stop(&mut shop);
    let old = master_of(&shop.platform);
    let output = rotate(&shop.platform, &[]);
    assert!(output.status.success(), "{output:?}");
    let new = master_of(&shop.platform);
    assert_ne!(new, old);
    let mode = fs::metadata(shop.platform.data().join("master-secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let printed =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!([&old, &new].iter().all(|secret| !printed.contains(secret.trim())), "{printed}");
    shop = Shop { platform: shop.platform.restart(), ..shop };
    issued.check(&shop, "after the rotation");
    issued.issue(&shop);
    let audit = shop.platform.read("/audit?limit=100").to_string();
    assert!(audit.contains("\"secret.rotate\"") && audit.contains("\"master\""), "{audit}");
    // The old one is nowhere, and the new one where it belongs.
    assert_eq!(shop.platform.places_of(old.trim()), Vec::<String>::new());
    let place = shop.platform.data().join("master-secret").display().to_string();
    assert_eq!(shop.platform.places_of(new.trim()), [place]);
    // A rotation that broke off before anything was wrapped anew, and one that broke off after.
    stop(&mut shop);
    write_private(&shop.platform.data().join("master-secret.new"), TWO);
    shop = Shop { platform: shop.platform.restart(), ..shop };
    issued.check(&shop, "after one that broke off at once");
    assert_eq!(master_of(&shop.platform), new);
    stop(&mut shop);
    write_private(&shop.platform.data().join("master-secret.new"), &new);
    write_private(&shop.platform.data().join("master-secret"), &old);
    shop = Shop { platform: shop.platform.restart(), ..shop };
    issued.check(&shop, "after one that broke off at the end");
    assert_eq!(master_of(&shop.platform), new);
    assert!(!shop.platform.data().join("master-secret.new").exists());
    shop = shop.kill_and_restart();
    issued.check(&shop, "after kill -9");
}

#[test]
fn a_wrong_master_secret_is_refused_and_changes_nothing() {
    let mut shop = Shop::open();
    let mut issued = Issued::default();
    issued.issue(&shop);
    stop(&mut shop);
    let right = master_of(&shop.platform);
    write_private(&shop.platform.data().join("master-secret"), ONE);
    for told in [serve(&shop.platform, &[]), refused(&rotate(&shop.platform, &[]))] {
        for word in ["does not open the secrets of this store", "give the one", "Nothing was changed"] {
            assert!(told.contains(word), "{told}");
        }
        assert!(!told.contains(ONE), "{told}");
    }
    write_private(&shop.platform.data().join("master-secret"), &right);
    shop = Shop { platform: shop.platform.restart(), ..shop };
    issued.check(&shop, "with the right one");
}

#[test]
fn one_from_the_environment_is_replaced_there() {
    let mut shop = Shop::open_with(Platform::with().variable("TOLLBAR_MASTER_SECRET", ONE));
    let mut issued = Issued::default();
    issued.issue(&shop);
    stop(&mut shop);
    let old = ("TOLLBAR_MASTER_SECRET", ONE);
    let told = refused(&rotate(&shop.platform, &[old]));
    assert!(told.contains("TOLLBAR_NEW_MASTER_SECRET"), "{told}");
    let output = rotate(&shop.platform, &[old, ("TOLLBAR_NEW_MASTER_SECRET", TWO)]);
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("TOLLBAR_MASTER_SECRET") && !printed.contains(TWO), "{printed}");
    let told = serve(&shop.platform, &[old]);
    assert!(told.contains("TOLLBAR_MASTER_SECRET does not open"), "{told}");
    shop = Shop { platform: shop.platform.with_variable("TOLLBAR_MASTER_SECRET", TWO).restart(), ..shop };
    issued.check(&shop, "with the new one");
    assert!(!shop.platform.data().join("master-secret").exists(), "it is not written down");
    for secret in [ONE, TWO] {
        assert_eq!(shop.platform.places_of(secret), Vec::<String>::new());
    }
}
