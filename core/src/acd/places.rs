//! Which agent sits at which extension.

use std::collections::{BTreeMap, BTreeSet};

use crate::vocab::ExtensionKey;
use crate::vocab::acd::AgentPlace;

use super::agent::Agent;
use super::numbers::AgentNo;

/// Agents by extension: whoever logged in there first, then whoever has it as a place of its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    by_extension: BTreeMap<ExtensionKey, BTreeSet<(bool, AgentNo)>>,
}

impl Places {
    fn of(agent: &Agent) -> Vec<(ExtensionKey, bool)> {
        let tenant = &agent.config.key.tenant;
        let key = |number: &String| ExtensionKey { tenant: tenant.clone(), number: number.clone() };
        if let Some(desk) = &agent.phone.desk {
            return vec![(key(desk), false)];
        }
        let extensions = agent.config.places.iter().filter_map(|place| match place {
            AgentPlace::Extension(number) => Some((key(number), true)),
            AgentPlace::Number(_) => None,
        });
        extensions.collect()
    }

    pub fn add(&mut self, no: AgentNo, agent: &Agent) {
        for (extension, own) in Self::of(agent) {
            self.by_extension.entry(extension).or_default().insert((own, no));
        }
    }

    pub fn remove(&mut self, no: AgentNo, agent: &Agent) {
        for (extension, own) in Self::of(agent) {
            if let Some(agents) = self.by_extension.get_mut(&extension) {
                agents.remove(&(own, no));
                if agents.is_empty() {
                    self.by_extension.remove(&extension);
                }
            }
        }
    }

    pub fn clear(&mut self) {
        self.by_extension.clear();
    }

    pub fn find(&self, extension: &ExtensionKey) -> Option<AgentNo> {
        self.by_extension.get(extension)?.first().map(|(_, no)| *no)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::agent_config;
    use super::*;

    #[test]
    fn whoever_logged_in_at_a_phone_has_it_before_its_owner() {
        let mut places = Places::default();
        let at = |number: &str| ExtensionKey { tenant: "demo".into(), number: number.into() };
        let owner = Agent::new(agent_config("101", &[]), 0, 0);
        let mut guest = Agent::new(agent_config("102", &[]), 0, 0);
        places.add(1, &owner);
        places.add(2, &guest);
        assert_eq!(places.find(&at("4101")), Some(1));
        places.remove(2, &guest);
        guest.phone.desk = Some("4101".into());
        places.add(2, &guest);
        assert_eq!(places.find(&at("4101")), Some(2));
        assert_eq!(places.find(&at("4102")), None, "it sits elsewhere");
        places.remove(2, &guest);
        assert_eq!(places.find(&at("4101")), Some(1));
    }
}
