use std::os::unix::fs::PermissionsExt;

use rcgen::RsaKeySize;

use super::*;
use crate::tls::identity::{Identity, Validity};

#[test]
fn each_fault_names_its_file_and_no_fault_repeats_a_key() {
    let folder = Folder::make();
    folder.certificate("good", &["a.test"]);
    folder.certificate("other", &["b.test"]);
    let key = std::fs::read_to_string(folder.path("good.key")).unwrap();
    let secret = key.lines().nth(1).unwrap().to_owned();
    let pem = std::fs::read_to_string(folder.path("good.pem")).unwrap();
    folder.write("empty", "");
    folder.write("der.pem", folder.authority.der());
    folder.write("cut.pem", &pem[..pem.len() / 4]);
    folder.write("cut.key", &key[..key.len() / 2]);
    folder.write("bad64.key", key.replace(&secret, &format!("!{secret}")));
    folder.write("odd.key", key.replace("PRIVATE KEY-----\n", "PRIVATE KEY-----"));
    folder.write("encrypted.key", key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
    folder.write("noise.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    folder.write("noise.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    folder.write("large.pem", vec![b'\n'; (4 << 20) + 1]);
    let chain_first = folder.authority.pem() + &pem;
    folder.write("upside-down.pem", chain_first);
    for (certificate, key, file, said) in [
        ("no.pem", "good.key", "no.pem", "No such file"),
        ("good.pem", "no.key", "no.key", "No such file"),
        (".", "good.key", "", "it is not a file"),
        ("large.pem", "good.key", "large.pem", "it is larger than"),
        ("empty", "good.key", "empty", "there is no certificate in it"),
        ("good.key", "good.key", "good.key", "there is no certificate in it"),
        ("der.pem", "good.key", "der.pem", "there is no certificate in it"),
        ("cut.pem", "good.key", "cut.pem", "damaged or cut off"),
        ("noise.pem", "good.key", "noise.pem", "certificate 1 cannot be read"),
        ("good.pem", "empty", "empty", "there is no private key in it"),
        ("good.pem", "good.pem", "good.pem", "there is no private key in it"),
        ("good.pem", "cut.key", "cut.key", "damaged or cut off"),
        ("good.pem", "bad64.key", "bad64.key", "damaged or cut off"),
        ("good.pem", "odd.key", "odd.key", ""),
        ("good.pem", "encrypted.key", "encrypted.key", "openssl pkey"),
        ("good.pem", "noise.key", "noise.key", "cannot be used"),
        ("good.pem", "other.key", "other.key is not the key of", "good.pem"),
        ("upside-down.pem", "good.key", "upside-down.pem", "stands first"),
    ] {
        let settings = table::Tls {
            certificate_files: vec![folder.path("good.pem"), folder.path(certificate)],
            key_files: vec![folder.path("good.key"), folder.path(key)],
            ..table::Tls::default()
        };
        let fault = load(&settings).map(|_| ()).unwrap_err();
        let text = format!("{fault:#} {fault:?}");
        assert!(text.contains(file) && text.contains(said), "{certificate} {key}: {text}");
        assert!(!text.contains(&secret), "{text}");
    }
    let settings = folder.settings(&["good", "other"]);
    assert!(load(&settings).is_ok());
}

#[test]
fn authorities_have_faults_too() {
    let folder = Folder::make();
    folder.certificate("good", &["a.test"]);
    let empty = folder.write("empty.pem", "");
    for (file, said) in [(folder.path("no.pem"), "No such file"), (empty, "there is no certificate in it")] {
        let mut config = Config::default();
        config.upstream.ca_file = Some(file.clone());
        config.tls = table::Tls {
            client_ca_file: Some(file),
            client_certificates: crate::config::value::ClientCertificates::Required,
            ..folder.settings(&["good"])
        };
        let fault = format!("{:#}", load(&config.tls).map(|_| ()).unwrap_err());
        assert!(fault.contains(said), "{fault}");
        config.tls = table::Tls::default();
        let fault = format!("{:#}", crate::tls::check(&config).unwrap_err());
        assert!(fault.contains(said), "{fault}");
    }
}

#[test]
fn keys_of_every_usual_kind_are_taken() {
    let folder = Folder::make();
    for kind in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_ED25519,
    ] {
        folder.certificate_of("a", &["a.test"], kind);
        assert!(load(&folder.settings(&["a"])).is_ok(), "{kind:?}");
    }
    let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    folder.write("a.pem", parameters(&["a.test"]).signed_by(&key, &folder.authority).unwrap().pem());
    folder.write("a.key", key.serialize_pem());
    assert!(load(&folder.settings(&["a"])).is_ok());
}

#[test]
fn both_ends_of_a_certificate_are_read() {
    let folder = Folder::make();
    let key = KeyPair::generate().unwrap();
    let mut params = parameters(&["a.test"]);
    for self_signed in [false, true] {
        for (from, to, expected) in [
            ((1970, 1, 1), (2000, 1, 1), Validity { from: 0, to: 946_684_800 }),
            ((2020, 1, 1), (2100, 1, 1), Validity { from: 1_577_836_800, to: 4_102_444_800 }),
            ((2060, 1, 1), (4096, 1, 1), Validity { from: 2_840_140_800, to: 67_090_118_400 }),
        ] {
            params.not_before = date_time_ymd(from.0, from.1, from.2);
            params.not_after = date_time_ymd(to.0, to.1, to.2);
            let certificate = match self_signed {
                true => params.self_signed(&key).unwrap(),
                false => params.signed_by(&key, &folder.authority).unwrap(),
            };
            let files =
                [folder.write("a.pem", certificate.pem()), folder.write("a.key", key.serialize_pem())];
            let identity = Identity::load(&Contents::read(&files), &files[0], &files[1]).unwrap();
            assert_eq!(identity.valid, expected);
        }
    }
}

#[test]
fn what_has_ended_or_is_open_to_all_is_warned_of_and_served() {
    let folder = Folder::make();
    let key = KeyPair::generate().unwrap();
    let mut params = parameters(&["a.test"]);
    params.not_after = date_time_ymd(2000, 1, 1);
    folder.write("a.pem", params.self_signed(&key).unwrap().pem());
    let path = folder.write("a.key", key.serialize_pem());
    let warnings = |mode: u32| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let config = Config { tls: folder.settings(&["a"]), ..Config::default() };
        crate::tls::check(&config).unwrap()
    };
    let open = warnings(0o644);
    assert_eq!(open.len(), 2, "{open:?}");
    assert!(open[0].contains("a.key") && open[0].contains("chmod 600"), "{open:?}");
    assert!(open[1].contains("a.pem: the certificate has expired"), "{open:?}");
    assert_eq!(warnings(0o640).len(), 1);
}
