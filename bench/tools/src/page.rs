//! What the origin answers, known in advance to the generator so that it can compare every byte.

use crate::websocket;

/// The length of the large page's body.
pub const LARGE: usize = 1 << 20;

/// The small page's body: about what a JSON answer of a shop's basket takes.
pub const SMALL: &[u8] = b"{\"basket\":[{\"sku\":\"A-1009\",\"count\":2,\"price\":1250},\
{\"sku\":\"B-0117\",\"count\":1,\"price\":899}],\"total\":3399,\"currency\":\"EUR\"}\n";

/// The large page's body: bytes of a fixed generator, so that a lost, doubled or moved piece shows.
pub fn large() -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut body = Vec::with_capacity(LARGE);
    while body.len() < LARGE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        body.extend_from_slice(&state.to_le_bytes());
    }
    body
}

/// A whole response, head and body, as the server called `name` sends it.
pub fn response(name: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: {kind}\r\n\
         Content-Length: {}\r\nCache-Control: private, no-cache\r\nX-Server: {name}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The head before a stream of events that has no end.
pub fn events(name: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
         Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nCache-Control: no-store\r\n\
         X-Server: {name}\r\n\r\n"
    )
    .into_bytes()
}

/// The answer that makes a connection a WebSocket.
pub fn switch(name: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\nX-Server: {name}\r\n\r\n",
        websocket::ACCEPT
    )
    .into_bytes()
}

/// The answer to a request for another server's page.
pub fn misdirected(name: &str) -> Vec<u8> {
    format!("HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\nX-Server: {name}\r\n\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_large_page_never_repeats_a_word_next_to_itself() {
        let body = large();
        assert_eq!(body.len(), LARGE);
        assert!(body.chunks(8).zip(body.chunks(8).skip(1)).all(|(a, b)| a != b));
    }

    #[test]
    fn a_response_names_its_server_and_its_length() {
        let text = String::from_utf8(response("web2", "text/plain", b"hello")).expect("ASCII");
        assert!(text.contains("\r\nX-Server: web2\r\n") && text.contains("\r\nContent-Length: 5\r\n"));
        assert!(text.ends_with("\r\n\r\nhello"));
    }
}
