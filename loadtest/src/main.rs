//! Scenarios against a running server.

fn main() {}
