//! Calls that are sent on: who did it and why, and what the next phone is told of it (RFC 5806, RFC 7044).

use sip::message::{HeaderName, Message};

use crate::vocab::record::Party;
use crate::vocab::{ExtensionKey, Hop};

use super::finish::q850;
use super::{CALLEE, Call, Ctx, Outcome, Place, Rights, Stage, Wish};

/// Longest value of a carrier's header that is passed on, in bytes.
const MAX_VALUE: usize = 512;
/// Values of a carrier's header that are passed on.
const MAX_VALUES: usize = 10;

/// Why somebody sent a call on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DivertReason {
    /// All calls are.
    Unconditional,
    /// The called side is busy.
    Busy,
    /// It does not wish to be disturbed.
    DoNotDisturb,
    /// Nobody answered.
    NoAnswer,
    /// It cannot be reached.
    Unavailable,
    /// Not known to us.
    Unknown,
}

impl DivertReason {
    /// Of a phone's own redirection.
    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            302 => Self::Unconditional,
            486 => Self::Busy,
            408 | 480 => Self::NoAnswer,
            _ => Self::Unknown,
        }
    }

    /// RFC 5806 section 4.1.
    fn word(self) -> &'static str {
        match self {
            Self::Unconditional => "unconditional",
            Self::Busy => "user-busy",
            Self::DoNotDisturb => "do-not-disturb",
            Self::NoAnswer => "no-answer",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
        }
    }

    /// RFC 4458 section 2, as RFC 7544 section 7.3 maps them.
    fn cause(self) -> u16 {
        match self {
            Self::Unconditional => 302,
            Self::Busy | Self::DoNotDisturb => 486,
            Self::NoAnswer => 408,
            Self::Unavailable => 503,
            Self::Unknown => 404,
        }
    }

    /// The response for which the call went elsewhere, if there was one.
    fn response(self) -> Option<u16> {
        matches!(self, Self::Busy | Self::NoAnswer).then(|| self.cause())
    }
}

/// Somebody who sent a call on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diversion {
    /// As the tenant's phones see it: a name-addr.
    pub by: String,
    /// As carriers see it, where it has a number of its own: that number.
    pub outside: Option<String>,
    /// Why.
    pub reason: DivertReason,
    /// Whose rights count from here on.
    pub owner: ExtensionKey,
}

/// The way of a call before it came to the present place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diversions {
    /// Ours, oldest first.
    list: Vec<Diversion>,
    /// Values of Diversion with which a carrier's call came, newest first (RFC 5806 section 4.2).
    before: Vec<String>,
    /// Values of History-Info with which it came, oldest first.
    history: Vec<String>,
    /// How often it had been sent on by then.
    count: usize,
    /// Who transferred the caller: a name-addr (RFC 3892).
    referred_by: Option<String>,
}

impl Diversions {
    /// What a carrier says of the call. Nobody else is believed.
    pub(crate) fn of(rights: &Rights, invite: &Message) -> Self {
        if !matches!(rights, Rights::Trunk(_)) {
            return Self::default();
        }
        let values = |name| {
            let sound = |value: &&str| value.len() <= MAX_VALUE;
            invite.headers(name).filter(sound).take(MAX_VALUES).map(str::to_owned).collect()
        };
        let before: Vec<String> = values(HeaderName::Diversion);
        let count = before.iter().map(|value| times(value)).sum();
        let history = values(HeaderName::HistoryInfo);
        Self { before, history, count, ..Self::default() }
    }

    /// How often the call has been sent on, before it came to us included.
    pub fn len(&self) -> usize {
        self.count.saturating_add(self.list.len())
    }

    /// Nobody has sent it on.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those extensions of ours that have sent it on.
    pub fn owners(&self) -> impl Iterator<Item = &ExtensionKey> {
        self.list.iter().map(|own| &own.owner)
    }

    /// Who sent it on last.
    pub fn last(&self) -> Option<&Diversion> {
        self.list.last()
    }

