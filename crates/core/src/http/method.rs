//! What a method promises: whether a request may be sent twice, and whether its answer has a body.

/// The methods the proxy must tell apart (RFC 9110, 9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Its answer never has a body.
    Head,
    /// A tunnel: refused.
    Connect,
    /// An echo: refused.
    Trace,
    /// It may ask a proxy what it can do; sent twice like the next ones.
    Options,
    /// GET, PUT or DELETE: sending it twice is sending it once (RFC 9110, 9.2.2).
    Idempotent,
    /// POST, PATCH and whatever we do not know: sent once only.
    Other,
}

impl Method {
    /// Reads a method; methods are case-sensitive (RFC 9110, 9.1).
    pub fn read(text: &[u8]) -> Self {
        match text {
            b"GET" | b"PUT" | b"DELETE" => Self::Idempotent,
            b"OPTIONS" => Self::Options,
            b"HEAD" => Self::Head,
            b"CONNECT" => Self::Connect,
            b"TRACE" => Self::Trace,
            _ => Self::Other,
        }
    }

    /// Whether a request may be repeated without asking the client.
    pub fn idempotent(self) -> bool {
        matches!(self, Self::Idempotent | Self::Options | Self::Head)
    }
}
