//! The Strowger softswitch.
fn main() {}
