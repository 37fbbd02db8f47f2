//! The `rootwalk` command.

fn main() {}
