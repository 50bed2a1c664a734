//! Callers in the hands of mailboxes and menus: hands notes of calls to whoever attends them, and does what is decided.

use std::collections::{BTreeMap, BTreeSet};

use media::order::{PlayId, RecordingId};

use crate::call::{Call, Note, Outcome};
use crate::ivr::Walk;
use crate::vocab::menu::Menu;
use crate::vocab::record::EndCause;
use crate::vocab::{CallId, MenuKey, MessageId, Now};
use crate::voicemail::{Deposit, Mailboxes, Outbox, Visit};

use super::Running;

/// What the switch keeps of mailboxes and menus.
#[derive(Debug, Default)]
pub(super) struct Lobby {
    pub(super) mailboxes: Mailboxes,
    pub(super) outbox: Outbox,
    /// Menus of the file and those defined over HTTP.
    pub(super) menus: BTreeMap<MenuKey, Defined>,
    guests: BTreeMap<CallId, Guest>,
    /// Deadlines of guests.
    due: BTreeSet<(u64, CallId)>,
    pub(super) tapes: BTreeMap<RecordingId, Tape>,
    /// Menus that a live call has been in.
    visits: BTreeMap<CallId, u8>,
}

/// A menu and who defined it.
#[derive(Debug)]
pub(super) struct Defined {
    pub(super) menu: Menu,
    pub(super) from_file: bool,
}

/// Somebody whom a mailbox or a menu attends.
#[derive(Debug)]
struct Guest {
    role: Role,
    saying: Option<PlayId>,
    due: Option<u64>,
}

/// Why somebody is attended.
#[derive(Debug)]
pub(super) enum Role {
    Deposit(Box<Deposit>),
    Visit(Box<Visit>),
    Menu(Box<Walk>),
}

impl Role {
    fn deadline(&self) -> Option<u64> {
        match self {
            Self::Deposit(deposit) => deposit.deadline(),
            Self::Visit(visit) => visit.deadline(),
            Self::Menu(walk) => walk.deadline(),
        }
    }
}

/// A recording of a guest's.
#[derive(Debug)]
pub(super) struct Tape {
    pub(super) id: MessageId,
    pub(super) path: String,
}

impl Lobby {
    /// A call comes into the hands of a feature; nobody is in two.
    pub(super) fn welcome(&mut self, call: CallId, role: Role) {
        self.dismiss(call);
        let guest = Guest { role, saying: None, due: None };
        self.guests.insert(call, guest);
        self.set_due(call);
    }

    /// Forgets what a tenant has defined, and what lies in its mailboxes.
    pub(super) fn forget_tenant(&mut self, tenant: &str) {
        self.menus.retain(|key, _| key.tenant != tenant);
        self.mailboxes.forget_tenant(tenant);
        self.outbox.forget_tenant(tenant);
    }

    /// Forgets a guest.
    pub(super) fn dismiss(&mut self, call: CallId) {
        if let Some(due) = self.guests.remove(&call).and_then(|guest| guest.due) {
            self.due.remove(&(due, call));
        }
    }

    /// Takes the role out of the table, to be put back by [`Self::put_back`].
    pub(super) fn role(&mut self, call: CallId) -> Option<&mut Role> {
        self.guests.get_mut(&call).map(|guest| &mut guest.role)
    }

    /// What a deposit or visit needs beside itself.
    pub(super) fn with_mailboxes(&mut self, call: CallId) -> Option<(&mut Role, &Mailboxes)> {
        let role = &mut self.guests.get_mut(&call)?.role;
        Some((role, &self.mailboxes))
    }

    /// Whether a mailbox or a menu has this call.
    pub(super) fn attends(&self, call: CallId) -> bool {
        self.guests.contains_key(&call)
    }

