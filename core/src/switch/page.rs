//! Paging: rings the phones of a page, which answer by themselves, and lets them hear whoever dialled its number.

use media::order::{Order, Voices};

use crate::call::{
    AnswerMode, Attendance, Call, Found, Note, Originate, Outcome, Rights, SECOND, Voicing,
};
use crate::page::{Gone, Live, Part};
use crate::vocab::command::Page as Rows;
use crate::vocab::page::{Page, PageView, Spoken};
use crate::vocab::record::EndCause;
use crate::vocab::{CallId, CommandError, ExtensionKey, Hop, Now, PageKey, Plan, Principal, Reply};

use super::Running;
use super::park::is_at;
use super::queries::MAX_ROWS;

/// The speaker's voice, and that of the tone for the speaker.
const SPEECH: Voices = Voices(1);
const TONE: Voices = Voices(2);
const BOTH: Voices = Voices(3);
const SILENCE: Voices = Voices(0);
/// Said when the first phone plays.
const BEGINS: &str = "tones/join";
/// A phone that does not answer by itself is left alone after so long.
const PATIENCE: u64 = 10 * SECOND;

impl Running {
    /// Somebody dialled the number of a page.
    pub(super) fn enter_page(&mut self, now: Now, id: CallId, key: &PageKey) -> Found {
        let nothing = |cause| Found::Nothing(Outcome::of(cause));
        let Some(page) = self.books.directory.page(key).cloned() else {
            return nothing(EndCause::NotFound);
        };
        let Some(speaker) = self.speaker_of(id, &page) else { return nothing(EndCause::Forbidden) };
        let phones = self.phones_of(&page, &speaker);
        if phones.is_empty() {
            return Found::Nothing(Outcome::from_status(480));
        }
        let until = now.mono.saturating_add(u64::from(page.max_secs.max(1)) * SECOND);
        let live = Live::new(id, self.desk.ids.mix(), phones, until);
        match self.pages.begin(key, live) {
            true => Found::Attend(attendance(key)),
            false => nothing(EndCause::Busy),
        }
    }

    /// Who speaks, if it may: a phone with the page's class, and nobody whom a phone sent here.
    fn speaker_of(&self, id: CallId, page: &Page) -> Option<ExtensionKey> {
        let call = self.calls.get(id)?;
        let Rights::Extension(speaker) = &call.rights else { return None };
        let classes = &self.books.directory.extension(speaker)?.classes;
        let may = classes.contains(&page.class) && is_at(&call.record.caller, speaker);
        may.then(|| speaker.clone())
    }

    /// A page that its speaker could not begin is refused before a phone rings.
    pub(super) fn may_speak(
        &self,
        speaker: &ExtensionKey,
        plan: &Plan,
    ) -> Result<(), CommandError> {
        let Some(Hop::Page(key)) = plan.hops.first() else { return Ok(()) };
        if self.pages.get(key).is_some() {
            return Err(CommandError::Conflict(format!("somebody speaks to page {}", key.name)));
        }
        let directory = &self.books.directory;
        let (page, speaks) = (directory.page(key), directory.extension(speaker));
        match page.zip(speaks) {
            Some((page, speaks)) if !speaks.classes.contains(&page.class) => {
                Err(CommandError::Invalid(format!(
                    "extension {} has not the class \"{}\", which page {} needs",
                    speaker.number, page.class, key.name
                )))
            }
            _ => Ok(()),
        }
    }

    /// Phones that may be disturbed now: none in a call, and none of the speaker's.
    fn phones_of(&self, page: &Page, speaker: &ExtensionKey) -> Vec<ExtensionKey> {
        let tenant = &page.key.tenant;
        let key = |number: &String| ExtensionKey { tenant: tenant.clone(), number: number.clone() };
        let may = |own: &ExtensionKey| {
            own != speaker && self.is_free(own) && !self.settings.is_quiet(own)
        };
        page.members.iter().map(key).filter(may).collect()
    }

    /// Whether a page's notes concern a call, and heeds them if so.
    pub(super) fn page_heeds(&mut self, now: Now, id: CallId, note: &Note) -> bool {
        let Some(part) = self.pages.part(id).cloned() else { return false };
        match (part, note) {
            (_, Note::CallerGone) => self.left_page(now, id),
            (Part::Speaker(key), Note::Attended) => self.open_page(now, id, &key),
            (Part::Speaker(key), Note::Held(held)) => self.speak(now, id, &key, !held),
            (Part::Member(key), Note::Attended) => self.play_page(now, id, &key),
            (_, Note::Reached | Note::NotReached(_)) => return false,
            _ => {}
        }
        true
    }

    /// The speaker is heard, or not: music of a phone that holds is for nobody.
    fn speak(&mut self, now: Now, id: CallId, key: &PageKey, heard: bool) {
        let Some(mix) = self.pages.get(key).map(|live| live.mix) else { return };
        let speaks = if heard { SPEECH } else { SILENCE };
        self.step(now, id, |call, ctx| {
            call.join_mix(ctx, mix, Voicing { speaks, hears: TONE });
        });
    }

