//! Tests of the core, one file for each topic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod acd_explain;
mod acd_fairness;
mod acd_model;
mod acd_parameters;
mod acd_scene;
mod acd_strategies;
mod attended_agents;
mod attended_caller;
mod attended_host;
mod attended_phone;
mod blf_lamps;
mod blf_lists;
mod blf_model;
mod blf_phone;
mod carrier;
mod common;
mod conference_orders;
mod conference_rooms;
mod dial_plan;
mod exchange;
mod forward_calls;
mod forward_orders;
mod identity;
mod lobby;
mod mixer;
mod moving_legs;
mod phone;
mod queue_call;
mod queue_failures;
mod queue_features;
mod queue_stuck;
mod registrar;
mod registrar_model;
mod registrar_reach;
mod supervise_calls;
mod supervise_ends;
mod supervise_rights;
mod switch_edge;
mod toll_fraud;
mod transfer_attended;
mod transfer_blind;
mod trunk_chaos;
mod trunk_registration;
mod trunks;