    pub(super) fn set_due(&mut self, call: CallId) {
        let Some(guest) = self.guests.get_mut(&call) else { return };
        let fresh = guest.role.deadline();
        if fresh == guest.due {
            return;
        }
        if let Some(before) = std::mem::replace(&mut guest.due, fresh) {
            self.due.remove(&(before, call));
        }
        self.due.extend(fresh.map(|at| (at, call)));
    }

    pub(super) fn set_saying(&mut self, call: CallId, play: Option<PlayId>) {
        if let Some(guest) = self.guests.get_mut(&call) {
            guest.saying = play;
        }
    }

    /// Counts a menu that a call comes into; how many it has been in.
    pub(super) fn visit(&mut self, call: CallId) -> u8 {
        let visits = self.visits.entry(call).or_default();
        *visits = visits.saturating_add(1);
        *visits
    }

    /// Deposits on their way into a mailbox.
    pub(super) fn depositing(&self, wanted: impl Fn(&Deposit) -> bool) -> usize {
        let deposits = self.guests.values().filter(|guest| match &guest.role {
            Role::Deposit(deposit) => wanted(deposit),
            Role::Visit(_) | Role::Menu(_) => false,
        });
        deposits.count()
    }

    /// When something is due; monotonic nanoseconds.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let guests = self.due.first().map(|(at, _)| *at);
        guests.into_iter().chain(self.outbox.next_deadline()).min()
    }

    /// Guests, for rules: each has a call that is not forgotten.
    pub(super) fn audit(&self, lives: impl Fn(CallId) -> bool, wrong: &mut Vec<String>) {
        for (call, guest) in &self.guests {
            if guest.role.deadline() != guest.due || guest.due.is_none() {
                wrong.push(format!("call {call}: attended without a deadline"));
            }
            if !lives(*call) {
                wrong.push(format!("call {call}: attended and gone"));
            }
        }
        if self.due.len() != self.guests.len() {
            wrong.push("deadlines of attended calls that nobody has".to_owned());
        }
    }
}

impl Running {
    /// A note of a call that a mailbox or a menu attends.
    pub(super) fn heed_in_lobby(&mut self, now: Now, call: CallId, note: &Note) {
        if matches!(note, Note::CallerGone) {
            self.lobby.visits.remove(&call);
        }
        if let Note::Recorded(end) = note {
            return self.taped(now, call, end);
        }
        let Some(guest) = self.lobby.guests.get(&call) else { return };
        if matches!(note, Note::Said { play, .. } if guest.saying != Some(*play)) {
            return;
        }
        match &guest.role {
            Role::Deposit(_) | Role::Visit(_) => self.heed_in_mailbox(now, call, note),
            Role::Menu(_) => self.heed_in_menu(now, call, note),
        }
    }

    /// What is due for guests.
    pub(super) fn tick_lobby(&mut self, now: Now) {
        while let Some((at, call)) = self.lobby.due.first().copied() {
            if at > now.mono {
                return;
            }
            match self.lobby.role(call) {
                Some(Role::Menu(_)) => self.menu_due(now, call),
                _ => self.mailbox_due(now, call),
            }
            if self.lobby.due.contains(&(at, call)) {
                // It changed nothing: whoever is there is not to be kept for ever.
                self.lobby.dismiss(call);
                self.let_go(now, call);
            }
        }
    }

    /// Says something to a guest.
    pub(super) fn say_to_guest(&mut self, now: Now, call: CallId, prompts: Vec<String>) {
        let mut play = None;
        self.step(now, call, |call, ctx| play = call.say(ctx, prompts, false));
        self.lobby.set_saying(call, play);
    }

    /// Says nothing more to a guest.
    pub(super) fn hush_guest(&mut self, now: Now, call: CallId) {
        self.lobby.set_saying(call, None);
        self.step(now, call, Call::hush);
    }

    /// Ends a guest's call.
    pub(super) fn let_go(&mut self, now: Now, call: CallId) {
        self.step(now, call, |call, ctx| {
            call.release(ctx, Outcome::of(EndCause::Normal), false);
        });
    }
}
