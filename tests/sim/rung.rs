//! Which phones ring for which offer, told from the messages: whoever rings long after its offer was over, rings for
//! nobody.

use std::collections::{BTreeMap, BTreeSet};

use strowger_core::vocab::acd::{AcdConfig, AgentPlace};
use strowger_core::vocab::{AgentKey, EventKind, OfferId};

use crate::dialog::Stage;
use crate::phone::{Kind, Phone, SECOND};
use crate::wire::Msg;

/// A CANCEL waits for a provisional response, and is repeated when it is lost; each for 32 seconds at most.
const LIMIT: u64 = 70 * SECOND;

/// Offers and their INVITEs.
#[derive(Debug, Default)]
pub struct Rung {
    /// Where agents are rung.
    places: BTreeMap<String, AgentPlace>,
    /// Of this step: offers, and INVITEs seen for the first time, by the phone's index.
    offered: Vec<(OfferId, AgentKey)>,
    invited: Vec<(String, usize)>,
    known: BTreeSet<String>,
    /// Provisional responses that have reached the switch.
    heard: BTreeSet<String>,
    calls: BTreeMap<String, OfferId>,
    over: BTreeMap<OfferId, u64>,
    looked: u64,
}

impl Rung {
    pub fn new(acd: &AcdConfig) -> Self {
        let places = acd.agents.iter().map(|agent| (agent.key.id.clone(), agent.places[0].clone()));
        let mut places: BTreeMap<_, _> = places.collect();
        // Comes and goes over HTTP.
        places.insert("109".into(), AgentPlace::Extension("4005".into()));
        Self { places, ..Self::default() }
    }

    /// The process is another one, and knows nothing of what rings.
    pub fn forget(&mut self) {
        *self = Self { places: std::mem::take(&mut self.places), ..Self::default() };
    }

    pub fn note(&mut self, now: u64, kind: &EventKind) {
        match kind {
            EventKind::AgentOffered { agent, offer, .. } => {
                self.offered.push((*offer, agent.clone()));
            }
            EventKind::OfferEnded { offer, .. } => {
                self.over.insert(*offer, now);
            }
            _ => {}
        }
    }

    /// The switch sends something to a phone.
    pub fn sent(&mut self, phone: usize, bytes: &[u8]) {
        let msg = bytes.starts_with(b"INVITE").then(|| Msg::read(bytes)).flatten();
        let Some(msg) = msg.filter(|msg| msg.callee_tag().is_none()) else { return };
        let call_id = msg.get("call-id").to_owned();
        if self.known.insert(call_id.clone()) {
            self.invited.push((call_id, phone));
        }
    }

    /// The switch hears something from a phone.
    pub fn heard(&mut self, bytes: &[u8]) {
        if bytes.starts_with(b"SIP/2.0 1")
            && let Some(msg) = Msg::read(bytes)
        {
            self.heard.insert(msg.get("call-id").to_owned());
        }
    }

    /// All effects of one input are there: which INVITE belongs to which offer.
    pub fn match_up(&mut self, phones: &[Phone]) {
        let offered = std::mem::take(&mut self.offered);
        for (call_id, index) in std::mem::take(&mut self.invited) {
            let Some(phone) = phones.get(index) else { continue };
            let rings = |(_, agent): &&(OfferId, AgentKey)| match self.places.get(&agent.id) {
                Some(AgentPlace::Extension(number)) => {
                    phone.kind == Kind::Extension && phone.number == *number
                }
                Some(AgentPlace::Number(_)) => phone.kind == Kind::Carrier,
                None => false,
            };
            if let Some((offer, _)) = offered.iter().find(rings) {
                self.calls.insert(call_id, *offer);
            }
        }
    }

    /// A phone that rings although its offer has long been over.
    pub fn audit(&mut self, now: u64, phones: &[Phone]) -> Option<String> {
        if now < self.looked + SECOND {
            return None;
        }
        self.looked = now;
        for phone in phones.iter().filter(|phone| phone.powered && !phone.cut_off) {
            let ringing = phone.dialogs.values().filter(|dialog| dialog.stage == Stage::Ringing);
            for dialog in ringing.filter(|dialog| self.heard.contains(&dialog.call_id)) {
                let over = self.calls.get(&dialog.call_id).and_then(|offer| self.over.get(offer));
                if let Some(since) = over.filter(|since| now > **since + LIMIT) {
                    let secs = (now - since) / SECOND;
                    let (number, call_id) = (&phone.number, &dialog.call_id);
                    return Some(format!(
                        "{number} rings {secs} s after its offer was over ({call_id})"
                    ));
                }
            }
        }
        None
    }
}
