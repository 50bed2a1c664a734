//! Hold reminders: whoever has held a call for long, by its phone or by order, is rung; who answers has the held party
//! again.

use crate::call::{CALLEE, CALLER, Call, Line, other};
use crate::remind::Held;
use crate::vocab::record::Party;
use crate::vocab::{CallId, ExtensionKey, Now};

use super::Running;
use super::summons::{Errand, Summon};

impl Running {
    fn reminder_pause(&self) -> u64 {
        u64::from(self.desk.policy.calls.hold_reminder_secs) * crate::call::SECOND
    }

    /// A call has acted: who holds in it now?
    pub(super) fn look_at_holds(&mut self, now: Now, id: CallId) {
        let pause = self.reminder_pause();
        if pause == 0 && self.reminders.is_empty() {
            return;
        }
        let call = self.calls.get(id);
        let holds = [CALLER, CALLEE].map(|side| {
            let held = call.is_some_and(|call| call.is_talking() && call.is_held_by(side));
            held && pause > 0
        });
        for (side, holds) in holds.into_iter().enumerate() {
            self.reminders.set((id, side), holds, now.mono.saturating_add(pause));
        }
    }

    /// The configuration is another one: nobody is reminded any more, or everybody who holds somebody now is.
    pub(super) fn revise_reminders(&mut self, now: Now) {
        if self.reminder_pause() == 0 {
            self.summons.doubt_all();
            return self.reminders.clear();
        }
        let all: Vec<CallId> = self.calls.iter().map(|call| call.id).collect();
        for call in all {
            self.look_at_holds(now, call);
        }
    }

    /// Rings those who have held somebody for long.
    pub(super) fn tick_reminders(&mut self, now: Now) {
        let again = now.mono.saturating_add(self.reminder_pause().max(crate::call::SECOND));
        while let Some(held) = self.reminders.pop_due(now.mono, again) {
            self.remind(now, held);
        }
    }

    fn remind(&mut self, now: Now, (id, side): Held) {
        let Some(call) = self.calls.get(id) else { return };
        let (holder, held) = (call.at(side).clone(), call.at(other(side)).clone());
        let interaction = call.interaction;
        let Party::Extension { extension, .. } = holder else { return };
        if self.talks_elsewhere(&extension, id) || self.summons.is_reminded((id, side)) {
            return;
        }
        let (name, number) = match &held {
            Party::Extension { extension, name } => (name.as_str(), extension.number.as_str()),
            Party::Trunk { number, name, .. } => (name.as_str(), number.as_str()),
            Party::Service { name } => (name.as_str(), ""),
            Party::Nobody => ("", ""),
        };
        let name = format!("On hold: {}", if name.is_empty() { number } else { name });
        let shown = self.books.directory.shown(&extension.tenant, &name, number);
        let errand = Errand::Remind(id, side);
        let dialled = number.to_owned();
        // A phone that is gone or has no line free is reminded the next time.
        let _ = self.summon(
            now,
            Summon { extension: &extension, contact: None, shown, errand, dialled, interaction },
        );
    }

    /// Who consults somebody while it holds has not forgotten, and a phone that rings has enough to tell.
    fn talks_elsewhere(&self, extension: &ExtensionKey, held: CallId) -> bool {
        let line = Line::Extension(extension.clone());
        let mut others = self.calls.on_line(&line).filter(|call| call.id != held);
        others.any(|call| call.is_live() && !(call.is_talking() && call.is_held()))
    }

    /// The holder has answered: it talks to whom it held. False where that is over.
    pub(super) fn take_back(&mut self, now: Now, id: CallId, (held, side): Held) -> bool {
        if !self.reminders.is_held((held, side)) {
            return false;
        }
        self.replace_leg(now, id, held, side);
        !self.calls.get(id).is_some_and(Call::waits_attended)
    }
}
