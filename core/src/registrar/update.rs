//! Carries out a REGISTER: all of it or nothing (RFC 3261 section 10.3 step 7).

use std::borrow::Cow;

use sip::endpoint::{ExtraHeaders, Reply};
use sip::message::NameAddr;
use sip::uri::Uri;
use sip::{Flow, HeaderName, Message};
use smallvec::SmallVec;

use crate::vocab::{ExtensionKey, Now, Record};

use super::binding::{Binding, BindingId, Health, Probe, behind_nat};
use super::date::rfc1123;
use super::request::{self, Asked, Common, Refused, Wanted};
use super::{Presence, Registrar, SECOND, forgotten};

/// How a REGISTER is answered and what changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The response.
    pub reply: Reply,
    /// What the store should remember or forget, in order.
    pub records: Vec<Record>,
    /// The extension came online or went offline.
    pub presence: Option<Presence>,
}

/// What happens to one contact.
#[derive(Debug)]
enum Step<'a> {
    Remove(BindingId),
    Refresh(BindingId, Asked<'a>),
    Add(Asked<'a>),
}

type Steps<'a> = SmallVec<[Step<'a>; 2]>;

impl Registrar {
    /// Handles a REGISTER that was authenticated as `extension` and came by `flow`.
    pub fn register(
        &mut self,
        now: Now,
        flow: Flow,
        extension: &ExtensionKey,
        request: &Message,
    ) -> Answer {
        let prepared = request::common(request).and_then(|common| {
            let steps = self.prepare(extension, &common, request)?;
            Ok((common, steps))
        });
        let (common, steps) = match prepared {
            Ok(prepared) => prepared,
            Err(refused) => return self.refuse(refused),
        };
        let before = self.is_online(extension);
        let mut records = Vec::with_capacity(steps.len());
        for step in steps {
            self.carry_out(now, flow, extension, &common, step, &mut records);
        }
        let presence = match (before, self.is_online(extension)) {
            (false, true) => Some(Presence::Online(extension.clone())),
            (true, false) => Some(Presence::Offline(extension.clone())),
            _ => None,
        };
        let headers = self.list(now, extension, &common);
        Answer { reply: Reply { headers, ..Reply::new(200) }, records, presence }
    }

