//! The emulated Windows client against a stand-in for the services: good answers, bad answers, and the real way out
//! through a proxy with TLS.

#[cfg(test)]
mod bad_answers;
#[cfg(test)]
mod double;
#[cfg(test)]
mod federation;
#[cfg(test)]
mod hybrid;
#[cfg(test)]
mod status;
#[cfg(test)]
mod tunnel;
#[cfg(test)]
mod walk;
