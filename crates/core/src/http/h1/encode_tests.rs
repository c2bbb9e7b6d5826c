use super::super::decode::{self, Limits};
use super::*;
use crate::http::cookies;
use crate::http::forwarded::Origin;
use crate::http::method::Method;
use crate::http::set_cookie;

const LIMITS: Limits = Limits { head: 4096, target: 1024, fields: 50 };

/// The edits that take the cookie `name` out, of requests and of responses.
pub(in crate::http::h1) fn without(name: Option<&str>, lines: Lines<'_>) -> Edits {
    let mut edits = Edits::default();
    if let Some(name) = name.map(str::as_bytes) {
        cookies::values(lines, name).for_each(|value| edits.take(value));
        set_cookie::lines(lines, name).for_each(|field| edits.cut(field.line));
        cookies::leave_out(lines, &mut edits);
    }
    edits.arrange();
    edits
}

fn sent(text: &str, strip: Option<&str>) -> String {
    let mut fields = Vec::new();
    let head = decode::request(text.as_bytes(), LIMITS, &mut fields).expect("accepted").expect("complete");
    let origin = Origin { client: [192, 0, 2, 7].into(), secure: true };
    let mut out = Vec::new();
    let lines = Lines { bytes: text.as_bytes(), fields: &fields };
    request(
        lines,
        &head,
        Forwarded { origin, host: head.host.of(text.as_bytes()) },
        &without(strip, lines),
        &mut out,
    );
    String::from_utf8(out).expect("text")
}

fn relayed(text: &str, mut delivery: Delivery, ours: Option<&str>) -> String {
    let mut fields = Vec::new();
    let head = decode::response(text.as_bytes(), 4096, Method::Other, &mut fields)
        .expect("accepted")
        .expect("complete");
    let framed = delivery.framing(head.framing);
    let mut out = Vec::new();
    let lines = Lines { bytes: text.as_bytes(), fields: &fields };
    response(lines, &head, delivery, framed, &without(ours, lines), &mut out);
    String::from_utf8(out).expect("text")
}

const OURS: &str = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\n\
                    Forwarded: for=192.0.2.7;host=\"a\";proto=https\r\n";
const KEPT: Delivery = Delivery { http11: true, keep: true };

#[test]
fn runs_of_lines_are_copied_around_what_stays_behind() {
    let lines = "A: 1\r\nB:2\r\nTE: x\r\nC:  3 \r\nX-Forwarded-For: 1\r\nKeep-Alive: 5\r\nD: 4\r\n";
    let text = format!("GET /x HTTP/1.0\r\nHost: a\r\n{lines}\r\n");
    let kept = "A: 1\r\nB:2\r\nC:  3 \r\nD: 4\r\n";
    assert_eq!(sent(&text, None), format!("GET /x HTTP/1.1\r\nHost: a\r\n{kept}{OURS}\r\n"));
}

#[test]
fn our_cookie_goes_and_the_order_of_lines_stays() {
    let text = "GET / HTTP/1.1\r\nA: 1\r\nCookie: x=1; EQ=2;y=3\r\nHost: a\r\nCookie: EQ=4\r\nB: 2\r\n\r\n";
    let expected = "GET / HTTP/1.1\r\nA: 1\r\nCookie: x=1;y=3\r\nHost: a\r\nB: 2\r\n";
    assert_eq!(sent(text, Some("EQ")), format!("{expected}{OURS}\r\n"));
    assert!(sent(text, None).contains("Cookie: x=1; EQ=2;y=3\r\nHost: a\r\nCookie: EQ=4\r\n"));
}

#[test]
fn fields_that_connection_names_end_here() {
    let text = "GET / HTTP/1.1\r\nX-A: 1\r\nConnection: x-a, close\r\nHost: a\r\nX-B: 2\r\nConnection: X-C,,\r\nX-C: 3\r\n\r\n";
    assert_eq!(sent(text, None), format!("GET / HTTP/1.1\r\nHost: a\r\nX-B: 2\r\n{OURS}\r\n"));
    let text = "GET / HTTP/1.1\r\nConnection: host, cookie\r\nHost: a\r\nCookie: b\r\n\r\n";
    assert_eq!(sent(text, None), format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: b\r\n{OURS}\r\n"));
}

#[test]
fn there_is_always_one_host() {
    for text in ["GET http://a/ HTTP/1.0\r\n\r\n", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"] {
        assert_eq!(sent(text, None), format!("GET / HTTP/1.1\r\nHost: a\r\n{OURS}\r\n"));
    }
    for text in ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n"] {
        assert_eq!(sent(text, None).matches("Host:").count(), 1, "{text}");
    }
}

