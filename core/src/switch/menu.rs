//! Menus: who comes into one, and where its keys lead.

use crate::call::{AnswerMode, Attendance, Found, Note, Outcome};
use crate::ivr::{Act, Dialled, Heard, Walk, is_open};
use crate::vocab::event::Attempt;
use crate::vocab::menu::Menu;
use crate::vocab::{CallId, ExtensionKey, Hop, MenuKey, Now, TenantId};

use super::Running;
use super::attended::{Defined, Role};

/// Menus that one call may be in, one after the other: two that lead to each other end.
const MAX_VISITS: u8 = 20;

impl Running {
    /// The menus of the file, and those defined over HTTP; an id in both is the file's.
    pub(super) fn load_menus(&mut self) {
        self.lobby.menus.retain(|_, defined| !defined.from_file);
        for menu in &self.books.directory.config().menus {
            let defined = Defined { menu: menu.clone(), from_file: true };
            self.lobby.menus.insert(menu.key.clone(), defined);
        }
    }

    /// A call comes into a menu.
    pub(super) fn enter_menu(&mut self, now: Now, id: CallId, key: &MenuKey) -> Found {
        let Some(menu) = self.lobby.menus.get(key).map(|defined| defined.menu.clone()) else {
            return Found::Nothing(Outcome::from_status(404));
        };
        if self.lobby.visit(id) > MAX_VISITS {
            return Found::Nothing(Outcome::from_status(482));
        }
        let language = self.calls.get(id).map_or("en", |call| call.language.as_str());
        let open = self.is_open(&menu, now.wall);
        let walk = Walk::new(now, menu, language, open);
        self.lobby.welcome(id, Role::Menu(Box::new(walk)));
        Found::Attend(Attendance { answer: AnswerMode::Now, name: format!("ivr:{}", key.name) })
    }

    /// Whether a menu is within its hours; hours that do not exist never close.
    pub(super) fn is_open(&self, menu: &Menu, wall: u64) -> bool {
        let config = self.books.directory.config();
        let Some(name) = &menu.hours else { return true };
        let own = config.hours.iter();
        let mut own = own.filter(|hours| hours.tenant == menu.key.tenant && hours.name == *name);
        own.next().is_none_or(|hours| {
            let zone = config.zones.get(&hours.timezone).cloned().unwrap_or_default();
            is_open(hours, &zone, wall)
        })
    }

    pub(super) fn heed_in_menu(&mut self, now: Now, call: CallId, note: &Note) {
        let heard = match note {
            Note::Attended => Heard::Attended,
            Note::Said { .. } => Heard::Said,
            Note::Key(key) => Heard::Key(*key),
            Note::CallerGone => return self.lobby.dismiss(call),
            _ => return,
        };
        let (lobby, directory) = (&mut self.lobby, &self.books.directory);
        let Some(Role::Menu(walk)) = lobby.role(call) else { return };
        let (tenant, misses) = (walk.menu().key.tenant.clone(), walk.misses());
        let acts = walk.on(now, heard, |digits| {
            let (exists, longer) = directory.extensions_like(&tenant, digits);
            Dialled { exists, longer }
        });
        if walk.misses() > misses {
            self.publish_failure(now, call, Attempt::Choice);
        }
        self.act_for_menu(now, call, &tenant, acts);
    }

    pub(super) fn menu_due(&mut self, now: Now, call: CallId) {
        let (lobby, directory) = (&mut self.lobby, &self.books.directory);
        let Some(Role::Menu(walk)) = lobby.role(call) else { return };
        let (tenant, misses) = (walk.menu().key.tenant.clone(), walk.misses());
        let acts = walk.on_deadline(now, |digits| {
            let (exists, longer) = directory.extensions_like(&tenant, digits);
            Dialled { exists, longer }
        });
        if walk.misses() > misses {
            self.publish_failure(now, call, Attempt::Choice);
        }
        self.act_for_menu(now, call, &tenant, acts);
    }

    fn act_for_menu(&mut self, now: Now, call: CallId, tenant: &TenantId, acts: Vec<Act>) {
        self.lobby.set_due(call);
        for act in acts {
            match act {
                Act::Say(prompts) => self.say_to_guest(now, call, prompts),
                Act::Hush => self.hush_guest(now, call),
                Act::Go(to) => {
                    let hops = self.books.directory.destination(tenant, &to);
                    let hops = hops.unwrap_or_default();
                    self.leave_menu(now, call, hops);
                }
                Act::Dial(number) => {
                    let key = ExtensionKey { tenant: tenant.clone(), number };
                    let hops = self.books.directory.to_extension(&key);
                    self.leave_menu(now, call, hops);
                }
                Act::HangUp => {
                    self.lobby.dismiss(call);
                    self.let_go(now, call);
                }
            }
        }
    }

    fn leave_menu(&mut self, now: Now, call: CallId, mut hops: Vec<Hop>) {
        self.lobby.dismiss(call);
        self.books.trunks.living_first(&mut hops);
        self.step(now, call, |call, ctx| call.go_to(ctx, hops));
    }
}
