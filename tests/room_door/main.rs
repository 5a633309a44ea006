//! The waiting room over real sockets, against the real binary: a fan's whole way, and everything that
//! somebody might try instead.

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod challenge;
mod draw;
mod gate;
mod hall;
mod journey;
mod stream;
mod suspects;
mod terms;
