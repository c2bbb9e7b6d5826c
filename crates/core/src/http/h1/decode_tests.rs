use proptest::prelude::*;

use super::super::encode::{self, Delivery, Lines};
use super::super::target::is_authority;
use super::*;
use crate::http::edits::Edits;
use crate::http::forwarded::{Forwarded, Origin};

const LIMITS: Limits = Limits { head: 4096, target: 1024, fields: 20 };

fn read(text: &[u8]) -> Result<Option<(RequestHead, Vec<Field>)>, Refusal> {
    let mut fields = Vec::new();
    Ok(request(text, LIMITS, &mut fields)?.map(|head| (head, fields)))
}

fn whole(text: &str) -> RequestHead {
    read(text.as_bytes()).expect("accepted").expect("complete").0
}

fn refusal(text: &str) -> Refusal {
    read(text.as_bytes()).expect_err(text)
}

/// A request with these field lines.
fn with(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

fn answer(text: &str, to: Method) -> Result<Option<ResponseHead>, Refusal> {
    response(text.as_bytes(), 4096, to, &mut Vec::new())
}

#[test]
fn a_head_is_read_where_it_lies() {
    let text = b"\r\nPOST /a?b HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\nX:  y z\t\r\n\r\nhello";
    let (head, fields) = read(text).expect("accepted").expect("complete");
    assert_eq!(head.method_text.of(text), b"POST");
    assert_eq!(head.target.of(text), b"/a?b");
    assert_eq!(head.host.of(text), b"shop.test");
    assert_eq!((head.framing, head.http11, head.keep_alive), (Framing::Length(5), true, true));
    assert_eq!(&text[head.length as usize..], b"hello");
    let lines: Vec<_> = fields.iter().map(|field| field.line.of(text)).collect();
    assert_eq!(lines, [&b"Host: shop.test\r\n"[..], b"Content-Length: 5\r\n", b"X:  y z\t\r\n"]);
    assert_eq!((fields[2].name.of(text), fields[2].value.of(text)), (&b"X"[..], &b"y z"[..]));
}

#[test]
fn every_part_of_a_head_is_incomplete() {
    let text = with("Content-Length: 5\r\n");
    for end in 0..text.len() {
        assert!(matches!(read(&text.as_bytes()[..end]), Ok(None)), "{end}");
    }
}

#[test]
fn the_length_of_a_body_is_told_in_one_way() {
    assert_eq!(whole(&with("")).framing, Framing::None);
    assert_eq!(whole(&with("Content-Length: 0\r\n")).framing, Framing::Length(0));
    assert_eq!(whole(&with("transfer-encoding: Chunked\r\n")).framing, Framing::Chunked);
    for (lines, expected) in [
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Refusal::ContentLength),
        ("Content-Length: +5\r\n", Refusal::ContentLength),
        ("Content-Length: 12345678901234567890\r\n", Refusal::ContentLength),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Refusal::TwoLengths),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Refusal::TransferEncoding),
        ("Transfer-Encoding: chunked, gzip\r\n", Refusal::TransferEncoding),
        ("Transfer-Encoding: gzip\r\n", Refusal::UnknownCoding),
    ] {
        assert_eq!(refusal(&with(lines)), expected, "{lines}");
    }
    assert_eq!(refusal("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), Refusal::TransferEncoding);
}

#[test]
fn each_refusal_has_its_reason() {
    for (text, expected) in [
        ("GET /\r\n\r\n", Refusal::StartLine),
        ("GET / HTTP/1.1 \r\n\r\n", Refusal::StartLine),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::StartLine),
        ("GET / HTTP/2.0\r\n\r\n", Refusal::Version),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Target),
        ("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Target),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Target),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", Refusal::Connect),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Trace),
        ("Head / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::MethodCase),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\n\r\n", Refusal::Lookalike),
        ("\r\n\r\n\r\n\r\n\r", Refusal::StartLine),
        ("GET / HTTP/1.1\r\n\r\n", Refusal::Host),
        ("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", Refusal::Host),
        ("GET / HTTP/1.1\r\nHost: [a]\r\n\r\n", Refusal::Host),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Refusal::Host),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", Refusal::Host),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Host),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Refusal::FieldLine),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", Refusal::FieldLine),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", Refusal::FieldLine),
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", Refusal::BareLf),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", Refusal::BareLf),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", Refusal::BareLf),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::BareLf),
    ] {
        assert_eq!(refusal(text), expected, "{text:?}");
    }
}

