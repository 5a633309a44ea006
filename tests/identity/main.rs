//! Who may do what, asked from outside: a real server in mode `keys`, and callers of every kind.

mod commands;
mod issuer;
mod keys;
mod leaks;
mod mutants;
mod rotation;
mod routes;
#[path = "../support/mod.rs"]
mod support;
mod world;
