//! Heads that are read, heads that are refused, and heads that come back as they were written.

use proptest::prelude::*;

use super::*;

fn ends(from: &str, to: &str) -> Ends {
    Ends { from: from.parse().expect("an address"), to: to.parse().expect("an address") }
}

fn told(text: &[u8]) -> Result<Option<Ends>, Malformed> {
    read(text).map(|head| head.expect("whole").ends)
}

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("short");
    [V2, &[command, family], &length.to_be_bytes(), rest].concat()
}

const FOUR: &[u8] = &[192, 0, 2, 7, 192, 0, 2, 1, 0x12, 0x67, 0, 80];

#[test]
fn version_1_tells_both_ends() {
    let four = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\nGET";
    assert_eq!(told(four), Ok(Some(ends("192.0.2.7:4711", "192.0.2.1:80"))));
    assert_eq!(read(four).expect("read").expect("whole").length, four.len() - 3);
    let six = b"PROXY TCP6 2001:db8::7 2001:db8::1 65535 0\r\n";
    assert_eq!(told(six), Ok(Some(ends("[2001:db8::7]:65535", "[2001:db8::1]:0"))));
    assert_eq!(told(b"PROXY UNKNOWN\r\n"), Ok(None));
    assert_eq!(told(b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), Ok(None));
}

#[test]
fn version_1_has_one_way_to_be_written() {
    for wrong in [
        "GET / HTTP/1.1\r\n",
        "proxy TCP4 192.0.2.7 192.0.2.1 4711 80\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\n",
        "PROXY  TCP4 192.0.2.7 192.0.2.1 4711 80\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 4711 80 \r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 04711 80\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 +4711 80\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 4711 65536\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n",
        "PROXY TCP4 192.0.2.007 192.0.2.1 4711 80\r\n",
        "PROXY TCP4 2001:db8::7 2001:db8::1 4711 80\r\n",
        "PROXY TCP6 192.0.2.7 192.0.2.1 4711 80\r\n",
        "PROXY UDP4 192.0.2.7 192.0.2.1 4711 80\r\n",
        "PROXY \r\n",
        "PROXY\r\n",
    ] {
        assert_eq!(read(wrong.as_bytes()), Err(Malformed), "{wrong}");
    }
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(92));
    assert_eq!(read(long.as_bytes()), Err(Malformed));
}

#[test]
fn version_2_tells_both_ends_and_what_follows_them_is_skipped() {
    let expected = Ok(Some(ends("192.0.2.7:4711", "192.0.2.1:80")));
    assert_eq!(told(&v2(0x21, 0x11, FOUR)), expected);
    assert_eq!(told(&v2(0x21, 0x11, &[FOUR, &[4, 0, 2, 0, 0]].concat())), expected);
    assert_eq!(read(&v2(0x21, 0x11, &[FOUR, &[0; 5000]].concat())), Err(Malformed), "too much of it");
}

#[test]
fn a_connection_of_the_senders_own_has_no_other_client() {
    assert_eq!(told(&v2(0x20, 0x00, &[])), Ok(None));
    assert_eq!(told(&v2(0x20, 0x11, FOUR)), Ok(None));
    assert_eq!(told(&v2(0x20, 0x77, &[1, 2])), Ok(None), "its family is not looked at");
}

#[test]
fn families_without_an_address_of_ours_are_accepted_without_one() {
    for (family, size) in [(0x00, 0), (0x00, 7), (0x12, 12), (0x22, 36), (0x31, 216), (0x32, 216)] {
        assert_eq!(told(&v2(0x21, family, &vec![1; size])), Ok(None), "{family:#x}");
    }
}

#[test]
fn version_2_is_refused_as_soon_as_it_is_wrong() {
    for wrong in [
        v2(0x11, 0x11, FOUR),
        v2(0x22, 0x11, FOUR),
        v2(0x21, 0x13, FOUR),
        v2(0x21, 0x41, FOUR),
        v2(0x21, 0x11, &FOUR[..11]),
        v2(0x21, 0x21, FOUR),
        v2(0x21, 0x31, FOUR),
        b"\r\n\r\n\0\r\nQUIT\r".to_vec(),
        b"\r\nGET / HTTP/1.1\r\n".to_vec(),
    ] {
        assert_eq!(read(&wrong), Err(Malformed), "{wrong:?}");
    }
}

#[test]
fn ends_of_two_families_are_told_in_the_wider_one() {
    let mut out = Vec::new();
    write(Introduction::V1, ends("192.0.2.7:1", "[2001:db8::1]:2"), &mut out);
    assert_eq!(out, b"PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 1 2\r\n");
    assert_eq!(told(&out), Ok(Some(ends("192.0.2.7:1", "[2001:db8::1]:2"))));
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip.to_canonical(), port))
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        from in address(), to in address(), second in any::<bool>(), after in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let ends = Ends { from, to };
        let mut out = Vec::new();
        write(if second { Introduction::V2 } else { Introduction::V1 }, ends, &mut out);
        let length = out.len();
        for end in 0..length {
            prop_assert_eq!(read(&out[..end]), Ok(None));
        }
        out.extend_from_slice(&after);
        prop_assert_eq!(read(&out), Ok(Some(Head { ends: Some(ends), length })));
    }
}