#[test]
fn framing_is_written_by_us() {
    let text = "POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 007\r\n\r\n";
    assert!(sent(text, None).ends_with("proto=https\r\nContent-Length: 7\r\n\r\n"));
    let text = "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: CHUNKED\r\n\r\n";
    assert!(sent(text, None).ends_with("proto=https\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

#[test]
fn a_response_is_framed_for_its_client() {
    let text = "HTTP/1.1 200 OK\r\nA: 1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    assert_eq!(relayed(text, KEPT, None), "HTTP/1.1 200 OK\r\nA: 1\r\nTransfer-Encoding: chunked\r\n");
    let old = Delivery { http11: false, keep: true };
    assert_eq!(relayed(text, old, None), "HTTP/1.1 200 OK\r\nA: 1\r\nConnection: close\r\n");
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(
        relayed(text, old, None),
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n"
    );
    let last = Delivery { http11: true, keep: false };
    assert_eq!(relayed(text, last, None), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n");
}

#[test]
fn what_a_426_demands_is_told_as_an_option_of_the_connection() {
    let text = "HTTP/1.1 426 \r\nUpgrade: HTTP/3.0\r\nA: 1\r\nConnection: x, Upgrade\r\nX: y\r\n\r\n";
    let status = "HTTP/1.1 426 \r\nUpgrade: HTTP/3.0\r\nA: 1\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(relayed(text, KEPT, None), format!("{status}Connection: upgrade\r\n"));
    let last = Delivery { http11: true, keep: false };
    assert_eq!(relayed(text, last, None), format!("{status}Connection: close, upgrade\r\n"));
    let text = text.replace("Upgrade: HTTP/3.0\r\n", "");
    assert!(!relayed(&text, KEPT, None).contains("Connection"));
    // Elsewhere it is an offer that nobody has to know of.
    let text = "HTTP/1.1 200 \r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(relayed(text, KEPT, None), "HTTP/1.1 200 \r\nContent-Length: 0\r\n");
}

#[test]
fn a_server_does_not_set_our_cookie() {
    let text = "HTTP/1.1 204 \r\nSet-Cookie: EQ=1\r\nSet-Cookie: a=EQ\r\nset-cookie: EQ =2; Path=/\r\n\r\n";
    assert_eq!(relayed(text, KEPT, Some("EQ")), "HTTP/1.1 204 \r\nSet-Cookie: a=EQ\r\n");
    assert_eq!(relayed(text, KEPT, None).matches("EQ").count(), 3);
}

#[test]
fn an_interim_response_says_nothing_of_the_connection() {
    let last = Delivery { http11: true, keep: false };
    let text = "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(relayed(text, last, None), "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n");
}

#[test]
fn chunk_sizes_and_numbers_are_written_as_they_are_read() {
    for (length, expected) in [
        (0, "0\r\n"),
        (9, "9\r\n"),
        (16, "10\r\n"),
        (0x00ab_cdef, "abcdef\r\n"),
        (usize::MAX, "ffffffffffffffff\r\n"),
    ] {
        let mut out = Vec::new();
        chunk_size(length, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
    for number in [0, 7, 10, 18_446_744_073_709_551_615] {
        let mut out = Vec::new();
        decimal(number, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), number.to_string());
    }
}

#[test]
fn a_date_has_one_form_and_one_length() {
    assert_eq!(&date_line(784_111_777), b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    assert_eq!(date_line(0).len(), date_line(u64::MAX).len());
}

#[test]
fn numbers_are_written_as_people_write_them() {
    let near = |number: u64| [number.saturating_sub(1), number, number.saturating_add(1)];
    let powers = (0..20).map(|power| 10_u64.pow(power));
    let drawn = (0..10_000).map(|at: u64| at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (at % 60));
    let all = powers.flat_map(near).chain(drawn).chain(0..100_000).chain([u64::MAX]);
    for number in all {
        let mut out = b"to ".to_vec();
        decimal(number, &mut out);
        assert_eq!(out, format!("to {number}").into_bytes());
    }
}
