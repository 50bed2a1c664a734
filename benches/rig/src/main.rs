//! The load rig.
fn main() {}