#[test]
fn limits_are_held_before_and_after_the_end() {
    let target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(1024));
    assert_eq!(refusal(&target), Refusal::TargetTooLong);
    assert_eq!(refusal(&"a".repeat(2000)), Refusal::TargetTooLong);
    let large = with(&format!("X: {}\r\n", "a".repeat(4096)));
    assert_eq!(refusal(&large), Refusal::HeadTooLarge);
    assert_eq!(refusal(&large[..4097]), Refusal::HeadTooLarge);
    assert_eq!(refusal(&with(&"X: 1\r\n".repeat(20))), Refusal::HeadTooLarge);
    assert_eq!(refusal(&with(&"X: 1\r\n".repeat(300))), Refusal::HeadTooLarge);
    whole(&with(&"X: 1\r\n".repeat(19)));
}

#[test]
fn the_absolute_form_is_read_as_target_and_host() {
    for (target, path) in [("http://a/b?c", "/b?c"), ("HTTPS://A/", "/"), ("http://a", "/")] {
        let text = format!("GET {target} HTTP/1.0\r\n\r\n");
        let head = whole(&text);
        assert_eq!(head.target.of(text.as_bytes()), path.as_bytes());
        assert!(head.host.of(text.as_bytes()).eq_ignore_ascii_case(b"a"));
    }
}

#[test]
fn the_absolute_form_tells_the_scheme() {
    for (target, secure) in [("http://a/", Some(false)), ("HTTPS://a", Some(true)), ("/", None)] {
        assert_eq!(whole(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).scheme_secure, secure);
    }
}

