//! The emulated Windows client of linarite: machines that join, register, sign in, get tokens, leave and are wiped, and
//! the tools that show their state. It speaks the wire like any other client and knows nothing of the server's types, so
//! that a mistake cannot cancel itself out.
//!
//! A [`Wire`] is what the machines of one computer room see of the outside: the proxy and the authority to trust, a
//! [`Clock`], a [`Chance`] and the board of public test keys. A [`Machine`] acts on it; each act gives an [`Outcome`] and
//! never panics, whatever the services answer. [`Machine::snapshot`] and [`Machine::restore`] carry a machine over.
//!
//! Left out, and saying so when asked: Windows Hello, device management after its enrolment.

mod answers;
mod autoworkplace;
mod der;
mod dsregcmd;
pub mod hresult;
mod jose;
mod keys;
mod machine;
pub mod msol;
mod outcome;
pub mod portal;
mod surroundings;
mod wire;
mod xml;

pub use dsregcmd::{FIELDS, Layout, UnknownLayout, is_field};
pub use machine::{
    ComputerObject, DomainPolicy, Event, Flow, Join, Machine, MachineSpec, MachineState, Os,
    Register, SecondFactor, Terms, TokenRequest, Tpm, UnknownOs, UnknownTpm, client_id,
};
pub use outcome::{ErrorInfo, Outcome, Tokens};
pub use surroundings::{Chance, Clock};
pub use wire::{Wire, WireError, WireSpec};
