use super::*;

const SHOP: Exchange<&[u8]> = Exchange::<&[u8]> {
    at: 1_769_860_800_123,
    listener: b"web",
    client: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)),
    tls: None,
    request: Some(Request::<&[u8]> {
        method: b"GET",
        target: b"/basket?item=3",
        host: b"shop.test",
        protocol: "HTTP/1.1",
        user_agent: b"browser/1.0",
        referer: b"http://shop.test/?from=mail",
    }),
    status: 200,
    received: 0,
    sent: 512,
    pool: b"shop",
    server: b"web2",
    home_before: b"web1",
    reason: Some(Reason::HomeDown),
    session: Some(SessionId(7)),
    attempts: 2,
    duration: 1234,
    head: Some(1200),
    fault: "connect",
    limit: b"",
};

fn written(told: &Exchange<&[u8]>, format: AccessFormat, query: bool) -> String {
    let (mut records, mut out) = (Records::default(), Vec::new());
    records.add(told);
    records.write(Style { format, query }, &mut out);
    String::from_utf8(out).expect("ASCII")
}

#[test]
fn json_tells_everything_that_is_known() {
    assert_eq!(
        written(&SHOP, AccessFormat::Json, true),
        concat!(
            r#"{"time":"2026-01-31T12:00:00.123Z","listener":"web","client":"192.0.2.7","method":"GET","#,
            r#""target":"/basket?item=3","host":"shop.test","protocol":"HTTP/1.1","status":200,"received":0,"#,
            r#""sent":512,"pool":"shop","server":"web2","home_before":"web1","reason":"home_down","#,
            r#""session":"SESSION","attempts":2,"duration_us":1234,"head_us":1200,"fault":"connect","#,
            r#""user_agent":"browser/1.0","referer":"http://shop.test/?from=mail"}"#,
            "\n"
        )
        .replace("SESSION", std::str::from_utf8(&hexadecimal(session_name(SessionId(7)))).expect("digits"))
    );
}

#[test]
fn combined_is_what_log_readers_know_with_three_texts_more() {
    assert_eq!(
        written(&SHOP, AccessFormat::Combined, true),
        concat!(
            r#"192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] "GET /basket?item=3 HTTP/1.1" 200 512 "#,
            r#""http://shop.test/?from=mail" "browser/1.0" shop web2 home_down"#,
            "\n"
        )
    );
}

#[test]
fn what_is_not_known_is_left_out_or_a_dash() {
    let unread = Exchange::<&[u8]> {
        request: None,
        status: 0,
        pool: b"",
        server: b"",
        home_before: b"",
        reason: None,
        session: None,
        attempts: 0,
        head: None,
        fault: "",
        client: "2001:db8::1".parse().expect("an address"),
        ..SHOP
    };
    assert_eq!(
        written(&unread, AccessFormat::Json, true),
        concat!(
            r#"{"time":"2026-01-31T12:00:00.123Z","listener":"web","client":"2001:db8::1","received":0,"#,
            r#""sent":512,"attempts":0,"duration_us":1234}"#,
            "\n"
        )
    );
    assert_eq!(
        written(&unread, AccessFormat::Combined, true),
        "2001:db8::1 - - [31/Jan/2026:12:00:00 +0000] \"-\" - 512 \"-\" \"-\" - - -\n"
    );
}

#[test]
fn a_query_may_be_left_out_of_target_and_referer() {
    for format in [AccessFormat::Json, AccessFormat::Combined] {
        let line = written(&SHOP, format, false);
        assert!(line.contains("/basket") && line.contains("http://shop.test/"), "{line}");
        assert!(!line.contains('?'), "{line}");
    }
}

#[test]
fn whatever_bytes_a_client_sends_a_line_is_one_line_of_visible_characters() {
    let every: Vec<u8> = (0..=255).chain("\u{2028}\u{85}\u{202e}é\u{1f600}".bytes()).collect();
    let hostile = SHOP.request.map(|request| Request::<&[u8]> {
        method: &every,
        target: &every,
        host: &every,
        user_agent: &every,
        referer: &every,
        ..request
    });
    let hostile = Exchange::<&[u8]> { request: hostile, listener: b"a\"b\n", ..SHOP };
    let json = written(&hostile, AccessFormat::Json, true);
    let combined = written(&hostile, AccessFormat::Combined, true);
    for line in [&json, &combined] {
        assert!(
            line.strip_suffix('\n').is_some_and(|rest| rest.bytes().all(|byte| matches!(byte, b' '..=b'~')))
        );
    }
    let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let expected: String = (0..128u8)
        .chain(128..=255)
        .map(char::from)
        .chain("\u{2028}\u{85}\u{202e}é\u{1f600}".chars())
        .collect();
    assert_eq!(read["user_agent"], expected.as_str());
    assert_eq!(read["listener"], "a\"b\n");
    assert_eq!(combined.matches('"').count(), 6);
}

#[test]
fn a_long_text_is_cut() {
    for length in [3 * 4096, 100_000] {
        let long = vec![b'a'; length];
        let request = SHOP.request.map(|request| Request::<&[u8]> { user_agent: &long, ..request });
        let line = written(&Exchange::<&[u8]> { request, ..SHOP }, AccessFormat::Json, true);
        assert!(line.contains(&format!("\"user_agent\":\"{}\"", "a".repeat(4096))));
    }
}

#[test]
fn many_exchanges_keep_their_own_texts() {
    let unread = Exchange::<&[u8]> { request: None, pool: b"", server: b"", home_before: b"", ..SHOP };
    let told = [SHOP, unread, Exchange::<&[u8]> { limit: b"login", ..SHOP }, SHOP];
    let (mut records, mut out) = (Records::default(), Vec::new());
    told.iter().for_each(|told| records.add(told));
    let style = Style { format: AccessFormat::Json, query: true };
    records.write(style, &mut out);
    let alone: String = told.iter().map(|told| written(told, AccessFormat::Json, true)).collect();
    assert_eq!((records.len(), String::from_utf8(out)), (4, Ok(alone)));
    records.clear();
    assert_eq!((records.len(), records.texts()), (0, 0));
}