#[test]
fn only_a_get_without_content_asks_for_websocket() {
    let asks = |method: &str, framing: &str| {
        whole(&format!(
            "{method} / HTTP/1.1\r\nHost: a\r\n{framing}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        ))
        .upgrade
    };
    assert!(asks("GET", "") && asks("GET", "Content-Length: 0\r\n"));
    assert!(!asks("GET", "Content-Length: 1\r\n") && !asks("GET", "Transfer-Encoding: chunked\r\n"));
    assert!(!asks("POST", "Content-Length: 0\r\n"));
}

#[test]
fn an_authority_is_a_host_with_or_without_a_port() {
    for host in ["a", "a:0", "a.b:65535", "192.0.2.7:80", "[::1]", "[::1]:80", "a_b", "a'b"] {
        assert!(is_authority(host.as_bytes()), "{host}");
    }
    for host in
        ["", ":1", "a:", "a:65536", "a:000001", "a:1:1", "a%41", "a b", "[]", "[::1", "[::1]a", "]", "a@b"]
    {
        assert!(!is_authority(host.as_bytes()), "{host}");
    }
}

#[test]
fn a_connection_whose_server_may_send_a_body_after_all_is_not_kept() {
    for (fields, kept) in [
        ("", true),
        ("Content-Length: 0\r\n", true),
        ("Content-Length: 5\r\n", false),
        ("Transfer-Encoding: chunked\r\n", false),
    ] {
        let text = format!("HTTP/1.1 204 No Content\r\n{fields}\r\n");
        assert_eq!(
            answer(&text, Method::Other).expect("accepted").expect("complete").keep_alive,
            kept,
            "{fields}"
        );
    }
}

#[test]
fn a_connection_is_kept_as_version_and_fields_say() {
    for (version, lines, kept) in [
        ("1.1", "", true),
        ("1.0", "", false),
        ("1.1", "Connection: close\r\n", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.1", "Connection: keep-alive, X\r\nConnection: CLOSE\r\n", false),
    ] {
        let text = format!("GET / HTTP/{version}\r\nHost: a\r\n{lines}\r\n");
        assert_eq!(whole(&text).keep_alive, kept, "{text}");
    }
}

#[test]
fn a_response_ends_as_its_request_status_and_fields_say() {
    let framing = |text: &str, to| answer(text, to).expect("accepted").expect("complete").framing;
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(framing(length, Method::Idempotent), Framing::Length(5));
    assert_eq!(framing(length, Method::Head), Framing::None);
    for bodiless in ["103 Early Hints", "204 No Content", "304 Not Modified"] {
        assert_eq!(framing(&format!("HTTP/1.1 {bodiless}\r\n\r\n"), Method::Other), Framing::None);
    }
    assert_eq!(framing("HTTP/1.1 200\r\n\r\n", Method::Other), Framing::UntilClose);
    assert_eq!(
        framing("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", Method::Other),
        Framing::Chunked
    );
}

#[test]
fn a_response_that_cannot_be_passed_on_is_refused() {
    for (text, expected) in [
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", Refusal::Upgrade),
        ("HTTP/1.1 099 Odd\r\n\r\n", Refusal::StartLine),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", Refusal::StartLine),
        ("HTTP/1.1 200 OK\r\nX : 1\r\n\r\n", Refusal::FieldLine),
        ("HTTP/1.1 200 OK\nX: 1\r\n\r\n", Refusal::BareLf),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Refusal::TransferEncoding),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", Refusal::TwoLengths),
    ] {
        assert_eq!(answer(text, Method::Idempotent).expect_err(text), expected, "{text:?}");
    }
}

/// What of a head has to survive being written anew: method, target, host, framing and the fields that travel on.
type Meaning = (Vec<u8>, Vec<u8>, Vec<u8>, Framing, Vec<(Vec<u8>, Vec<u8>)>);

fn meaning(text: &[u8], head: &RequestHead, fields: &[Field], drop_named: bool) -> Meaning {
    let of = |span: Span| span.of(text).to_vec();
    let named = |field: &&Field| {
        let connections = fields.iter().filter(|other| drop_named && other.known == Known::Connection);
        connections
            .flat_map(|other| list(other.value.of(text)))
            .any(|name| name.eq_ignore_ascii_case(field.name.of(text)))
    };
    let travels = fields.iter().filter(|field| field.known == Known::Other && !named(field));
    let pairs = travels.map(|field| (of(field.name), of(field.value))).collect();
    let target = if head.whole_server { b"*".to_vec() } else { of(head.target) };
    (of(head.method_text), target, of(head.host), head.framing, pairs)
}

fn nearly_http() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        6 => "(GET|POST|OPTIONS|X!) (/[a-z?]{0,4}|\\*|http://a[/?]?) HTTP/1\\.[01]\r\n",
        6 => "Host: ?[a-z:@]{0,3}\r\n",
        3 => "(Content-Length|Transfer-Encoding|Connection): ?(5|0|chunked|close|x|X-[AB])\r\n",
        4 => "(X-A|X-B|Cookie|Forwarded|TE|Expect)[ :]{1,2}[ -~\t]{0,8}\r\n",
        1 => "[\\x00-\\x7f]{0,9}",
    ];
    let start = "(GET|POST|OPTIONS) (/[a-z?]{0,4}|http://a/?) HTTP/1\\.[01]\r\nHost: a\r\n";
    let lines = prop::collection::vec(line.prop_map(String::into_bytes), 0..6);
    (start, lines).prop_map(|(start, lines)| [start.into_bytes(), lines.concat(), b"\r\n".to_vec()].concat())
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), to_head: bool) {
        let mut fields = Vec::new();
        let _ = request(&bytes, LIMITS, &mut fields);
        let to = if to_head { Method::Head } else { Method::Other };
        let _ = response(&bytes, 4096, to, &mut fields);
        let _ = response(&[b"HTTP/1.1 200 OK\r\n", &bytes[..]].concat(), 4096, to, &mut fields);
    }

    #[test]
    fn what_is_written_anew_means_what_was_read(text in nearly_http(), host in any::<[u8; 4]>()) {
        let Ok(Some((head, fields))) = read(&text) else { return Ok(()) };
        let origin = Origin { client: host.into(), secure: false };
        let mut out = Vec::new();
        let lines = Lines { bytes: &text, fields: &fields };
        encode::request(lines, &head, Forwarded { origin, host: head.host.of(&text) }, &encode::tests::without(Some("EQ"), lines), &mut out);
        let Ok(Some((again, written))) = read(&out) else {
            return Err(TestCaseError::fail(String::from_utf8_lossy(&out).into_owned()));
        };
        prop_assert_eq!(again.length as usize, out.len());
        prop_assert!(again.http11);
        prop_assert_eq!(meaning(&text, &head, &fields, true), meaning(&out, &again, &written, false));
    }

    #[test]
    fn a_response_written_anew_is_read_the_same(
        status in 200u16..600, length in prop::option::of(0u64..99), chunked: bool, http11: bool, value in "[!-~]{0,9}",
    ) {
        let mut text = format!("HTTP/1.1 {status} So\r\nX-A: {value}\r\nConnection: X-B\r\nX-B: 1\r\n");
        match length {
            Some(length) => text.extend(["Content-Length: ", &length.to_string(), "\r\n"]),
            None if chunked => text += "Transfer-Encoding: chunked\r\n",
            None => {}
        }
        text += "\r\n";
        let mut fields = Vec::new();
        let head = response(text.as_bytes(), 4096, Method::Other, &mut fields).expect("accepted").expect("complete");
        let mut delivery = Delivery { http11, keep: true };
        let framed = delivery.framing(head.framing);
        let mut out = Vec::new();
        encode::response(Lines { bytes: text.as_bytes(), fields: &fields }, &head, delivery, framed, &Edits::default(), &mut out);
        out.extend_from_slice(b"\r\n");
        let mut written = Vec::new();
        let again = response(&out, 4096, Method::Other, &mut written).expect("accepted").expect("complete");
        prop_assert_eq!((again.status, again.framing), (status, framed));
        prop_assert_eq!(again.described_length, head.described_length);
        let named: Vec<_> = written.iter().map(|field| field.name.of(&out)).filter(|name| name.starts_with(b"X-")).collect();
        prop_assert_eq!(named, [b"X-A"]);
        prop_assert_eq!(written[0].value.of(&out), value.as_bytes());
    }
}
