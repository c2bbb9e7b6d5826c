use proptest::prelude::*;

use super::*;

/// What a well-known reader of HTTP/1.1 makes of field lines: names and values, and how many bytes they took.
type Read<'a> = Option<(usize, Vec<(&'a [u8], &'a [u8])>)>;

fn by_another_reader(text: &[u8]) -> Result<Read<'_>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    Ok(match httparse::parse_headers(text, &mut headers)? {
        httparse::Status::Complete((length, headers)) => {
            Some((length, headers.iter().map(|header| (header.name.as_bytes(), header.value)).collect()))
        }
        httparse::Status::Partial => None,
    })
}

fn by_us(text: &[u8]) -> Result<Read<'_>, Refusal> {
    let mut fields = Vec::new();
    let length = field_lines(text, 0, 64, false, &mut fields)?;
    let pairs = fields.iter().map(|field| (field.name.of(text), field.value.of(text))).collect();
    Ok(length.map(|length| (length, pairs)))
}

/// Field lines, most of them well-formed.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        8 => "[!-9;-~]{1,20}:[ \t]{0,2}[ -~\t]{0,40}\r\n",
        2 => "[A-Za-z-]{1,9}: [a-z]{0,60}\r\n",
        1 => "[\\x00-\\x7f]{0,12}",
        1 => "[a-z]{1,3}:[\\x00-\\x7f]{0,12}\r?\n",
    ];
    let lines = prop::collection::vec(line.prop_map(String::into_bytes), 0..5);
    (lines, "\r?\n?").prop_map(|(lines, end)| [lines.concat(), end.into_bytes()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_we_read_another_reader_reads_too(text in lines()) {
        if let Ok(Some(ours)) = by_us(&text) {
            prop_assert_eq!(by_another_reader(&text), Ok(Some(ours)));
        }
    }

    #[test]
    fn what_another_reader_refuses_we_do_not_read(text in lines()) {
        if by_another_reader(&text).is_err() {
            prop_assert!(!matches!(by_us(&text), Ok(Some(_))));
        }
    }

    #[test]
    fn a_text_ends_at_its_first_control_character(text in prop::collection::vec(any::<u8>(), 0..40)) {
        let wanted = text.iter().position(|byte| byte.is_ascii_control() && *byte != b'\t');
        prop_assert_eq!(text_end(&text), wanted);
    }

    #[test]
    fn a_start_line_is_read_as_another_reader_does(
        method in "[A-Z!]{0,4}", target in "[ -~]{0,6}|[!-~]{12,40}", version in "HTTP/[012]\\.[01]|[ -~]{0,9}", end in "\r\n|\n|\r|",
    ) {
        let text = format!("{method} {target} {version}{end}");
        if let Ok(Some(line)) = request_line(text.as_bytes()) {
            let mut parsed = httparse::Request::new(&mut []);
            let whole = format!("{text}\r\n");
            prop_assert!(parsed.parse(whole.as_bytes()).is_ok_and(|read| read.is_complete()));
            let of = |span: Span| std::str::from_utf8(span.of(text.as_bytes())).ok();
            prop_assert_eq!((parsed.method, parsed.path), (of(line.method), of(line.target)));
            prop_assert_eq!(parsed.version, Some(u8::from(line.http11)));
            prop_assert_eq!(line.end, text.len());
        }
    }
}

#[test]
fn a_status_line_may_have_no_phrase() {
    for (text, status, phrase) in
        [("HTTP/1.1 200 OK\r\n", 200, "OK"), ("HTTP/1.0 404\r\n", 404, ""), ("HTTP/1.1 999 \r\n", 999, "")]
    {
        let line = status_line(text.as_bytes()).expect("accepted").expect("whole");
        assert_eq!((line.status, line.phrase.of(text.as_bytes())), (status, phrase.as_bytes()));
        assert_eq!(line.end, text.len());
        for end in 0..text.len() {
            assert!(matches!(status_line(&text.as_bytes()[..end]), Ok(None)), "{end}");
        }
    }
    for text in [
        "HTTP/1.1 2000\r\n",
        "HTTP/1.1 20\r\n\r\n",
        "HTTP/1.1 200x\r\n",
        "HTTP/1.1  200\r\n",
        "XTTP/1.1 200\r\n",
    ] {
        assert_eq!(status_line(text.as_bytes()).err(), Some(Refusal::StartLine), "{text}");
    }
}

#[test]
fn a_connection_that_begins_with_tls_is_no_request_at_once() {
    assert_eq!(request_line(b"\x16\x03\x01\x02\x00\x01").err(), Some(Refusal::StartLine));
}