    pub(crate) fn push(&mut self, diversion: Diversion) {
        self.list.push(diversion);
    }

    /// The headers of an INVITE to this address.
    pub(crate) fn headers(
        &self,
        place: &Place,
        to: &str,
    ) -> impl Iterator<Item = (&'static str, String)> {
        let outside = matches!(place.line, super::Line::Trunk(_));
        let host = uri_of(&place.identity.from).and_then(|uri| uri.rsplit_once('@'));
        let host = host.map_or("anonymous.invalid", |(_, host)| host);
        let ours: Vec<(String, DivertReason)> = self
            .list
            .iter()
            .map(|own| {
                let number = own.outside.as_ref().filter(|_| outside);
                let outside = number.map(|number| format!("<sip:{number}@{host}>"));
                (outside.unwrap_or_else(|| own.by.clone()), own.reason)
            })
            .collect();
        let newest_first = ours.iter().rev();
        let diversion: Vec<String> = newest_first
            .map(|(by, reason)| format!("{by};reason={}", reason.word()))
            .chain(self.before.iter().cloned())
            .collect();
        let history = self.history_of(&ours, to);
        let diversion = diversion.into_iter().map(|value| ("Diversion", value));
        let referred = self.referred_by.clone().filter(|_| !outside);
        let history = history.into_iter().map(|value| ("History-Info", value));
        diversion.chain(history).chain(referred.map(|value| ("Referred-By", value)))
    }

    /// Somebody transfers the caller from here on.
    pub(crate) fn refer_by(&mut self, by: Option<String>) {
        self.referred_by = by;
    }

    /// RFC 7044 section 10.3: each entry stands one level below the one from which it came (`mp`), with the cause in its
    /// URI (RFC 4458) and the response that led on as its Reason.
    fn history_of(&self, ours: &[(String, DivertReason)], to: &str) -> Vec<String> {
        let mut all = self.history.clone();
        if ours.is_empty() {
            return all;
        }
        let above = self.history.last().and_then(|value| index_of(value));
        let first = above.map_or_else(|| "1".to_owned(), |index| format!("{index}.1"));
        let mut index = first;
        let mut cause = None;
        let mut parent: Option<String> = None;
        let last = (to.to_owned(), None);
        let steps = ours.iter().map(|(by, reason)| (by.clone(), Some(*reason)));
        for (address, reason) in steps.chain(std::iter::once(last)) {
            let uri = uri_of(&address).unwrap_or(&address).to_owned();
            let cause_param = cause.map(|cause| format!(";cause={cause}")).unwrap_or_default();
            let response = reason.and_then(DivertReason::response);
            let response = response.map(|status| format!("?Reason=SIP%3Bcause%3D{status}"));
            let mapped = parent.map(|parent| format!(";mp={parent}")).unwrap_or_default();
            let response = response.unwrap_or_default();
            all.push(format!("<{uri}{cause_param}{response}>;index={index}{mapped}"));
            parent = Some(index.clone());
            index = format!("{index}.1");
            cause = reason.map(DivertReason::cause);
        }
        all
    }
}

/// The URI of a name-addr.
fn uri_of(address: &str) -> Option<&str> {
    address.rsplit_once('<')?.1.split('>').next()
}

/// The index of a History-Info value.
fn index_of(value: &str) -> Option<&str> {
    let (_, parameters) = value.rsplit_once('>')?;
    let index = parameters.split(';').find_map(|own| own.trim().strip_prefix("index="))?;
    let sound = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    Some(index).filter(|index| !index.is_empty() && index.len() <= 32 && sound(index))
}

/// How often a Diversion value says that it happened (RFC 5806 section 4.1, `counter`); several may stand in one line.
fn times(value: &str) -> usize {
    let one = |part: &str| {
        let counter = part.split(';').find_map(|own| own.trim().strip_prefix("counter="));
        counter.and_then(|count| count.parse::<u8>().ok()).map_or(1, |count| count.max(1).into())
    };
    value.split(',').filter(|part| part.contains(':')).map(one).sum()
}

