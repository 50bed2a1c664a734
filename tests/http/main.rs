//! The HTTP surface over real connections, with a simple gateway in place of the switch.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod agents;
mod audio;
mod bounds;
mod client;
mod conditional;
mod desk;
mod dial_tasks;
mod dispositions;
mod events;
mod extensions;
mod fake;
mod figures;
mod idempotency;
mod kept;
mod keys;
mod lines;
mod made_keys;
mod metrics;
mod openapi;
mod pace;
mod pages;
mod phones;
mod problems;
mod queues;
mod resources;
mod settings;
mod site;
mod sockets;
mod supervise;
mod talk;
mod tenants;
mod web;
mod webhooks;
