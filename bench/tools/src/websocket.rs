//! The WebSocket that both ends agreed on beforehand: one key, its answer, and a client's frame (RFC 6455).

/// The key of section 1.3, and what a server must answer to it: neither end then needs SHA-1.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The answer to `KEY`.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// The bytes of a message, without its frame.
const MESSAGE: usize = 0x64;
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// A text message of `MESSAGE` bytes in one masked frame, another for each connection (section 5.2).
pub fn frame(connection: usize) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | 0x64];
    frame.extend_from_slice(&MASK);
    let text =
        format!("{{\"room\":{connection:06},\"text\":\"{:.<75}\"}}", "is the garden hose back in stock?");
    frame.extend(text.bytes().take(MESSAGE).zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_its_length_and_unmasks_to_its_message() {
        let frame = frame(12);
        assert_eq!((frame.len(), usize::from(frame[1] & 0x7F)), (6 + MESSAGE, MESSAGE));
        let text: Vec<u8> = frame[6..].iter().zip(frame[2..6].iter().cycle()).map(|(a, b)| a ^ b).collect();
        assert!(
            text.starts_with(b"{\"room\":000012,") && text.ends_with(b"..\"}"),
            "{}",
            text.escape_ascii()
        );
    }
}
