//! The switch as one deterministic state machine.
