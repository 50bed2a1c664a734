//! The HTTP surface: health, metrics and the native API under `/api/v1`.
//!
//! A request passes `serve` (connections and their bounds), `app` (what all handlers share, time limit, counting),
//! an extractor of `auth` or `extract`, and ends in one file per resource under `native`. Everything that is asked of
//! the rest of the process goes through [`gateway::Gateway`]; errors are [`problem::Problem`]s.

mod app;
mod attempts;
pub mod audit;
mod auth;
mod changes;
mod conditional;
mod dialect;
mod dispositions;
mod entity_tag;
mod extract;
pub mod gateway;
mod health;
mod idempotency;
pub mod keep;
pub mod keyring;
mod metrics;
mod native;
mod openapi;
mod operator;
pub mod outgoing;
mod pace;
mod problem;
mod provision;
mod seats;
mod serve;
mod socket;
pub mod sounds;
pub mod tenancy;
mod web;
mod webhooks;

pub use app::{App, Limits, wall_ms};
pub use serve::serve;
