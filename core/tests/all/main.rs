//! Tests of the core, one file for each topic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod carrier;
mod common;
mod dial_plan;
mod identity;
mod phone;
mod registrar;
mod registrar_model;
mod registrar_reach;
mod switch_edge;
mod toll_fraud;
mod trunk_chaos;
mod trunk_registration;
mod trunks;
