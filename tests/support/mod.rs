//! The harness: the switch as a child process, the phones that call through it, and what they heard.

pub mod baresip;
pub mod browser;
pub mod hearing;
pub mod http;
pub mod linphone;
pub mod phone;
pub mod place;
pub mod process;
pub mod raw;
pub mod receiver;
pub mod robot;
pub mod rtp;
pub mod sipp;
pub mod switch;
pub mod tone;
pub mod wait;

use std::time::Duration;

/// How long anything that ought to happen promptly may take on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);
