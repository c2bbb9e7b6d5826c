//! Why a handshake failed, in one word.

use std::io;

use equalizer_core::fault::Fault;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, OtherError};

/// One word for a handshake that failed.
pub(crate) type Why = &'static str;

/// It took longer than a request's head may.
pub(crate) const LATE: Why = "late";
/// What the client shows does not prove who it is.
pub(crate) const UNTRUSTED: Why = "untrusted";

/// The server broke off with an alert.
pub(crate) const SERVER_REFUSED: Why = "server_refused";
/// The kind of error when the other side does not want us, for the certificate that we have shown, or have not.
pub(crate) const UNWANTED: io::ErrorKind = io::ErrorKind::PermissionDenied;
/// The server does not agree on HTTP/2, which is all that it may speak.
pub(crate) const NO_HTTP2: Why = "no_http2";

/// Of a handshake with a client: the one table from what went wrong to its word.
pub(crate) fn why(error: &io::Error) -> Why {
    match of_tls(error) {
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

/// The same of a handshake with a server, and the fault that it is.
pub(crate) fn with_server(error: &io::Error) -> (Fault, Why) {
    let word = match of_tls(error) {
        Some(Error::InvalidCertificate(error)) => return (Fault::Untrusted, untrusted(error)),
        None => "server_gone",
        Some(Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => NO_HTTP2,
        Some(
            Error::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity)
            | Error::PeerIncompatible(_),
        ) => "nothing_shared",
        Some(Error::AlertReceived(_)) => SERVER_REFUSED,
        Some(Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        )) => "not_tls",
        Some(_) => "broken",
    };
    (Fault::Tls, word)
}

/// An error after the handshake, as the kind of it that HTTP/2 passes on too: what is wrong with TLS says nothing of the
/// bytes that were to come by it.
pub(crate) fn afterwards(error: io::Error) -> io::Error {
    match of_tls(&error) {
        None => error,
        // RFC 8446, 6.2: these are about a certificate.
        Some(Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied,
        )) => UNWANTED.into(),
        Some(_) => io::ErrorKind::ConnectionAborted.into(),
    }
}

fn untrusted(error: &CertificateError) -> Why {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "not_yet_valid",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "other_name",
        CertificateError::UnknownIssuer => "unknown_issuer",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "purpose",
        CertificateError::BadEncoding => "unreadable",
        CertificateError::Other(OtherError(error)) => match error.downcast_ref() {
            Some(webpki::Error::CaUsedAsEndEntity) => "authority",
            Some(webpki::Error::UnsupportedCertVersion) => "old_version",
            _ => UNTRUSTED,
        },
        _ => UNTRUSTED,
    }
}

fn of_tls(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{PeerIncompatible, PeerMisbehaved};

    use super::*;

    fn told(error: Error) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

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
            let name = format!("{error:?}");
            assert_eq!(why(&told(error)), word, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_certificate_of_a_server_has_a_word_each() {
        let other = |error: webpki::Error| CertificateError::Other(OtherError(Arc::new(error)));
        let errors = [
            (CertificateError::Expired, "expired"),
            (CertificateError::NotValidYet, "not_yet_valid"),
            (CertificateError::NotValidForName, "other_name"),
            (CertificateError::UnknownIssuer, "unknown_issuer"),
            (other(webpki::Error::CaUsedAsEndEntity), "authority"),
            (other(webpki::Error::UnsupportedCertVersion), "old_version"),
            (other(webpki::Error::MaximumSignatureChecksExceeded), "untrusted"),
            (CertificateError::BadSignature, "untrusted"),
        ];
        for (error, word) in errors {
            let name = format!("{error:?}");
            assert_eq!(with_server(&told(error.into())), (Fault::Untrusted, word), "{name}");
        }
    }

    #[test]
    fn a_server_that_proves_nothing_is_told_from_one_that_proves_to_be_another() {
        let errors = [
            (Error::AlertReceived(AlertDescription::HandshakeFailure), "server_refused"),
            (Error::AlertReceived(AlertDescription::NoApplicationProtocol), "no_http2"),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), "nothing_shared"),
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), "not_tls"),
            (Error::DecryptError, "broken"),
        ];
        for (error, word) in errors {
            let name = format!("{error:?}");
            assert_eq!(with_server(&told(error)), (Fault::Tls, word), "{name}");
        }
        assert_eq!(with_server(&io::ErrorKind::ConnectionReset.into()), (Fault::Tls, "server_gone"));
    }

    #[test]
    fn an_error_of_the_connection_is_the_client_that_went() {
        assert_eq!(why(&io::ErrorKind::ConnectionReset.into()), "client_gone");
        assert_eq!(why(&io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof")), "client_gone");
    }
}
