//! What can go wrong on the wire before an answer is complete, with the numbers of `WinHTTP` (12xxx), of the registration
//! client (0x8007....) and of the token library (0xcaa8....): errors.md 3 and 4.

use std::error::Error;

use crate::hresult;
use crate::outcome::{ErrorInfo, Failure};

/// The kinds of transport failure that Windows tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// No answer in time.
    Timeout,
    /// The name could not be resolved; also: the machine is offline.
    NameNotResolved,
    /// The connection was refused, or the proxy would not open it.
    CannotConnect,
    /// The connection broke before the answer was complete.
    Aborted,
    /// The server's certificate comes from an authority that is not trusted.
    UntrustedAuthority,
    /// TLS failed otherwise.
    SecureFailure,
    /// The answer is longer than this client reads.
    TooLarge,
    /// The address that the service named is no address.
    BadAddress,
    /// Something in this client.
    Local,
}

/// Which part of Windows was talking: they number the same failures differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// The registration client.
    Registration,
    /// The token library and the logon.
    Tokens,
}

/// One failed exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) exchange: String,
    pub(crate) detail: String,
    pub(crate) request_id: String,
}

impl FaultKind {
    /// The `WinHTTP` error number.
    pub(crate) fn winhttp(self) -> Option<u32> {
        match self {
            Self::Timeout => Some(hresult::WINHTTP_TIMEOUT),
            Self::NameNotResolved => Some(hresult::WINHTTP_NAME_NOT_RESOLVED),
            Self::CannotConnect => Some(hresult::WINHTTP_CANNOT_CONNECT),
            Self::Aborted => Some(hresult::WINHTTP_CONNECTION_ERROR),
            Self::UntrustedAuthority | Self::SecureFailure => Some(hresult::WINHTTP_SECURE_FAILURE),
            Self::TooLarge | Self::BadAddress | Self::Local => None,
        }
    }

    fn hresult(self, speaker: Speaker) -> u32 {
        let twin = match self {
            Self::Timeout => 0x2ee2,
            Self::NameNotResolved => 0x2ee7,
            Self::CannotConnect => 0x2efd,
            Self::Aborted => 0x2efe,
            Self::UntrustedAuthority => 0x2f0d,
            Self::SecureFailure => 0x2f8f,
            Self::TooLarge | Self::BadAddress => return hresult::INVALID_DATA,
            Self::Local => return hresult::UNKNOWN,
        };
        match speaker {
            Speaker::Registration => 0x8007_0000 | twin,
            Speaker::Tokens => 0xcaa8_0000 | twin,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Timeout => "no answer came in time",
            Self::NameNotResolved => "the server name could not be resolved",
            Self::CannotConnect => "no connection could be made",
            Self::Aborted => "the connection broke before the answer was complete",
            Self::UntrustedAuthority => {
                "the server's certificate comes from an untrusted authority"
            }
            Self::SecureFailure => "TLS failed",
            Self::TooLarge => "the answer is too large",
            Self::BadAddress => "this is not a usable address",
            Self::Local => "the request could not be made",
        }
    }
}

impl Fault {
    /// The failure as the part of Windows that was talking reports it.
    pub(crate) fn into_failure(self, speaker: Speaker) -> Failure {
        let mut message = format!("{}: {}", self.exchange, self.kind.words());
        if !self.detail.is_empty() {
            message = format!("{message} ({})", self.detail);
        }
        Failure {
            hresult: self.kind.hresult(speaker),
            logon: None,
            info: Box::new(ErrorInfo {
                message,
                winhttp: self.kind.winhttp(),
                request_id: Some(self.request_id),
                exchange: Some(self.exchange),
                ..ErrorInfo::default()
            }),
        }
    }
}

/// Sorts an error of the HTTP client into its kind and the words of its innermost cause.
pub(crate) fn classify(error: &reqwest::Error) -> (FaultKind, String) {
    let mut innermost = error.to_string();
    let mut tls = None;
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(inner) = cause {
        innermost = inner.to_string();
        if let Some(found) = inner.downcast_ref::<rustls::Error>() {
            tls = Some(found.clone());
        }
        // An io::Error hides what it wraps from `source` when that is the error itself, and wraps others of its kind.
        let mut hidden = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        while let Some(wrapped) = hidden {
            if let Some(found) = wrapped.downcast_ref::<rustls::Error>() {
                tls = Some(found.clone());
                innermost = found.to_string();
            }
            hidden = wrapped.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        }
        cause = inner.source();
    }
    let kind = match tls {
        // A signature that does not fit comes from another authority of the same name.
        Some(rustls::Error::InvalidCertificate(
            rustls::CertificateError::UnknownIssuer | rustls::CertificateError::BadSignature,
        )) => FaultKind::UntrustedAuthority,
        Some(_) => FaultKind::SecureFailure,
        None if error.is_timeout() => FaultKind::Timeout,
        None if error.is_connect() => FaultKind::CannotConnect,
        None if error.is_builder() => FaultKind::BadAddress,
        None => FaultKind::Aborted,
    };
    (kind, innermost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_failure_has_another_number_for_each_speaker() {
        let fault = |kind| Fault {
            kind,
            exchange: "GET https://x/".to_owned(),
            detail: String::new(),
            request_id: "id".to_owned(),
        };
        let offline = fault(FaultKind::NameNotResolved);
        let failure = offline.clone().into_failure(Speaker::Registration);
        assert_eq!((failure.hresult, failure.info.winhttp), (0x8007_2ee7, Some(12007)));
        assert_eq!(offline.into_failure(Speaker::Tokens).hresult, 0xcaa8_2ee7);
        assert_eq!(fault(FaultKind::Timeout).into_failure(Speaker::Tokens).hresult, 0xcaa8_2ee2);
        assert_eq!(
            fault(FaultKind::UntrustedAuthority).into_failure(Speaker::Registration).hresult,
            0x8007_2f0d
        );
    }

    #[test]
    fn every_number_of_the_wire_is_in_the_table() {
        use FaultKind::*;
        let kinds = [
            Timeout,
            NameNotResolved,
            CannotConnect,
            Aborted,
            UntrustedAuthority,
            SecureFailure,
            TooLarge,
            BadAddress,
            Local,
        ];
        let known = |number| hresult::NUMBERS.iter().any(|row| row.number == number);
        for kind in kinds {
            for speaker in [Speaker::Registration, Speaker::Tokens] {
                assert!(known(kind.hresult(speaker)), "{kind:?} {speaker:?}");
            }
            assert!(kind.winhttp().is_none_or(known), "{kind:?}");
        }
    }
}
