//! The dialogs that a phone has with a call, as those who watch the phone see them (RFC 4235).

use sip::endpoint::{DialogIds, Endpoint};

use crate::vocab::ExtensionKey;
use crate::vocab::record::Party;
use crate::vocab::watch::{DialogStage, DialogView};

use super::candidates::State;
use super::search::Search;
use super::{CALLEE, CALLER, Call, Leg, Line, Stage};

impl Call {
    /// The dialogs of an extension's phones in this call, in the order in which they began.
    pub fn dialogs_of(&self, sip: &Endpoint, extension: &ExtensionKey) -> Vec<DialogView> {
        let line = Line::Extension(extension.clone());
        let mut found = Vec::new();
        if !self.is_live() {
            return found;
        }
        let [caller, callee] = &self.legs;
        if caller.line().as_ref() == Some(&line) {
            self.add_leg(&mut found, sip, caller, self.peer(CALLER), true);
        }
        if callee.sip.is_some() && callee.line().as_ref() == Some(&line) {
            self.add_leg(&mut found, sip, callee, self.peer(CALLEE), false);
        }
        if let Stage::Hunting(hunt) = &self.stage
            && hunt.line() == Some(&line)
        {
            let side = if hunt.looks_for_callee() { CALLEE } else { CALLER };
            add_search(&mut found, sip, &hunt.search, self.peer(side));
        }
        for candidate in self.candidates().iter().filter(|own| *own.line() == line) {
            match &candidate.state {
                State::Ringing(ringing) => {
                    add_search(&mut found, sip, &ringing.search, self.peer(CALLEE));
                }
                _ => self.add_leg(&mut found, sip, &candidate.leg, self.peer(CALLEE), false),
            }
        }
        found
    }

    /// Number and name of whom one side talks to, as it may know them.
    fn peer(&self, side: usize) -> (String, String) {
        let party = if side == CALLER { &self.record.callee } else { &self.record.caller };
        if side == CALLEE && self.hide_number {
            return Default::default();
        }
        match party {
            Party::Extension { extension, name } => (extension.number.clone(), name.clone()),
            Party::Trunk { number, .. } if number == "anonymous" => Default::default(),
            Party::Trunk { number, name, .. } => (number.clone(), name.clone()),
            Party::Service { .. } | Party::Nobody => (self.record.dialled.clone(), String::new()),
        }
    }

    fn add_leg(
        &self,
        found: &mut Vec<DialogView>,
        sip: &Endpoint,
        leg: &Leg,
        peer: (String, String),
        initiator: bool,
    ) {
        let Some(usage) = leg.sip else { return };
        let stage = match &self.stage {
            _ if leg.confirmed => DialogStage::Confirmed,
            Stage::Hunting(_) if self.record.ringing_at.is_none() => DialogStage::Proceeding,
            Stage::AwaitingPorts { .. } | Stage::Routing => DialogStage::Proceeding,
            _ => DialogStage::Early,
        };
        for ids in sip.dialogs_of(usage).into_iter().take(1) {
            let view = view(usage, 0, ids, peer.clone(), stage);
            found.push(DialogView { initiator, holds: leg.holds, ..view });
        }
    }
}

/// What rings: a dialog for each phone, several for one that forks, none with a tag for one that has said nothing.
fn add_search(
    found: &mut Vec<DialogView>,
    sip: &Endpoint,
    search: &Search,
    peer: (String, String),
) {
    for usage in search.legs() {
        for (number, ids) in sip.dialogs_of(usage).into_iter().enumerate() {
            let rings = !ids.remote_tag.is_empty();
            let stage = if rings { DialogStage::Early } else { DialogStage::Trying };
            found.push(view(usage, number, ids, peer.clone(), stage));
        }
    }
}

/// A dialog of ours, from its other end.
fn view(
    usage: sip::LegId,
    number: usize,
    ids: DialogIds,
    (peer_number, name): (String, String),
    stage: DialogStage,
) -> DialogView {
    let id = match number {
        0 => format!("d{:x}", usage.0),
        number => format!("d{:x}-{number}", usage.0),
    };
    DialogView {
        id,
        call_id: ids.call_id,
        local_tag: ids.remote_tag,
        remote_tag: ids.local_tag,
        initiator: false,
        stage,
        holds: false,
        number: peer_number,
        name,
    }
}
