use serde_json::{Value, json};

use super::*;
use crate::http::h1::decode::{self, Limits};

/// A matcher with the keys of `written`.
fn matcher(written: &Value) -> Result<Matcher, Flaw> {
    let mut whole = json!({"path": [], "method": [], "host": [], "field": {}, "client": [], "scheme": []});
    for (key, value) in written.as_object().expect("a table") {
        whole[key] = value.clone();
    }
    Matcher::new(&serde_json::from_value(whole).expect("a matcher as written"))
}

/// Whether a request with this start line and these fields matches.
fn is_met(written: &Value, start: &str, fields: &str, client: &str, secure: bool) -> bool {
    let text = format!("{start} HTTP/1.1\r\n{fields}\r\n");
    let mut places = Vec::new();
    let limits = Limits { head: 1 << 16, target: 1 << 12, fields: 100 };
    let head = decode::request(text.as_bytes(), limits, &mut places).expect("accepted").expect("whole");
    let bytes = text.as_bytes();
    let request = Request {
        lines: Lines { bytes, fields: &places },
        target: head.target.of(bytes),
        host: head.host.of(bytes),
        method: head.method_text.of(bytes),
        client: client.parse().expect("an address"),
        secure,
    };
    matcher(written).expect("a matcher").matches(&request)
}

fn meets(written: &Value, start: &str, fields: &str) -> bool {
    is_met(written, start, fields, "192.0.2.7", false)
}

#[test]
fn a_path_is_compared_without_its_query() {
    let written = json!({"path": ["/a", "*.css"]});
    for (start, met) in [
        ("GET /a", true),
        ("GET /a?b=/c", true),
        ("GET /a/", false),
        ("GET /x/y.css?v=1", true),
        ("GET /x?file=y.css", false),
        ("GET http://h/a", true),
        ("OPTIONS *", false),
    ] {
        assert_eq!(meets(&written, start, "Host: h\r\n"), met, "{start}");
    }
}

#[test]
fn a_method_is_compared_letter_by_letter() {
    let written = json!({"method": ["GET", "HEAD"]});
    for (start, met) in [("GET /", true), ("HEAD /", true), ("POST /", false), ("get /", false)] {
        assert_eq!(meets(&written, start, "Host: h\r\n"), met, "{start}");
    }
}

#[test]
fn a_host_is_compared_without_port_and_case() {
    let written = json!({"host": ["shop.example", "*.cdn.example", "[2001:db8::1]"]});
    for (host, met) in [
        ("shop.example", true),
        ("SHOP.example:8080", true),
        ("shop.example.", true),
        ("a.shop.example", false),
        ("a.cdn.example", true),
        ("a.b.cdn.example:80", true),
        ("cdn.example", false),
        ("xcdn.example", false),
        (".cdn.example", false),
        ("[2001:db8::1]:80", true),
        ("[2001:DB8::1]", true),
        ("[2001:db8::2]", false),
    ] {
        assert_eq!(meets(&written, "GET /", &format!("Host: {host}\r\n")), met, "{host}");
    }
    assert!(meets(&written, "GET http://shop.example/", "Host: shop.example\r\n"));
}

#[test]
fn every_field_must_be_there_with_one_of_its_values() {
    let written = json!({"field": {"user-agent": ["*bot*", "curl/*"], "X-Probe": ["*"]}});
    for (fields, met) in [
        ("User-Agent: Robot/1\r\nX-Probe: 1\r\n", true),
        ("USER-AGENT: curl/8\r\nx-probe:\r\n", true),
        ("User-Agent: Robot/1\r\n", false),
        ("X-Probe: 1\r\n", false),
        ("User-Agent: a browser\r\nUser-Agent: a bot\r\nX-Probe: 1\r\n", true),
        ("User-Agent: a browser\r\nX-Probe: bot\r\n", false),
    ] {
        assert_eq!(meets(&written, "GET /", &format!("Host: h\r\n{fields}")), met, "{fields}");
    }
}

#[test]
fn a_client_is_in_one_of_the_networks() {
    let written = json!({"client": ["192.0.2.0/24", "2001:db8::/32", "198.51.100.1", "10.1.2.3/8"]});
    for (client, met) in [
        ("192.0.2.255", true),
        ("192.0.3.0", false),
        ("::ffff:192.0.2.1", true),
        ("2001:db8:ffff::1", true),
        ("2001:db9::", false),
        ("198.51.100.1", true),
        ("198.51.100.2", false),
        ("10.255.0.0", true),
    ] {
        assert_eq!(is_met(&written, "GET /", "Host: h\r\n", client, false), met, "{client}");
    }
    for (all, four, six) in [("0.0.0.0/0", true, false), ("::/0", false, true)] {
        assert_eq!(is_met(&json!({"client": [all]}), "GET /", "Host: h\r\n", "192.0.2.1", false), four);
        assert_eq!(is_met(&json!({"client": [all]}), "GET /", "Host: h\r\n", "2001:db8::1", false), six);
    }
    for text in ["192.0.2.0/33", "2001:db8::/129", "192.0.2", "192.0.2.0/", "192.0.2.0/-1", ""] {
        assert_eq!(
            matcher(&json!({"client": [text]})).map_err(|(key, _)| key).err(),
            Some("client"),
            "{text}"
        );
    }
}

#[test]
fn a_scheme_is_that_of_the_connection() {
    for (written, plain, secure) in [(json!(["http"]), true, false), (json!(["https"]), false, true)] {
        let written = json!({"scheme": written});
        assert_eq!(is_met(&written, "GET /", "Host: h\r\n", "192.0.2.7", false), plain);
        assert_eq!(is_met(&written, "GET /", "Host: h\r\n", "192.0.2.7", true), secure);
    }
}

#[test]
fn all_keys_must_hold() {
    let written = json!({"path": ["/a"], "method": ["GET"], "host": ["h"], "scheme": ["http"],
        "client": ["192.0.2.7"], "field": {"a": ["1"]}});
    assert!(meets(&written, "GET /a", "Host: h\r\na: 1\r\n"));
    assert!(!meets(&written, "GET /b", "Host: h\r\na: 1\r\n"));
    assert!(!meets(&written, "PUT /a", "Host: h\r\na: 1\r\n"));
    assert!(!meets(&written, "GET /a", "Host: i\r\na: 1\r\n"));
    assert!(!meets(&written, "GET /a", "Host: h\r\na: 2\r\n"));
    assert!(!is_met(&written, "GET /a", "Host: h\r\na: 1\r\n", "192.0.2.8", false));
    assert!(!is_met(&written, "GET /a", "Host: h\r\na: 1\r\n", "192.0.2.7", true));
}
