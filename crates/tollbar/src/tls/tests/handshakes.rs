use rustls::{ProtocolVersion, client::Resumption};

use super::*;
use crate::{
    config::value::{ClientCertificates, TlsVersion},
    tls::renewal::Renewable,
};

#[test]
fn the_name_that_is_asked_for_decides_and_the_first_is_for_all_others() {
    let folder = Folder::make();
    let first = folder.certificate("first", &["a.test", "*.wild.test", "192.0.2.1"]);
    let second = folder.certificate("second", &["b.test", "x.wild.test", "a.test"]);
    let server = load(&folder.settings(&["first", "second"])).unwrap().in_force.load_full();
    let client = Arc::new(folder.client(None));
    for (name, expected) in [
        ("a.test", &first),
        ("A.TEST", &first),
        ("b.test", &second),
        ("one.wild.test", &first),
        // In order, and not by how well a name fits.
        ("x.wild.test", &first),
        // No name is sent for an address.
        ("192.0.2.1", &first),
    ] {
        assert_eq!(&shake(server.clone(), &client, name).unwrap().certificate, expected, "{name}");
    }
    for name in ["c.test", "two.one.wild.test", "wild.test"] {
        let refused = shake(server.clone(), &client, name).unwrap_err().to_string();
        assert!(refused.contains("not valid for name") && refused.contains("a.test"), "{name}: {refused}");
    }
}

#[test]
fn a_client_gets_a_key_of_a_kind_that_it_takes() {
    let folder = Folder::make();
    let modern = folder.certificate_of("modern", &["a.test"], &rcgen::PKCS_ED25519);
    let usual = folder.certificate("usual", &["a.test"]);
    let server = load(&folder.settings(&["modern", "usual"])).unwrap().in_force.load_full();
    let client = Arc::new(folder.client(None));
    assert_eq!(shake(server.clone(), &client, "a.test").unwrap().certificate, modern);
    let mut narrow = (*provider()).clone();
    narrow.signature_verification_algorithms.mapping = narrow
        .signature_verification_algorithms
        .mapping
        .iter()
        .filter(|(scheme, _)| *scheme != rustls::SignatureScheme::ED25519)
        .copied()
        .collect::<Vec<_>>()
        .leak();
    let mut roots = RootCertStore::empty();
    roots.add(folder.authority.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(narrow))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    assert_eq!(shake(server, &Arc::new(client), "a.test").unwrap().certificate, usual);
}

#[test]
fn versions_and_protocols_are_those_of_the_settings() {
    let folder = Folder::make();
    folder.certificate("a", &["a.test"]);
    let offers: [&[&[u8]]; 4] = [&[b"h2", b"http/1.1"], &[b"http/1.1"], &[b"h2"], &[]];
    for (min_version, http2) in
        [(TlsVersion::V12, true), (TlsVersion::V12, false), (TlsVersion::V13, true), (TlsVersion::V13, false)]
    {
        let settings = table::Tls { min_version, ..folder.settings(&["a"]) };
        let contents = Contents::read(Server::files(&settings));
        let server = Server::load(&settings, http2, &contents, &mut Expiries::default()).unwrap();
        let server = server.in_force.load_full();
        assert!(server.ticketer.enabled() && server.max_early_data_size == 0);
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            for offer in offers {
                let mut roots = RootCertStore::empty();
                roots.add(folder.authority.der().clone()).unwrap();
                let mut client = ClientConfig::builder_with_provider(provider())
                    .with_protocol_versions(&[version])
                    .unwrap()
                    .with_root_certificates(roots)
                    .with_no_client_auth();
                client.alpn_protocols = offer.iter().map(|protocol| protocol.to_vec()).collect();
                let shaken = shake(server.clone(), &Arc::new(client), "a.test");
                let case = format!("{min_version:?} {http2} {version:?} {offer:?}: {shaken:?}");
                let is_too_old =
                    version.version == ProtocolVersion::TLSv1_2 && min_version == TlsVersion::V13;
                if is_too_old || (offer == offers[2] && !http2) {
                    assert!(shaken.is_err(), "{case}");
                    continue;
                }
                let shaken = shaken.unwrap();
                let expected = offer.iter().find(|protocol| http2 || **protocol != b"h2");
                assert_eq!(shaken.protocol.as_deref(), expected.copied(), "{case}");
                assert_eq!(shaken.version, version.version, "{case}");
            }
        }
    }
}

#[test]
fn clients_bring_certificates_as_the_settings_say() {
    let (folder, stranger) = (Folder::make(), Folder::make());
    folder.certificate("a", &["a.test"]);
    let authority = folder.write("ca.pem", folder.authority.pem());
    let clients = [None, Some(&folder), Some(&stranger)];
    for (asks, expected) in [
        (ClientCertificates::Off, [true, true, true]),
        (ClientCertificates::Optional, [true, true, false]),
        (ClientCertificates::Required, [false, true, false]),
    ] {
        let client_ca_file = (asks != ClientCertificates::Off).then(|| authority.clone());
        let settings = table::Tls { client_certificates: asks, client_ca_file, ..folder.settings(&["a"]) };
        let server = load(&settings).unwrap().in_force.load_full();
        let taken =
            clients.map(|shows| shake(server.clone(), &Arc::new(folder.client(shows)), "a.test").is_ok());
        assert_eq!(taken, expected, "{asks:?}: no certificate, a right one, a stranger's");
    }
}

