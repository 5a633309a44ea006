//! How often somebody may ask: the policies in words, and the arithmetic of one cell.
//!
//! A policy gives a quota for a window to everybody alike who counts by its key: `join-address;q=100;w=60`
//! are a hundred joins a minute from one address. The words are those of the IETF's draft on RateLimit
//! fields, so that settings, answers and metrics call a policy the same.

mod pace;
mod policy;

pub use pace::{Debt, Pace, Ruling, TICKS_PER_SECOND};
pub use policy::{Class, Key, Policies, Policy, PolicyError};