impl Call {
    /// How the call came here.
    pub fn diversions(&self) -> &Diversions {
        &self.diversions
    }

    /// Sends the call on: it goes there instead, and to the places that were left after that.
    pub fn divert(&mut self, ctx: &mut Ctx<'_>, diversion: Diversion, hops: Vec<Hop>) {
        if !matches!(self.stage, Stage::Routing) {
            return;
        }
        self.diversions.push(diversion);
        // What the one who sent it on could not do says nothing about where it goes.
        self.best_failure = None;
        for hop in hops.into_iter().rev() {
            self.hops.push_front(hop);
        }
        self.next_hop(ctx);
    }

    /// Whether its caller is in the hands of a feature, heard or not.
    pub fn is_in_attendance(&self) -> bool {
        matches!(self.stage, Stage::Attending(_))
    }

    /// Leaves attendance since nobody was found: as if one place had rung in vain, `owner`'s where it is somebody's. The
    /// places that were left are tried next.
    pub fn found_nobody(
        &mut self,
        ctx: &mut Ctx<'_>,
        owner: Option<ExtensionKey>,
        outcome: Outcome,
    ) {
        if !self.is_in_attendance() {
            return;
        }
        self.end_candidates(ctx, &q850(outcome));
        self.hush(ctx);
        self.legs[CALLEE].party = Party::Nobody;
        self.record.callee = Party::Nobody;
        self.best_failure = Some(outcome.better(self.best_failure));
        self.stage = Stage::Routing;
        match owner {
            Some(owner) => self.wish = Some(Wish::Unanswered { owner, outcome }),
            None => self.hop_over(ctx, outcome),
        }
    }

    /// The place had nobody for the call, and nobody sends it on.
    pub fn not_diverted(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        if matches!(self.stage, Stage::Routing) {
            self.hop_over(ctx, outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diversion(by: &str, reason: DivertReason) -> Diversion {
        let owner = ExtensionKey { tenant: "t".into(), number: by.into() };
        Diversion { by: format!("<sip:{by}@pbx>"), outside: None, reason, owner }
    }

    #[test]
    fn the_history_is_a_tree_of_one_branch() {
        let mut way = Diversions::default();
        way.push(diversion("1", DivertReason::Busy));
        way.push(diversion("2", DivertReason::Unconditional));
        let ours: Vec<_> = way.list.iter().map(|own| (own.by.clone(), own.reason)).collect();
        assert_eq!(
            way.history_of(&ours, "<sip:3@pbx>"),
            [
                "<sip:1@pbx?Reason=SIP%3Bcause%3D486>;index=1",
                "<sip:2@pbx;cause=486>;index=1.1;mp=1",
                "<sip:3@pbx;cause=302>;index=1.1.1;mp=1.1",
            ]
        );
        way.history = vec!["<sip:0@c>;index=1".into(), "<sip:1@c;cause=302>;index=1.1;mp=1".into()];
        let all = way.history_of(&ours, "<sip:3@pbx>");
        assert_eq!(all[2], "<sip:1@pbx?Reason=SIP%3Bcause%3D486>;index=1.1.1");
    }

    #[test]
    fn what_carriers_say_is_counted() {
        assert_eq!(times("<sip:1@c>;reason=unconditional"), 1);
        assert_eq!(times("<sip:1@c>;reason=user-busy;counter=3"), 3);
        assert_eq!(times("<sip:1@c>;reason=no-answer, <sip:2@c>;counter=2"), 3);
        assert_eq!(index_of("<sip:1@c?Reason=x>;index=1.2;mp=1"), Some("1.2"));
        assert_eq!(index_of("<sip:1@c>;index=1.x"), None);
        assert_eq!(index_of("nothing"), None);
    }
}
