//! End-to-end tests of linarite live beside this file; the library itself holds nothing.
