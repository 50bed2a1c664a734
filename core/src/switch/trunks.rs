//! Carriers: carries out what the trunk machine wants, and hands it what came of it.

use std::net::SocketAddr;

use sip::Flow;
use sip::endpoint::RequestFailure;
use sip::message::Message;
use sip::resolve::{Answer, Target};

use crate::vocab::command::TrunkView;
use crate::vocab::config::Trunk;
use crate::vocab::input::Listener;
use crate::vocab::{ConnectId, Now, ResolveId, TrunkKey};

use super::Running;

#[derive(Debug, Default)]
pub(super) struct Trunks;
#[derive(Debug, Clone)]
pub(super) struct TrunkTask;
impl Trunks {
    pub(super) fn new(_: &[Trunk], _: &[Listener], _: [u8; 32], _: Now) -> Self {
        Self
    }
    pub(super) fn reconfigure(&mut self, _: &[Trunk], _: Now) {}
    pub(super) fn identify(&self, _: SocketAddr) -> Vec<&TrunkKey> {
        Vec::new()
    }
    pub(super) fn targets(&self, _: &TrunkKey) -> Vec<Target> {
        Vec::new()
    }
    pub(super) fn views(&self, _: &str) -> Vec<TrunkView> {
        Vec::new()
    }
    pub(super) fn all_up(&self) -> Vec<(TrunkKey, bool)> {
        Vec::new()
    }
    pub(super) fn next_deadline(&self) -> Option<u64> {
        None
    }
}

impl Running {
    pub(super) fn tick_trunks(&mut self, _now: Now) {}
    pub(super) fn trunk_connected(&mut self, _: Now, _: ConnectId, _: Option<Flow>) {}
    pub(super) fn trunk_answered(
        &mut self,
        _: Now,
        _: TrunkTask,
        _: Result<Message, RequestFailure>,
    ) {
    }
    pub(super) fn on_resolved(&mut self, _: Now, _: ResolveId, _: Answer) {}
}
