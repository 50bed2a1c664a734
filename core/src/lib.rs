//! The switch as one deterministic state machine.
//!
//! [`vocab`] is the language between the switch and the shell: what goes in, what comes out, as plain data.
#![forbid(unsafe_code)]

pub mod acd;
pub mod call;
pub mod conference;
pub mod define;
pub mod dialer;
pub mod forward;
pub mod gate;
pub mod group;
mod host;
pub mod ids;
pub mod ivr;
pub mod mwi;
pub mod outbox;
pub mod page;
pub mod park;
pub mod pickup;
pub mod presence;
pub mod provision;
pub mod registrar;
pub mod remind;
pub mod route;
pub mod stock;
pub mod supervise;
pub mod switch;
pub mod transfer;
pub mod trunk;
pub mod vocab;
pub mod voice;
pub mod voicemail;

pub use switch::Switch;
