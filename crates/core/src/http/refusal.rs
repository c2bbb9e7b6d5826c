//! Why a message is refused: one value a reason, each with its status and the rule it breaks.

/// A message that we do not pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The start line does not follow RFC 9112, 3 or 4.
    #[error("malformed start line (RFC 9112, 3)")]
    StartLine,
    /// A field line is malformed: space before the colon, a control character, a folded line, bare CR or LF.
    #[error("malformed field line (RFC 9112, 5)")]
    FieldLine,
    /// A line ends in LF alone.
    #[error("line ends without CRLF (RFC 9112, 2.2)")]
    BareLf,
    /// Host is missing, repeated, malformed or differs from the target's authority.
    #[error("missing, repeated or malformed Host (RFC 9112, 3.2)")]
    Host,
    /// The method is HEAD, CONNECT or TRACE in other letters: what reads it as that would end the response elsewhere.
    #[error("HEAD, CONNECT or TRACE in other than capital letters (RFC 9110, 9.1)")]
    MethodCase,
    /// A method longer than any that is registered or likely.
    #[error("method too long (RFC 9112, 3)")]
    MethodTooLong,
    /// A field name that CGI, and what follows it, cannot tell from one that matters here: `Content_Length`.
    #[error("field name that CGI reads as one that matters (RFC 3875, 4.1.18)")]
    Lookalike,
    /// The target's scheme is not that of the connection.
    #[error("target of another scheme than the connection's (RFC 9110, 7.4)")]
    Scheme,
    /// The target is in none of the four forms, or in the wrong one for its method.
    #[error("malformed request target (RFC 9112, 3.2)")]
    Target,
    /// Content-Length is not one plain number.
    #[error("repeated or malformed Content-Length (RFC 9110, 8.6)")]
    ContentLength,
    /// Transfer-Encoding is repeated, does not end in chunked, or came with HTTP/1.0.
    #[error("repeated or malformed Transfer-Encoding (RFC 9112, 6.1)")]
    TransferEncoding,
    /// Both Transfer-Encoding and Content-Length.
    #[error("Transfer-Encoding together with Content-Length (RFC 9112, 6.3)")]
    TwoLengths,
    /// A chunk's size, its end or the trailers are malformed.
    #[error("malformed chunk (RFC 9112, 7.1)")]
    Chunk,
    /// The head is larger than we read.
    #[error("head too large (RFC 6585, 5)")]
    HeadTooLarge,
    /// The target is longer than we read.
    #[error("request target too long (RFC 9110, 15.5.15)")]
    TargetTooLong,
    /// A transfer coding that we do not know.
    #[error("unknown transfer coding (RFC 9112, 6.1)")]
    UnknownCoding,
    /// CONNECT asks for a tunnel, which this is not.
    #[error("CONNECT is not offered here (RFC 9110, 9.3.6)")]
    Connect,
    /// TRACE would show a client's cookies to scripts that must not see them.
    #[error("TRACE is not offered here (RFC 9110, 9.3.8)")]
    Trace,
    /// A server changes to a protocol that it was not asked for.
    #[error("101 without an Upgrade (RFC 9110, 15.2.2)")]
    Upgrade,
    /// A message of HTTP/2 that breaks its rules: HTTP/1.1 has no words for it.
    #[error("malformed message of HTTP/2 (RFC 9113, 8.1.1)")]
    Malformed,
    /// The body is larger than the configuration allows.
    #[error("body too large (RFC 9110, 15.5.14)")]
    BodyTooLarge,
    /// A major version of HTTP that this connection does not speak.
    #[error("HTTP version not supported (RFC 9110, 15.6.6)")]
    Version,
}

impl Refusal {
    /// One word for logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::StartLine => "start_line",
            Self::FieldLine => "field_line",
            Self::BareLf => "bare_lf",
            Self::MethodCase => "method_case",
            Self::MethodTooLong => "method_too_long",
            Self::Lookalike => "lookalike",
            Self::Scheme => "scheme",
            Self::Trace => "trace_method",
            Self::Host => "host",
            Self::Target => "target",
            Self::ContentLength => "content_length",
            Self::TransferEncoding => "transfer_encoding",
            Self::TwoLengths => "two_lengths",
            Self::Chunk => "chunk",
            Self::HeadTooLarge => "head_too_large",
            Self::TargetTooLong => "target_too_long",
            Self::UnknownCoding => "unknown_coding",
            Self::Connect => "connect_method",
            Self::Upgrade => "upgrade",
            Self::Malformed => "malformed",
            Self::BodyTooLarge => "body_too_large",
            Self::Version => "version",
        }
    }

    /// The status a client is answered with.
    pub fn status(self) -> u16 {
        match self {
            Self::StartLine
            | Self::FieldLine
            | Self::BareLf
            | Self::MethodCase
            | Self::Lookalike
            | Self::Host
            | Self::Target
            | Self::ContentLength
            | Self::TransferEncoding
            | Self::TwoLengths
            | Self::Chunk
            | Self::Malformed => 400,
            Self::Trace => 405,
            Self::BodyTooLarge => 413,
            Self::Scheme => 421,
            Self::HeadTooLarge => 431,
            Self::TargetTooLong => 414,
            Self::MethodTooLong | Self::UnknownCoding | Self::Connect | Self::Upgrade => 501,
            Self::Version => 505,
        }
    }
}
