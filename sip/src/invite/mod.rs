//! The INVITE usage: calls of both directions, from INVITE to BYE.

mod ending;
mod in_dialog;
mod leg;
mod offer;
mod prack;
mod reoffer;
mod reoffered;
mod session;
pub(crate) mod stray;
mod uac;
mod uas;

pub(crate) use leg::{Cx, InDialog, Leg};
pub(crate) use session::Agreement;
pub(crate) use uac::{bracketed, with_tag};
