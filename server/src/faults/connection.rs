//! A fault strikes a connection, as soon as its host is known.

use http::StatusCode;
use serde_json::{Map, Value};

use super::EffectKind;
use super::model::{BadCertificate, TlsFault, TlsVersion};
use crate::edge::{Alert, ConnectionFault, Stage, TlsTrouble, WrongCertificate};
use crate::journal::Kind;
use crate::world::World;

/// What befalls a new connection to this host. A strike is journaled.
pub(crate) fn connecting(world: &World, host: &str, stage: Stage) -> Option<ConnectionFault> {
    let (strike, meant) = world.faults.connection(host, world.clock.now(), stage);
    let Some(strike) = strike else {
        return meant.then_some(ConnectionFault::Fresh);
    };
    let fault = match strike.kind {
        EffectKind::Unreachable => {
            let status = strike.fault.unreachable.unwrap_or(502);
            ConnectionFault::Unreachable(
                StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY),
            )
        }
        EffectKind::Tls => ConnectionFault::Tls(trouble(strike.fault.tls.as_ref()?)),
        EffectKind::Reset => ConnectionFault::Reset,
        EffectKind::Reply
        | EffectKind::Aadsts
        | EffectKind::Drs
        | EffectKind::SoapFault
        | EffectKind::Graph
        | EffectKind::Mutate
        | EffectKind::Delay
        | EffectKind::Slow
        | EffectKind::Hang
        | EffectKind::Close
        | EffectKind::Truncate
        | EffectKind::Garbage
        | EffectKind::Throttle
        | EffectKind::Federation
        | EffectKind::Directory
        | EffectKind::Invisible => return None,
    };
    let mut fields = Map::new();
    let mut field = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    field("fault", strike.id.into());
    field("effect", strike.kind.word().into());
    field("host", host.into());
    field("handler", "not run".into());
    world.journal.record(&world.clock, Kind::FaultHit, None, fields, None);
    Some(fault)
}

fn trouble(fault: &TlsFault) -> TlsTrouble {
    let (certificate, alert) = match fault.certificate {
        None => (None, None),
        Some(BadCertificate::UntrustedCa) => (Some(WrongCertificate::UntrustedCa), None),
        Some(BadCertificate::Expired) => (Some(WrongCertificate::Expired), None),
        Some(BadCertificate::NotYetValid) => (Some(WrongCertificate::NotYetValid), None),
        Some(BadCertificate::WrongName) => (Some(WrongCertificate::WrongName), None),
        Some(BadCertificate::HandshakeAlert) => (None, Some(Alert::HandshakeFailure)),
        Some(BadCertificate::CloseEarly) => (None, Some(Alert::Close)),
    };
    TlsTrouble { certificate, alert, only_tls13: fault.min_version == Some(TlsVersion::V13) }
}
