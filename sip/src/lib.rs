//! SIP without I/O: messages, framing, transactions and dialogs as plain state machines.
//!
//! Nothing here reads a clock, opens a socket or draws a random number: time is passed in as
//! monotonic nanoseconds, bytes come in and go out as values.
#![forbid(unsafe_code)]

pub mod auth;
mod dialog;
pub mod endpoint;
pub mod flow;
pub mod framing;
mod invite;
pub mod message;
pub mod method;
pub mod resolve;
pub mod subscription;
pub mod transaction;
pub mod uri;

pub use endpoint::{ClientTx, Endpoint, LegId, ServerTx, StreamWish};
pub use flow::{Flow, Transport};
pub use message::{HeaderName, Message, Writer};
pub use method::Method;
