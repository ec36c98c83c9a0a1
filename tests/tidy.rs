//! Keeps the laws of the house.
