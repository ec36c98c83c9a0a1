//! The effects that there are: their words, where they strike, whether the handler runs, and what a client sees.
//!
//! `linarite faults` prints this; the engine asks it. A new effect does not compile until it has its line here.

use super::model::{Fault, Reset};

/// Where an effect strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// A connection, before a request is read.
    Connection,
    /// An exchange.
    Exchange,
    /// What a service or the directory does.
    Domain,
}

impl Layer {
    /// Its word in the catalogue.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Exchange => "exchange",
            Self::Domain => "domain",
        }
    }
}

macro_rules! effects {
    ($($variant:ident, $field:ident, $word:literal, $sees:literal;)*) => {
        /// The kinds of effects.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EffectKind {
            $(#[doc = $sees] $variant,)*
        }

        impl EffectKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its word in files and in the journal.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What a client sees, in one line.
            pub const fn sees(self) -> &'static str {
                match self { $(Self::$variant => $sees,)* }
            }

            /// Whether a fault has this effect.
            pub const fn is_set(self, fault: &Fault) -> bool {
                match self { $(Self::$variant => fault.$field.is_some(),)* }
            }
        }
    };
}

effects! {
    Reply, reply, "reply", "the answer that the fault holds: status, headers, body";
    Aadsts, aadsts, "aadsts", "an error of sign-in: JSON whose text begins with `AADSTS` and the number";
    Drs, drs, "drs", "an error of device registration, in the shape of the api-version that was asked";
    SoapFault, soap_fault, "soap_fault", "a SOAP 1.2 fault with code, subcode and reason";
    Graph, graph, "graph", "an error of Graph: JSON with error.code, error.message and request ids";
    Mutate, mutate, "mutate", "the real answer with other members, elements, headers or status";
    Delay, delay, "delay", "the answer comes late by real time, or the world's clock has moved on (`virtual`)";
    Slow, slow, "slow", "headers at once, then a body that trickles";
    Hang, hang, "hang", "nothing at all, until its own timeout or until the connection closes";
    Reset, reset, "reset", "connection reset by peer; over HTTP/2 all streams of the connection fail with it";
    Close, close, "close", "the connection closes before the answer, behind its headers, or in the middle of its body; an answer never arrives whole";
    Truncate, truncate, "truncate", "so many bytes of a longer body, then the connection closes; what is not longer arrives whole";
    Garbage, garbage, "garbage", "bytes that are no HTTP, then the connection closes";
    Throttle, throttle, "throttle", "429 with Retry-After, in the service's own words or as plain text";
    Tls, tls, "tls", "a handshake that fails: certificate untrusted, expired, not yet valid, of another name, an alert, a close, or a version it does not speak";
    Unreachable, unreachable, "unreachable", "the proxy answers CONNECT with 502 or 504; straight to the host, the connection closes";
    Federation, federation, "federation", "a federation server with endpoints off, bad metadata, bad assertions, or a wrong clock";
    Directory, directory, "directory", "joins, changes and deletes fail (`read_only`), or new records cannot be found for a while (`replication_lag`)";
    Invisible, invisible, "invisible", "right after a join: sign-in says AADSTS50155, Graph says 404";
}

impl EffectKind {
    /// Where it strikes.
    pub const fn layer(self, fault: &Fault) -> Layer {
        match self {
            Self::Reset if matches!(fault.reset, Some(Reset::Connection(_))) => Layer::Connection,
            Self::Tls | Self::Unreachable => Layer::Connection,
            Self::Federation | Self::Directory | Self::Invisible => Layer::Domain,
            Self::Reply
            | Self::Aadsts
            | Self::Drs
            | Self::SoapFault
            | Self::Graph
            | Self::Mutate
            | Self::Delay
            | Self::Slow
            | Self::Hang
            | Self::Reset
            | Self::Close
            | Self::Truncate
            | Self::Garbage
            | Self::Throttle => Layer::Exchange,
        }
    }

    /// Whether `after: true` has a meaning: the effect takes the answer's place, and the handler may have run before.
    pub const fn can_follow_the_handler(self, fault: &Fault) -> bool {
        match self {
            Self::Reply
            | Self::Aadsts
            | Self::Drs
            | Self::SoapFault
            | Self::Graph
            | Self::Hang
            | Self::Garbage
            | Self::Throttle
            | Self::Close => true,
            Self::Reset => matches!(fault.reset, Some(Reset::Exchange(_))),
            Self::Mutate
            | Self::Delay
            | Self::Slow
            | Self::Truncate
            | Self::Tls
            | Self::Unreachable
            | Self::Federation
            | Self::Directory
            | Self::Invisible => false,
        }
    }

    /// Whether a strike on an exchange ends its connection, and over HTTP/2 every other exchange on it.
    pub(super) const fn ends_connection(self) -> bool {
        match self {
            Self::Hang | Self::Reset | Self::Close | Self::Truncate | Self::Garbage => true,
            Self::Reply
            | Self::Aadsts
            | Self::Drs
            | Self::SoapFault
            | Self::Graph
            | Self::Mutate
            | Self::Delay
            | Self::Slow
            | Self::Throttle
            | Self::Tls
            | Self::Unreachable
            | Self::Federation
            | Self::Directory
            | Self::Invisible => false,
        }
    }

    /// Whether the handler runs: always, never, or as `after` says.
    pub const fn handler(self) -> &'static str {
        match self {
            Self::Reply
            | Self::Aadsts
            | Self::Drs
            | Self::SoapFault
            | Self::Graph
            | Self::Hang
            | Self::Garbage
            | Self::Throttle
            | Self::Reset => "not run, or run with `after: true`",
            Self::Close => {
                "not run (`before`, unless `after: true`), run (`after_headers`, `mid_body`)"
            }
            Self::Mutate
            | Self::Delay
            | Self::Slow
            | Self::Truncate
            | Self::Federation
            | Self::Invisible => "run",
            Self::Directory => "run, but for changes while it is read-only",
            Self::Tls | Self::Unreachable => "not run",
        }
    }

    /// Whether the handler runs when this fault strikes.
    pub(super) fn runs_handler(self, fault: &Fault) -> bool {
        match self {
            Self::Mutate
            | Self::Delay
            | Self::Slow
            | Self::Truncate
            | Self::Federation
            | Self::Directory
            | Self::Invisible => true,
            Self::Close => fault.after || fault.close != Some(super::model::Close::Before),
            Self::Reply
            | Self::Aadsts
            | Self::Drs
            | Self::SoapFault
            | Self::Graph
            | Self::Hang
            | Self::Reset
            | Self::Garbage
            | Self::Throttle => fault.after,
            Self::Tls | Self::Unreachable => false,
        }
    }
}
