//! Whom a request is believed to come from.

use proptest::prelude::*;

use super::*;
use crate::http::h1::decode::{self, Limits};

const LIMITS: Limits = Limits { head: 65_536, target: 1024, fields: 100 };

/// Client, scheme and host, with the proxies of 10.0.0.0/8 and `2001:db8:1::/48` trusted.
fn heard(fields: &[&str]) -> (String, Option<bool>, String) {
    let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n\r\n", fields.join("\r\n"));
    let mut found = Vec::new();
    decode::request(text.as_bytes(), LIMITS, &mut found).expect("accepted").expect("whole");
    let trusted = Networks::read(&["10.0.0.0/8".to_owned(), "2001:db8:1::/48".to_owned()]).expect("networks");
    let believed = read(Lines { bytes: text.as_bytes(), fields: &found }, &trusted);
    let host = String::from_utf8_lossy(believed.host.unwrap_or_default()).into_owned();
    (believed.client.map_or_else(String::new, |client| client.to_string()), believed.secure, host)
}

fn client(fields: &[&str]) -> String {
    heard(fields).0
}

#[test]
fn the_client_is_the_first_from_the_right_that_is_not_trusted() {
    for (written, expected) in [
        ("192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7, 10.0.0.2, 10.0.0.3", "192.0.2.7"),
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:4711, 2001:db8:1::2", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7, , ", "192.0.2.7"),
        ("192.0.2.7, unknown, 10.0.0.2", "10.0.0.2"),
        ("192.0.2.7, nonsense", ""),
        ("", ""),
    ] {
        assert_eq!(client(&[&format!("X-Forwarded-For: {written}")]), expected, "{written}");
    }
}

#[test]
fn several_fields_are_one_list() {
    assert_eq!(client(&["X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 192.0.2.7, 10.0.0.1"]), "192.0.2.7");
    assert_eq!(
        client(&["Forwarded: for=6.6.6.6", "Forwarded: for=192.0.2.7", "Forwarded: for=10.0.0.1"]),
        "192.0.2.7"
    );
}

#[test]
fn scheme_and_host_are_those_that_the_clients_own_proxy_saw() {
    let told = heard(&[
        "X-Forwarded-For: 192.0.2.7",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: shop.example:8443",
    ]);
    assert_eq!(told, ("192.0.2.7".to_owned(), Some(true), "shop.example:8443".to_owned()));
    let chain = ["X-Forwarded-For: 192.0.2.7, 10.0.0.2", "X-Forwarded-Proto: http, https, http"];
    assert_eq!(heard(&chain).1, Some(true), "one proxy saw the client over TLS, the next did not use it");
    let told = heard(&[
        "Forwarded: for=6.6.6.6;proto=http, for=192.0.2.7;PROTO=https;host=\"b\", for=10.0.0.2;proto=http",
    ]);
    assert_eq!(told, ("192.0.2.7".to_owned(), Some(true), "b".to_owned()));
}

#[test]
fn a_scheme_alone_is_believed_too() {
    assert_eq!(heard(&["X-Forwarded-Proto: HTTPS"]), (String::new(), Some(true), String::new()));
    assert_eq!(heard(&["Forwarded: proto=https"]), (String::new(), Some(true), String::new()));
}

#[test]
fn the_schemes_of_websockets_are_those_that_carry_them() {
    assert_eq!(heard(&["X-Forwarded-Proto: wss"]).1, Some(true));
    assert_eq!(heard(&["Forwarded: proto=WS"]).1, Some(false));
    assert_eq!(heard(&["X-Forwarded-Proto: wsss"]).1, None);
}

#[test]
fn quotes_brackets_and_ports_are_read() {
    assert_eq!(client(&["Forwarded: for=\"[2001:db8::7]:4711\""]), "2001:db8::7");
    assert_eq!(client(&["Forwarded: For=\"192.0.2.7:4711\"; by=10.0.0.1"]), "192.0.2.7");
    assert_eq!(client(&["Forwarded: for=_hidden, for=10.0.0.2"]), "10.0.0.2");
    assert_eq!(client(&["Forwarded: for=unknown"]), "");
}

#[test]
fn what_a_client_put_before_cannot_reach_over_the_proxys_own_entry() {
    for before in ["for=\"", "for=6.6.6.6;x=\"", "\"", "for=6.6.6.6;host=\"a\\\"", ";", "for"] {
        assert_eq!(client(&[&format!("Forwarded: {before}, for=192.0.2.7")]), "192.0.2.7", "{before}");
    }
}

#[test]
fn two_fields_that_differ_are_not_believed() {
    assert_eq!(client(&["X-Forwarded-For: 192.0.2.7", "Forwarded: for=6.6.6.6"]), "");
    assert_eq!(client(&["X-Forwarded-For: 192.0.2.7", "Forwarded: for=192.0.2.7"]), "192.0.2.7");
    assert_eq!(heard(&["X-Forwarded-Proto: https", "Forwarded: proto=http"]).1, None);
}

#[test]
fn a_host_that_is_none_is_not_passed_on() {
    for host in ["a b", "a/b", "user@a", "\"a\"", "a;b\\"] {
        assert_eq!(heard(&[&format!("X-Forwarded-Host: {host}")]).2, "", "{host}");
    }
}

proptest! {
    #[test]
    fn nothing_that_a_client_writes_first_changes_what_a_trusted_proxy_appends(
        before in "[ -~]{0,60}", older in any::<bool>(), hops in 0usize..3,
    ) {
        let (name, prefix) = if older { ("X-Forwarded-For", "") } else { ("Forwarded", "for=") };
        let hops = format!(", {prefix}10.0.0.2").repeat(hops);
        let told = client(&[&format!("{name}: {before}, {prefix}192.0.2.7{hops}")]);
        prop_assert_eq!(told, "192.0.2.7");
    }
}