    /// Decides every step; changes nothing.
    fn prepare<'a>(
        &self,
        extension: &ExtensionKey,
        common: &Common<'_>,
        request: &'a Message,
    ) -> Result<Steps<'a>, Refused> {
        let in_order =
            |binding: &Binding| *binding.call_id != *common.call_id || binding.cseq < common.cseq;
        let asked = match request::wanted(request, &self.settings)? {
            Wanted::List => return Ok(Steps::new()),
            Wanted::Clear => {
                let all = self.table.of(extension);
                return all
                    .map(|(id, binding)| in_order(binding).then_some(Step::Remove(id)))
                    .collect::<Option<Steps<'a>>>()
                    .ok_or(Refused::OutOfOrder);
            }
            Wanted::Update(asked) => asked,
        };
        let mut steps = Steps::new();
        for one in asked {
            let found = self.find(extension, &one, &steps);
            if found.is_some_and(|(_, binding)| !in_order(binding)) {
                return Err(Refused::OutOfOrder);
            }
            match (found, one.expires) {
                (Some((id, _)), 0) => steps.push(Step::Remove(id)),
                (Some((id, _)), _) => steps.push(Step::Refresh(id, one)),
                (None, 0) => {}
                (None, _) => steps.push(Step::Add(one)),
            }
        }
        self.make_room(extension, &mut steps)?;
        Ok(steps)
    }

    /// The binding that a contact means: the same URI (RFC 3261 section 19.1.4), else the same device.
    fn find(
        &self,
        extension: &ExtensionKey,
        asked: &Asked<'_>,
        steps: &Steps<'_>,
    ) -> Option<(BindingId, &Binding)> {
        let free = |id: &BindingId| steps.iter().all(|step| step.binding() != Some(*id));
        let same_uri = |binding: &Binding| {
            *binding.contact == *asked.uri.as_str()
                || Uri::parse(&binding.contact).is_ok_and(|uri| uri.equivalent(&asked.uri))
        };
        let all = || self.table.of(extension).filter(|(id, _)| free(id));
        all().find(|(_, binding)| same_uri(binding)).or_else(|| {
            all().find(|(_, binding)| asked.device != 0 && binding.device == asked.device)
        })
    }

    /// Lets the contacts go that are least likely alive, when there would be too many.
    fn make_room(&self, extension: &ExtensionKey, steps: &mut Steps<'_>) -> Result<(), Refused> {
        let max = usize::from(self.settings.max_contacts);
        let count = |kind: fn(&Step<'_>) -> bool| steps.iter().filter(|step| kind(step)).count();
        let added = count(|step| matches!(step, Step::Add(_)));
        let removed = count(|step| matches!(step, Step::Remove(_)));
        let refreshed = count(|step| matches!(step, Step::Refresh(..)));
        if added == 0 {
            return Ok(());
        }
        if added + refreshed > max {
            return Err(Refused::TooManyContacts);
        }
        let touched = |id: &BindingId| steps.iter().any(|step| step.binding() == Some(*id));
        let mut idle: Vec<_> = self.table.of(extension).filter(|(id, _)| !touched(id)).collect();
        let excess = (idle.len() + added + refreshed).saturating_sub(max);
        let locals = &self.settings.locals;
        idle.sort_by_key(|(id, binding)| {
            let reachable = binding.reachable() != Some(false);
            (binding.is_live(locals), reachable, binding.refreshed, *id)
        });
        let evicted: Vec<BindingId> = idle.iter().take(excess).map(|(id, _)| *id).collect();
        let total = self.table.len() + added - removed - evicted.len();
        if total > self.settings.max_bindings {
            return Err(Refused::Full);
        }
        // First, so that the table never holds more than it may.
        for id in evicted {
            steps.insert(0, Step::Remove(id));
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        now: Now,
        flow: Flow,
        extension: &ExtensionKey,
        common: &Common<'_>,
        step: Step<'_>,
        records: &mut Vec<Record>,
    ) {
        let (id, asked) = match step {
            Step::Remove(id) => {
                records.extend(self.table.remove(id).map(forgotten));
                return;
            }
            Step::Add(asked) => {
                let id = self.table.next_id();
                self.add(now, id, flow, extension, common, &asked);
                (id, asked)
            }
            Step::Refresh(id, asked) => {
                records.extend(self.refresh(now, id, flow, common, &asked));
                (id, asked)
            }
        };
        debug_assert!(asked.expires > 0);
        if let Some(binding) = self.table.get(id) {
            records.push(Record::Registered(binding.record(now)));
        }
    }

    fn add(
        &mut self,
        now: Now,
        id: BindingId,
        flow: Flow,
        extension: &ExtensionKey,
        common: &Common<'_>,
        asked: &Asked<'_>,
    ) {
        let mut binding = Binding {
            owner: self.table.owner(extension),
            contact: asked.uri.as_str().into(),
            call_id: common.call_id.into(),
            user_agent: common.user_agent.into(),
            path: boxed(&common.path),
            flow,
            severed: false,
            behind_nat: behind_nat(&asked.uri, flow),
            cseq: common.cseq,
            q: asked.q,
            device: asked.device,
            refreshed: now.mono,
            expires: end(now, asked),
            keepalive: None,
            probe: Probe::Off,
            health: Health::Unknown,
            hint: u64::MAX,
        };
        binding.keepalive = self.settings.keepalive(now.mono, &binding);
        binding.probe = self.settings.first_probe(now.mono, id, &binding);
        self.table.insert(id, binding);
    }

    /// Returns what the store must forget: the contact under its former text.
    fn refresh(
        &mut self,
        now: Now,
        id: BindingId,
        flow: Flow,
        common: &Common<'_>,
        asked: &Asked<'_>,
    ) -> Option<Record> {
        let binding = self.table.get_mut(id)?;
        let moved = binding.flow != flow || binding.severed;
        let renamed = *binding.contact != *asked.uri.as_str();
        let former = renamed.then(|| Record::Unregistered {
            extension: ExtensionKey::clone(&binding.owner),
            contact: binding.contact.as_ref().into(),
        });
        if renamed {
            binding.contact = asked.uri.as_str().into();
        }
        if *binding.call_id != *common.call_id {
            binding.call_id = common.call_id.into();
        }
        if *binding.user_agent != *common.user_agent {
            binding.user_agent = common.user_agent.into();
        }
        if !binding.path().eq(common.path.iter().copied()) {
            binding.path = boxed(&common.path);
        }
        binding.cseq = common.cseq;
        binding.q = asked.q;
        binding.device = asked.device;
        binding.refreshed = now.mono;
        binding.expires = end(now, asked);
        binding.severed = false;
        binding.behind_nat = behind_nat(&asked.uri, flow);
        if moved || binding.health == Health::Unreachable {
            // It has just spoken: what was known of its silence is over.
            binding.health = Health::Unknown;
        }
        if moved {
            self.table.move_to(id, flow);
        }
        let binding = self.table.get_mut(id)?;
        let keepalive = self.settings.keepalive(now.mono, binding);
        // A phone that registers more often than keep-alives go out must not put them off for ever.
        let running = binding.keepalive.filter(|_| !moved);
        binding.keepalive = keepalive.map(|next| running.map_or(next, |at| at.min(next)));
        if moved || binding.probe == Probe::Off {
            binding.probe = self.settings.first_probe(now.mono, id, binding);
        }
        self.table.arm(id);
        former
    }

    /// All contacts with what is left of each, as section 10.3 step 8 wants; Path as RFC 3327 section 5.3 wants.
    fn list(&self, now: Now, extension: &ExtensionKey, common: &Common<'_>) -> ExtraHeaders {
        let contact = |binding: &Binding| {
            let mut text = String::with_capacity(binding.contact.len() + 32);
            let expires = binding.seconds_left(now).to_string();
            text.extend(["<", &*binding.contact, ">;expires=", &expires]);
            if binding.q < 1000 {
                text.push_str(&format!(";q=0.{:03}", binding.q));
            }
            (HeaderName::Contact.as_str().into(), text)
        };
        let mut headers: Vec<_> =
            self.table.of(extension).map(|(_, binding)| contact(binding)).collect();
        let path = common
            .path
            .iter()
            .map(|path| (Cow::from(HeaderName::Path.as_str()), (*path).to_owned()));
        headers.extend(path);
        headers.push((HeaderName::Date.as_str().into(), rfc1123(now.wall)));
        headers
    }

    fn refuse(&self, refused: Refused) -> Answer {
        let (status, reason) = refused.status();
        let header = match refused {
            Refused::TooBrief => Some((HeaderName::MinExpires, self.settings.min_expires)),
            Refused::Full => Some((HeaderName::RetryAfter, 60)),
            _ => None,
        };
        let headers = header.map(|(name, value)| (name.as_str().into(), value.to_string()));
        let reply = Reply {
            reason: Some(reason.to_owned()),
            headers: headers.into_iter().collect(),
            ..Reply::new(status)
        };
        Answer { reply, records: Vec::new(), presence: None }
    }
}

impl Step<'_> {
    fn binding(&self) -> Option<BindingId> {
        match self {
            Self::Remove(id) | Self::Refresh(id, _) => Some(*id),
            Self::Add(_) => None,
        }
    }
}

fn end(now: Now, asked: &Asked<'_>) -> u64 {
    now.mono.saturating_add(u64::from(asked.expires) * SECOND)
}

/// Paths are kept as they came, since a Route set repeats them.
fn boxed(path: &[&str]) -> Option<Box<[Box<str>]>> {
    let path: Box<[Box<str>]> = path.iter().map(|value| Box::from(*value)).collect();
    debug_assert!(path.iter().all(|value| NameAddr::parse(value).is_some()));
    (!path.is_empty()).then_some(path)
}
