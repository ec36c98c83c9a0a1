//! The emulated services of linarite.
