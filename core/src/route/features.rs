//! Feature codes, and where an extension may send its calls.

use super::{Caller, Directory, Refusal};
use crate::vocab::config::Tenant;
use crate::vocab::settings::ForwardWhen;
use crate::vocab::{ExtensionKey, Feature, Hop, Plan};

impl Directory {
    /// The feature that a code means: a whole one first, then the longest that a number follows.
    pub(super) fn feature(&self, tenant: &Tenant, dialled: &str) -> Option<Feature> {
        let codes = &self.config.codes;
        let whole = [
            (&codes.dnd_on, Feature::DoNotDisturb(true)),
            (&codes.dnd_off, Feature::DoNotDisturb(false)),
            (&codes.forward_all_off, Feature::ForwardOff(ForwardWhen::All)),
            (&codes.forward_busy_off, Feature::ForwardOff(ForwardWhen::Busy)),
            (&codes.forward_no_answer_off, Feature::ForwardOff(ForwardWhen::NoAnswer)),
            (&codes.forward_unregistered_off, Feature::ForwardOff(ForwardWhen::Unregistered)),
        ];
        if let Some((_, feature)) = whole.into_iter().find(|(code, _)| dialled == *code) {
            return Some(feature);
        }
        let forwards = [
            (&codes.forward_all, Some(ForwardWhen::All)),
            (&codes.forward_busy, Some(ForwardWhen::Busy)),
            (&codes.forward_no_answer, Some(ForwardWhen::NoAnswer)),
            (&codes.forward_unregistered, Some(ForwardWhen::Unregistered)),
            (&codes.intercom, None),
        ];
        let begun = |(code, when): (&String, Option<ForwardWhen>)| {
            let rest = dialled.strip_prefix(code.as_str()).filter(|_| !code.is_empty())?;
            Some((code.len(), when, rest.to_owned()))
        };
        let longest = forwards.into_iter().filter_map(begun).max_by_key(|(length, ..)| *length)?;
        match longest {
            (_, Some(when), to) => Some(Feature::Forward { when, to }),
            (_, None, number) => {
                let called = self.in_tenant(tenant, &number)?;
                Some(Feature::Intercom(called.key.clone()))
            }
        }
    }

    /// Where an extension sends its calls: whatever it could dial itself, but nothing that is done for whoever dials it,
    /// and no emergency number, which nobody reaches by mistake.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn forward(
        &self,
        owner: &ExtensionKey,
        to: &str,
        host: Option<&str>,
    ) -> Result<Plan, Refusal> {
        let plan = self.plan(Caller::Extension(owner), to, host)?;
        let personal =
            |hop: &Hop| matches!(hop, Hop::Feature(_) | Hop::OwnVoicemail | Hop::AgentLogin);
        if plan.emergency || plan.hops.iter().any(personal) {
            return Err(Refusal::NotAllowed);
        }
        Ok(plan)
    }

    /// The number under which carriers know an extension, where it has one of its own.
    pub fn outside_number(&self, key: &ExtensionKey) -> Option<&str> {
        let own = self.extension(key)?.caller_number.as_deref();
        let shown = own.and_then(|shown| self.own_number(&key.tenant, shown));
        shown.or_else(|| {
            let numbers = &self.plans.get(&key.tenant)?.numbers;
            numbers.leading_to(key).next().map(|number| number.number.as_str())
        })
    }
}
