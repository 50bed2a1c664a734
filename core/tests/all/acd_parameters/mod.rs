//! Every parameter of queues, agents and tenants changes something: a row for each, with two values and a scenario whose
//! outcome differs. The rows are compared with the fields of the configuration, so that a new field without a row fails.

mod calls;
mod calls_scenes;
mod rows;
mod scenarios;

use std::collections::BTreeSet;

use serde_json::Value;
use strowger_core::vocab::acd::*;

use crate::acd_scene::{Scene, agent, queue};
use crate::exchange::Exchange;
use crate::queue_call::hotline;

/// What a row starts from: a queue, three agents, and what holds for their tenant.
#[derive(Clone)]
pub struct Base {
    pub queue: QueueConfig,
    pub agents: Vec<AgentConfig>,
    pub tenant: TenantAcd,
}

impl Base {
    fn new() -> Self {
        let agents = (1..=3).map(|n| agent(&format!("10{n}"), n)).collect();
        Self { queue: queue(crate::acd_scene::QUEUE), agents, tenant: TenantAcd::default() }
    }

    /// The base with one value set; the agent is the first.
    fn with(&self, path: &str, value: &Value) -> Self {
        let mut changed = self.clone();
        let (root, rest) = path.split_once('.').unwrap();
        match root {
            "queue" => changed.queue = set(&self.queue, rest, value),
            "agent" => changed.agents[0] = set(&self.agents[0], rest, value),
            "tenant" => changed.tenant = set(&self.tenant, rest, value),
            _ => panic!("{path}"),
        }
        changed
    }

    pub fn scene(&self) -> Scene {
        let mut other = queue("9002");
        other.name = "Support".to_owned();
        Scene::new(
            AcdConfig {
                queues: vec![self.queue.clone(), other],
                agents: self.agents.clone(),
                tenants: [("demo".to_owned(), self.tenant)].into(),
            },
            7,
        )
    }
}

/// The same with the value at a path replaced; `[]` is the first element of a list.
fn set<T: serde::Serialize + serde::de::DeserializeOwned>(of: &T, path: &str, to: &Value) -> T {
    let mut json = serde_json::to_value(of).unwrap();
    let pointer = path.replace("[]", ".0").replace('.', "/");
    let place = json.pointer_mut(&format!("/{pointer}"));
    *place.unwrap_or_else(|| panic!("no {path}")) = to.clone();
    serde_json::from_value(json).unwrap()
}

/// A parameter, two of its values, and where they make a difference.
pub struct Row {
    pub path: &'static str,
    pub values: [Value; 2],
    pub prepare: fn(&mut Base),
    pub scenario: fn(&mut Scene),
}

/// Paths of all values in a piece of configuration, lists by their first element.
fn paths(prefix: &str, value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if prefix != "agent.skills" => {
            for (name, field) in fields {
                paths(&format!("{prefix}.{name}"), field, into);
            }
        }
        Value::Array(list)
            if list.first().is_some_and(Value::is_object) && prefix != "agent.places" =>
        {
            paths(&format!("{prefix}[]"), &list[0], into);
        }
        _ => {
            into.insert(prefix.to_owned());
        }
    }
}

/// All parameters there are.
fn parameters() -> BTreeSet<String> {
    let mut base = Base::new();
    base.queue.choice.skills = vec![scenarios::french(10)];
    let mut all = BTreeSet::new();
    paths("queue", &serde_json::to_value(&base.queue).unwrap(), &mut all);
    paths("agent", &serde_json::to_value(&base.agents[0]).unwrap(), &mut all);
    paths("tenant", &serde_json::to_value(base.tenant).unwrap(), &mut all);
    // An intent is one value, however it is written.
    all.into_iter().map(|path| path.replace("agent.status.status", "agent.status")).collect()
}

#[test]
fn each_parameter_changes_what_happens() {
    for row in rows::rows() {
        let mut base = Base::new();
        (row.prepare)(&mut base);
        let outcomes = row.values.each_ref().map(|value| {
            let mut scene = base.with(row.path, value).scene();
            (row.scenario)(&mut scene);
            scene.log
        });
        assert_ne!(outcomes[0], outcomes[1], "{} = {:?}", row.path, row.values);
    }
}

#[test]
fn each_parameter_has_a_row() {
    let mut rows: Vec<&str> = rows::rows().iter().map(|row| row.path).collect();
    let calls = calls::rows();
    rows.extend(calls.iter().map(|row| row.path));
    let known: BTreeSet<String> = rows.iter().map(|path| (*path).to_owned()).collect();
    assert_eq!(known.len(), rows.len(), "a parameter has one row");
    assert_eq!(known, parameters());
}

#[test]
fn a_field_without_a_row_is_noticed() {
    let mut json = serde_json::to_value(queue("9001")).unwrap();
    json["choice"]["new_field"] = Value::from(1);
    let mut all = BTreeSet::new();
    paths("queue", &json, &mut all);
    assert!(all.contains("queue.choice.new_field"));
    assert!(!parameters().contains("queue.choice.new_field"));
}

#[test]
fn each_parameter_of_calls_has_its_effect() {
    for row in calls::rows() {
        let outcomes: std::collections::BTreeSet<_> =
            row.values.iter().map(|(_, outcome)| outcome).collect();
        assert!(outcomes.len() > 1, "{} has two outcomes", row.path);
        for (value, outcome) in &row.values {
            let mut config = hotline(|_| ());
            (row.prepare)(&mut config);
            let (root, rest) = row.path.split_once('.').unwrap();
            match root {
                "queue" => config.acd.queues[0] = set(&config.acd.queues[0], rest, value),
                _ => config.acd.agents[0] = set(&config.acd.agents[0], rest, value),
            }
            let mut host = Exchange::new(config);
            let happened = (row.scenario)(&mut host);
            assert_eq!(happened, *outcome, "{} = {value}", row.path);
        }
    }
}
