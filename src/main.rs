//! Arguments, then config, then the app. Nothing else.

fn main() {}