#[test]
fn a_client_resumes_and_a_new_certificate_of_ours_does_not_hinder_it() {
    let folder = Folder::make();
    folder.certificate("a", &["a.test"]);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = RootCertStore::empty();
        roots.add(folder.authority.der().clone()).unwrap();
        let mut client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.resumption = Resumption::in_memory_sessions(8);
        let client = Arc::new(client);
        let settings = folder.settings(&["a"]);
        let mut server = load(&settings).unwrap();
        let in_force = server.in_force.clone();
        let resumes = || shake(in_force.load_full(), &client, "a.test").unwrap().is_resumed;
        assert_eq!([resumes(), resumes(), resumes()], [false, true, true], "{version:?}");
        folder.certificate("a", &["a.test"]);
        let contents = Contents::read(Server::files(&settings));
        server.renew(&contents, &mut Expiries::default()).unwrap();
        assert!(resumes(), "{version:?}");
    }
}

#[test]
fn nobody_resumes_past_a_change_of_the_authorities() {
    let (folder, next) = (Folder::make(), Folder::make());
    folder.certificate("a", &["a.test"]);
    let settings = table::Tls {
        client_ca_file: Some(folder.write("ca.pem", folder.authority.pem())),
        client_certificates: ClientCertificates::Required,
        ..folder.settings(&["a"])
    };
    let client = Arc::new(folder.client(Some(&folder)));
    let mut server = load(&settings).unwrap();
    let in_force = server.in_force.clone();
    let shaken = || shake(in_force.load_full(), &client, "a.test");
    assert!(!shaken().unwrap().is_resumed);
    assert!(shaken().unwrap().is_resumed);
    folder.write("ca.pem", next.authority.pem());
    server.renew(&Contents::read(Server::files(&settings)), &mut Expiries::default()).unwrap();
    assert!(shaken().is_err(), "the certificate is checked against the new authority");
}

#[test]
fn upstreams_are_trusted_as_the_settings_say_and_shown_the_certificate_in_force() {
    let (folder, stranger) = (Folder::make(), Folder::make());
    folder.certificate("a", &["up.test"]);
    folder.certificate("us", &["gateway"]);
    let authority = folder.write("ca.pem", folder.authority.pem());
    let asking = table::Tls {
        client_ca_file: Some(authority.clone()),
        client_certificates: ClientCertificates::Required,
        ..folder.settings(&["a"])
    };
    let upstream = load(&asking).unwrap().in_force.load_full();
    let config = |ca_file: &Path, shows: bool| {
        let mut config = Config::default();
        config.upstream.ca_file = Some(ca_file.to_owned());
        config.upstream.certificate_file = shows.then(|| folder.path("us.pem"));
        config.upstream.key_file = shows.then(|| folder.path("us.key"));
        crate::tls::upstream::Upstreams::load(&config.upstream, &mut Expiries::default()).unwrap()
    };
    let wrong = stranger.write("ca.pem", stranger.authority.pem());
    for (ca_file, shows, expected) in
        [(&authority, true, true), (&authority, false, false), (&wrong, true, false)]
    {
        let ours = config(ca_file, shows);
        assert!(ours.authorities_are_known);
        let shaken = shake(upstream.clone(), &ours.config, "up.test");
        assert_eq!(shaken.is_ok(), expected, "{ca_file:?} {shows}: {shaken:?}");
        if let Ok(shaken) = shaken {
            assert_eq!(shaken.protocol.as_deref(), Some(&b"http/1.1"[..]));
        }
    }
    // What is shown is renewed: here by one that the upstream does not take.
    let ours = config(&authority, true);
    let (_, mut shown) = ours.shown.unwrap();
    stranger.certificate("us", &["gateway"]);
    for name in ["us.pem", "us.key"] {
        std::fs::copy(stranger.path(name), folder.path(name)).unwrap();
    }
    let files = [folder.path("us.pem"), folder.path("us.key")];
    assert!(shake(upstream, &ours.config, "up.test").is_ok());
    shown.renew(&Contents::read(&files), &mut Expiries::default()).unwrap();
    let fresh = load(&asking).unwrap().in_force.load_full();
    assert!(shake(fresh, &ours.config, "up.test").is_err());
}

#[test]
fn what_is_older_than_any_version_we_speak_is_refused_by_an_alert() {
    let folder = Folder::make();
    folder.certificate("a", &["a.test"]);
    let server = load(&folder.settings(&["a"])).unwrap().in_force.load_full();
    // A ClientHello for TLS 1.0 and for 1.1, with two usual cipher suites and no extension.
    for minor in [1, 2] {
        let mut body = vec![3, minor];
        body.extend([7; 32]);
        body.extend([0, 0, 4, 0xc0, 0x13, 0xc0, 0x14, 1, 0]);
        let length = u8::try_from(body.len()).unwrap();
        let hello = [&[0x16, 3, 1, 0, length + 4, 1, 0, 0, length], body.as_slice()].concat();
        let mut connection = ServerConnection::new(server.clone()).unwrap();
        connection.read_tls(&mut hello.as_slice()).unwrap();
        connection.process_new_packets().unwrap_err();
        let mut answer = Vec::new();
        connection.write_tls(&mut answer).unwrap();
        // An alert, fatal: handshake_failure or protocol_version.
        let is_refused =
            answer.len() == 7 && answer[0] == 0x15 && answer[5] == 2 && matches!(answer[6], 40 | 70);
        assert!(is_refused, "TLS 1.{}: {answer:?}", minor - 1);
    }
}
