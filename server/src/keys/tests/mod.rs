//! Tests of several modules together, the published bytes they are compared with, and the `openssl` command as judge.

mod csr;
mod device_ca;
pub(super) mod golden;
mod jose;
pub(super) mod openssl;
mod signer;
