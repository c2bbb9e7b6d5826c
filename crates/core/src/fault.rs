//! The one table from what went wrong with an exchange to what the client hears and whether to try again.

use crate::http::method::Method;
use crate::http::refusal::Refusal;

/// Why an exchange with a server failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No connection: refused, unreachable, or out of local resources.
    Connect,
    /// No connection in time.
    ConnectTimeout,
    /// No agreement on TLS: the server does not speak it, or not as we do, or does not want us.
    Tls,
    /// The server's certificate does not prove that it is the one.
    Untrusted,
    /// The connection ended before the first byte of a response.
    Closed,
    /// The connection ended inside a response head or body.
    CutShort,
    /// No response head in time.
    ResponseTimeout,
    /// What came is not a response that can be passed on.
    Broken(Refusal),
    /// A response whose status the pool has tried elsewhere.
    Status(u16),
}

/// How much of a request a server may have seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sent {
    /// Not a byte.
    Nothing,
    /// The head of a request whose body is still all here.
    Head,
    /// The whole request, or bytes of its body; all that was sent is still here too.
    Kept,
    /// Bytes that are not here any more.
    Streamed,
}

impl Fault {
    /// The status the client gets when the exchange ends with this.
    pub fn status(self) -> u16 {
        match self {
            Self::Connect => 503,
            Self::ConnectTimeout | Self::ResponseTimeout => 504,
            Self::Tls | Self::Untrusted | Self::Closed | Self::CutShort | Self::Broken(_) => 502,
            Self::Status(status) => status,
        }
    }

    /// Whether the request may go to another server without risk of harm if it is carried out twice; whether it does
    /// is the pool's to say.
    pub fn may_retry(self, method: Method, sent: Sent) -> bool {
        match self {
            Self::Connect | Self::ConnectTimeout | Self::Tls | Self::Untrusted => true,
            Self::Closed => match sent {
                Sent::Nothing | Sent::Head => true,
                Sent::Kept => method.idempotent(),
                Sent::Streamed => false,
            },
            // The server has had all of it, or may have.
            Self::ResponseTimeout | Self::Status(_) => method.idempotent() && sent <= Sent::Kept,
            Self::CutShort | Self::Broken(_) => false,
        }
    }

    /// One word for logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Untrusted => "untrusted",
            Self::Closed => "closed",
            Self::CutShort => "cut_short",
            Self::ResponseTimeout => "response_timeout",
            Self::Broken(_) => "broken_response",
            Self::Status(429) => "status_429",
            Self::Status(500) => "status_500",
            Self::Status(502) => "status_502",
            Self::Status(503) => "status_503",
            Self::Status(_) => "status_504",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_may_have_been_carried_out_is_not_repeated() {
        for fault in [Fault::Closed, Fault::CutShort, Fault::ResponseTimeout, Fault::Status(503)] {
            assert!(!fault.may_retry(Method::Other, Sent::Kept));
            assert!(!fault.may_retry(Method::Idempotent, Sent::Streamed));
        }
    }

    #[test]
    fn a_request_that_no_server_saw_is_repeated_whatever_it_is() {
        assert!(Fault::Connect.may_retry(Method::Other, Sent::Nothing));
        assert!(Fault::ConnectTimeout.may_retry(Method::Other, Sent::Nothing));
        assert!(Fault::Untrusted.may_retry(Method::Other, Sent::Nothing));
        assert!(Fault::Closed.may_retry(Method::Other, Sent::Head));
    }

    #[test]
    fn an_idempotent_request_is_repeated_until_a_response_has_begun() {
        for fault in [Fault::Closed, Fault::ResponseTimeout, Fault::Status(503)] {
            assert!(fault.may_retry(Method::Idempotent, Sent::Kept));
        }
        assert!(!Fault::CutShort.may_retry(Method::Idempotent, Sent::Kept));
    }
}
