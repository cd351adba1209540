//! sslscan: what a look from outside says about TLS.

use super::{run, shops, tool};

/// Values of an attribute, in order.
fn attributes<'a>(xml: &'a str, element: &str, attribute: &str) -> Vec<&'a str> {
    let start = format!("<{element} ");
    let name = format!(" {attribute}=\"");
    let elements = xml.split(start.as_str()).skip(1).filter_map(|rest| rest.split('>').next());
    elements
        .map(|element| {
            let padded = element.find(&name[1..]).filter(|at| *at == 0).map(|_| &element[name.len() - 1..]);
            let rest = padded.or_else(|| element.split_once(name.as_str()).map(|(_, rest)| rest));
            rest.unwrap_or_else(|| panic!("no {attribute}: {element}")).split('"').next().unwrap()
        })
        .collect()
}

#[test]
fn a_scan_of_tls_finds_nothing_old_weak_or_broken() {
    let (_authority, _, shop) = shops();
    let mut command = tool("sslscan");
    command.args(["--no-colour", "--sni-name=a.test", "--show-sigs", "--xml=-"]);
    let (output, xml) = run(command.arg(shop.platform.gateway.to_string()));
    assert!(output.status.success(), "{xml}");
    let enabled: Vec<_> = attributes(&xml, "protocol", "type")
        .into_iter()
        .zip(attributes(&xml, "protocol", "version"))
        .zip(attributes(&xml, "protocol", "enabled"))
        .collect();
    for ((kind, version), is_enabled) in &enabled {
        let expected = if matches!((*kind, *version), ("tls", "1.2" | "1.3")) { "1" } else { "0" };
        assert_eq!(*is_enabled, expected, "{kind} {version}");
    }
    assert_eq!(enabled.len(), 6, "{xml}");
    assert_eq!(attributes(&xml, "renegotiation", "supported"), ["0"], "{xml}");
    // Debian's cannot look for compression, others may.
    assert!(attributes(&xml, "compression", "supported").iter().all(|value| *value == "0"), "{xml}");
    let bleeding = attributes(&xml, "heartbleed", "vulnerable");
    assert!(bleeding.len() == 2 && bleeding.iter().all(|value| *value == "0"), "{xml}");
    let ciphers = attributes(&xml, "cipher", "cipher");
    let strengths = attributes(&xml, "cipher", "strength");
    let bits = attributes(&xml, "cipher", "bits");
    println!("{ciphers:?}");
    assert!(ciphers.len() >= 6, "{ciphers:?}");
    for ((cipher, strength), bits) in ciphers.iter().zip(strengths).zip(bits) {
        // Forward secrecy, and integrity with the encryption: everything else is of another time.
        let is_modern = cipher.starts_with("TLS_") || cipher.starts_with("ECDHE-");
        let is_whole = cipher.contains("GCM") || cipher.contains("POLY1305");
        assert!(is_modern && is_whole && matches!(strength, "strong" | "acceptable"), "{cipher} {strength}");
        assert!(bits.parse::<u32>().unwrap() >= 128, "{cipher} {bits}");
    }
    let groups = attributes(&xml, "group", "bits");
    assert!(!groups.is_empty() && groups.iter().all(|bits| bits.parse::<u32>().unwrap() >= 128), "{xml}");
    for signature in attributes(&xml, "connection-signature-algorithm", "name") {
        let is_old = ["md5", "sha1", "dsa_sha"].iter().any(|old| signature.starts_with(old));
        assert!(!is_old, "{signature}");
    }
    // The scan is not all that there was.
    assert_eq!(attributes(&xml, "certificate", "type").len().min(1), 1, "{xml}");
}
