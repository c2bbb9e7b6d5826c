//! Why a handshake with a client failed, in the words of metrics.

use std::io;

use rustls::{Error, InvalidMessage};

/// One word for a handshake that failed.
pub(crate) type Why = &'static str;

/// It took longer than a request's head may.
pub(crate) const LATE: Why = "late";
/// What the client shows does not prove who it is.
pub(crate) const UNTRUSTED: Why = "untrusted";

/// The one table from what went wrong to its word.
pub(crate) fn why(error: &io::Error) -> Why {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        // The connection, not what came over it.
        None => "client_gone",
        Some(Error::AlertReceived(_)) => "client_refused",
        Some(Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        )) => "not_tls",
        Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => "nothing_shared",
        Some(Error::NoCertificatesPresented) => "no_certificate",
        Some(Error::InvalidCertificate(_) | Error::InvalidCertRevocationList(_)) => UNTRUSTED,
        Some(_) => "broken",
    }
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, CertificateError, PeerIncompatible, PeerMisbehaved};

    use super::*;

    #[test]
    fn each_error_has_its_word() {
        let errors = [
            (Error::AlertReceived(AlertDescription::UnknownCA), "client_refused"),
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), "not_tls"),
            (Error::InvalidMessage(InvalidMessage::MissingData("Random")), "broken"),
            (PeerIncompatible::NoCipherSuitesInCommon.into(), "nothing_shared"),
            (Error::NoApplicationProtocol, "nothing_shared"),
            (Error::NoCertificatesPresented, "no_certificate"),
            (CertificateError::Revoked.into(), "untrusted"),
            (PeerMisbehaved::IncorrectBinder.into(), "broken"),
            (Error::DecryptError, "broken"),
        ];
        for (error, word) in errors {
            let told = format!("{error:?}");
            assert_eq!(why(&io::Error::new(io::ErrorKind::InvalidData, error)), word, "{told}");
        }
    }

    #[test]
    fn an_error_of_the_connection_is_the_client_that_went() {
        assert_eq!(why(&io::ErrorKind::ConnectionReset.into()), "client_gone");
        assert_eq!(why(&io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof")), "client_gone");
    }
}