    /// The speaker can be heard: the phones ring.
    fn open_page(&mut self, now: Now, id: CallId, key: &PageKey) {
        self.speak(now, id, key, true);
        let phones = self.pages.get(key).map(|live| live.phones.clone()).unwrap_or_default();
        let mut rung = 0;
        for phone in phones {
            rung += usize::from(self.ring_for_page(now, id, key, &phone).is_some());
        }
        if rung == 0 {
            self.put_out(now, id, EndCause::Normal);
        }
    }

    fn ring_for_page(
        &mut self,
        now: Now,
        speaker: CallId,
        key: &PageKey,
        phone: &ExtensionKey,
    ) -> Option<()> {
        let call = self.calls.get(speaker)?;
        let (interaction, worker) = (call.interaction, call.worker());
        let dialled = call.record.dialled.clone();
        let identity = self.identity_for(speaker, &Hop::Extension(phone.clone()));
        let Found::Ring(mut first) = self.locate_extension(phone, identity) else { return None };
        first.auto_answer = true;
        first.ring = PATIENCE;
        let rights = Rights::Extension(phone.clone());
        self.admit(&rights, false).ok()?;
        let plan = Plan {
            tenant: phone.tenant.clone(),
            dialled,
            hops: Vec::new(),
            hide_number: false,
            emergency: false,
        };
        let mut common = self.common(&rights, plan, None);
        common.interaction = Some(interaction);
        common.near = Some(worker);
        let attend = Some(attendance(key));
        self.counters.call_started();
        let call = Call::originate(&mut self.desk.ctx(now), Originate { first, attend, common });
        self.pages.ring(key, call.id);
        self.take_in(now, call);
        Some(())
    }

    /// A phone has answered: it hears the speaker, and nobody hears it.
    fn play_page(&mut self, now: Now, id: CallId, key: &PageKey) {
        let Some(live) = self.pages.get(key) else { return };
        let mix = live.mix;
        let worker = self.calls.get(live.speaker).map(Call::worker).unwrap_or_default();
        let mut plays = false;
        self.step(now, id, |call, ctx| {
            call.arrived(ctx);
            plays = call.bring_to(ctx, worker)
                && call.join_mix(ctx, mix, Voicing { speaks: SILENCE, hears: SPEECH });
        });
        if !plays {
            return self.put_out(now, id, EndCause::Congestion);
        }
        if self.pages.joined(key, id) {
            let (play, prompts) = (self.desk.ids.play(), vec![BEGINS.to_owned()]);
            self.desk.out.media(worker, Order::PlayInMix { mix, play, prompts, heard_by: BOTH });
        }
    }

    fn left_page(&mut self, now: Now, id: CallId) {
        match self.pages.gone(id) {
            Some(Gone::Speaker(members)) => {
                members.into_iter().for_each(|own| self.put_out(now, own, EndCause::Normal));
            }
            Some(Gone::Last(speaker)) => self.put_out(now, speaker, EndCause::Normal),
            Some(Gone::One) | None => {}
        }
    }

    /// Pages whose time is over.
    pub(super) fn tick_pages(&mut self, now: Now) {
        while let Some(speaker) = self.pages.due(now.mono) {
            self.pages.postpone(speaker, now.mono.saturating_add(60 * SECOND));
            self.put_out(now, speaker, EndCause::TooLong);
        }
    }

    pub(super) fn pages_page(
        &self,
        now: Now,
        principal: &Principal,
        offset: usize,
        limit: usize,
    ) -> Reply {
        let mut own: Vec<&Page> = self.books.directory.pages(&principal.tenant).collect();
        own.sort_by(|a, b| a.key.cmp(&b.key));
        let total = own.len();
        let rows = own.into_iter().skip(offset).take(limit.min(MAX_ROWS));
        let items = rows.map(|page| self.page_view(page)).collect();
        Reply::Pages(Rows { items, total, as_of: now.wall })
    }

    pub(super) fn one_page(&self, principal: &Principal, name: String) -> Reply {
        let key = PageKey { tenant: principal.tenant.clone(), name };
        match self.books.directory.page(&key) {
            Some(page) => Reply::Page(Box::new(self.page_view(page))),
            None => Reply::Refused(CommandError::NotFound(format!("no page {}", key.name))),
        }
    }

    fn page_view(&self, page: &Page) -> PageView {
        let spoken = self.pages.get(&page.key).map(|live| {
            let (playing, ringing) = self.pages.heard(&page.key);
            let speaker = self.calls.get(live.speaker).and_then(|call| match &call.rights {
                Rights::Extension(speaker) => Some(speaker.number.clone()),
                _ => None,
            });
            Spoken { call: live.speaker, speaker, playing, ringing }
        });
        PageView { page: page.clone(), spoken }
    }

    /// Whether an extension has no call.
    fn is_free(&self, key: &ExtensionKey) -> bool {
        self.calls.load(&crate::call::Line::Extension(key.clone())) == 0
    }
}

fn attendance(key: &PageKey) -> Attendance {
    Attendance { answer: AnswerMode::Now, name: format!("page:{}", key.name) }
}
