//! A queue and an agent as the switch would show them.

use std::collections::BTreeMap;

use strowger::api::gateway::{DialNumbers, DialNumbersQuery};
use strowger_core::vocab::acd::{
    Activity, AgentConfig, AgentFigures, AgentKey, AgentPlace, AgentVerdict, AgentView,
    CallerVerdict, Condition, Explanation, FigureSubject, Intent, MemberState, MemberView,
    OverflowReason, QueueConfig, QueueFigures, QueueKey, QueueView, Tier, Times,
};
use strowger_core::vocab::command::{Counted, Page, QueueGauge, Span, TrunkView};
use strowger_core::vocab::config::{
    Destination, DigestAlgorithm, Extension, Number, RecordPolicy, Route, RouteFrom, Trunk,
};
use strowger_core::vocab::define::{
    AccountView, Entry, EntryKey, EntryKind, EntryView, ExtensionEntry, RouteEntry,
};
use strowger_core::vocab::dial::{
    DialEnd, DialFigures, DialMode, DialNumber, DialNumberRecord, DialOutcome, DialResult,
    DialState, DialTask, DialTaskKey, DialTaskRecord, DialTaskView, NumberStage, RobotLink,
};
use strowger_core::vocab::mailbox::Mailbox;
use strowger_core::vocab::page::{self as paging, PageView, Spoken};
use strowger_core::vocab::settings::{
    ExtensionSettings, FollowStep, SettingsRecord, TenantSettings,
};
use strowger_core::vocab::supervise::Supervised;
use strowger_core::vocab::{
    CallId, CommandError, ExtensionKey, MailboxKey, PageKey, Principal, Query, Reply, Secret,
    TrunkKey,
};

use crate::fake::AS_OF;

/// The PIN of agent 101, which nobody is ever told.
pub const PIN: &str = "97531086";

pub fn queue_key(tenant: &str) -> QueueKey {
    QueueKey { tenant: tenant.into(), number: "9001".into() }
}

pub fn agent_key(tenant: &str) -> AgentKey {
    AgentKey { tenant: tenant.into(), id: "101".into() }
}

pub fn queue(tenant: &str) -> QueueConfig {
    QueueConfig {
        name: "Support".into(),
        times: Times { wrap_up_time: Some(10), ..Times::default() },
        ..QueueConfig::new(queue_key(tenant))
    }
}

fn dial_task(tenant: &str) -> DialTaskView {
    let key = DialTaskKey { tenant: tenant.into(), id: "spring".into() };
    let token = Secret::new(PIN);
    let task = DialTask {
        key,
        mode: DialMode::Ratio,
        ratio: 150,
        queue: Some(queue_key(tenant)),
        menu: None,
        robot: Some(RobotLink { url: Some("ws://robot.example/".into()), token }),
        caller_number: "0571".into(),
        classes: vec!["national".into()],
        max_calls: 20,
        ring_secs: 30,
        hours: None,
        feed: None,
    };
    let state = DialState::Ended(DialEnd::Exhausted);
    let outcomes = BTreeMap::from([(DialOutcome::Busy, 3)]);
    DialTaskView {
        record: DialTaskRecord { task, state, exhausted: true },
        rests: None,
        waiting: 1,
        ringing: 2,
        answered: 3,
        figures: DialFigures { outcomes, repeated: 4 },
        answer_permille: 250,
        abandoned_lately: 1,
        answers_lately: 90,
    }
}

/// Two numbers, of which the second is on the next page.
pub fn dial_numbers(query: &DialNumbersQuery) -> DialNumbers {
    let number = |seq: u64, stage| DialNumberRecord {
        task: query.task.clone(),
        number: DialNumber { id: format!("n{seq}"), number: "0571".into() },
        seq,
        stage,
    };
    let result = DialResult {
        outcome: DialOutcome::Answered,
        call: Some(CallId(9)),
        dialled_at: Some(1),
        answered_at: Some(2),
        ended_at: 3,
        agent: Some("101".into()),
        vars: BTreeMap::new(),
    };
    let rows = [number(1, NumberStage::Done(result)), number(2, NumberStage::Waiting)];
    let rows: Vec<_> = rows.into_iter().filter(|row| row.seq > query.after).collect();
    let next = (query.after == 0 && query.limit == 1).then_some(1);
    DialNumbers { rows: rows.into_iter().take(query.limit).collect(), next }
}

fn queue_view(tenant: &str) -> QueueView {
    QueueView {
        config: queue(tenant),
        from_file: true,
        waiting: 3,
        trying: 1,
        answered: 2,
        longest_wait_ms: 61_500,
        agents_logged_in: 4,
        agents_ready: 0,
        estimated_wait_secs: Some(90),
    }
}

pub fn agent(tenant: &str) -> AgentConfig {
    AgentConfig {
        name: "Alice".into(),
        places: vec![
            AgentPlace::Extension("4567".into()),
            AgentPlace::Number("+4917012345".into()),
        ],
        pin: Some(Secret::new(PIN)),
        status: Intent::Available,
        tiers: vec![Tier { queue: queue_key(tenant), level: 1, position: 2 }],
        skills: BTreeMap::from([("german".to_owned(), 80)]),
        ..AgentConfig::new(agent_key(tenant))
    }
}

pub fn agent_view(tenant: &str) -> AgentView {
    AgentView {
        config: agent(tenant),
        from_file: false,
        intent: Intent::OnBreak { reason: "lunch".into(), sub_state: String::new() },
        intent_since: 7,
        activity: Activity::Talking { queue: queue_key(tenant), call: CallId(9) },
        activity_since: 8,
        place: "extension:4567".into(),
        reachable: true,
        missed: 1,
    }
}

fn member(tenant: &str) -> MemberView {
    MemberView {
        call: CallId(9),
        queue: queue_key(tenant),
        state: MemberState::Trying,
        number: "0571".into(),
        position: 1,
        priority: 2,
        joined_at: 5,
        agents: vec![agent_key(tenant)],
    }
}

fn explanation(tenant: &str) -> Explanation {
    let level = AgentVerdict {
        agent: agent_key(tenant),
        level: 2,
        position: 1,
        condition: Condition::LevelClosed { level: 2, opens_at: Some(99) },
    };
    let talking = AgentVerdict {
        agent: AgentKey { tenant: tenant.into(), id: "102".into() },
        level: 1,
        position: 1,
        condition: Condition::Talking { queue: queue_key(tenant), call: CallId(1) },
    };
    let agents = vec![talking, level];
    let caller = CallerVerdict { call: Some(CallId(9)), position: 1, waited_ms: 1_500, agents };
    Explanation { queue: queue_key(tenant), as_of: AS_OF, callers: vec![caller] }
}

pub fn queue_figures() -> QueueFigures {
    QueueFigures {
        entered: 12,
        offered: 15,
        answered: 8,
        answered_in_time: 6,
        abandoned: 2,
        abandoned_late: 1,
        overflowed: BTreeMap::from([(OverflowReason::Timeout, 2)]),
        wait_answered_ms: 80_000,
        wait_longest_ms: 61_500,
        talk_ms: 400_000,
        wrap_up_ms: 80_000,
        ..QueueFigures::default()
    }
}

pub fn agent_figures() -> AgentFigures {
    AgentFigures {
        offered: 5,
        answered: 4,
        missed: 1,
        talk_ms: 400_000,
        wrap_up_ms: 50_000,
        logged_in_ms: 1_000_000,
        break_ms: 100_000,
        ..AgentFigures::default()
    }
}

pub fn gauge(tenant: &str, waiting: u64) -> QueueGauge {
    QueueGauge {
        tenant: tenant.into(),
        number: "9001".into(),
        waiting,
        longest_wait_ms: 61_500,
        talking: 2,
        agents_ready: 0,
        since_start: queue_figures(),
    }
}

fn counted(subject: FigureSubject) -> Reply {
    let known = match &subject {
        FigureSubject::Queue(key) => key.number == "9001",
        FigureSubject::Agent(key) => key.id == "101",
    };
    if !known {
        return Reply::Refused(CommandError::NotFound("no such agent or queue".into()));
    }
    let span = |secs| match &subject {
        FigureSubject::Queue(_) => Span { secs, queue: Some(queue_figures()), agent: None },
        FigureSubject::Agent(_) => Span { secs, queue: None, agent: Some(agent_figures()) },
    };
    let spans = vec![span(None), span(Some(300))];
    Reply::Counted(Box::new(Counted { subject, as_of: AS_OF, spans }))
}

/// As a switch shows it: without its secrets.
fn extension(tenant: &str, number: &str) -> EntryView {
    let key = ExtensionKey { tenant: tenant.into(), number: number.into() };
    let mailbox = MailboxKey { tenant: tenant.into(), number: number.into() };
    let extension = Extension {
        name: "Alice".into(),
        pickup_groups: vec!["sales".into()],
        record: RecordPolicy::OnDemand,
        classes: vec!["internal".into(), "national".into()],
        max_calls: 3,
        algorithm: DigestAlgorithm::Sha256,
        ring_secs: Some(20),
        supervises: vec![Supervised::Queue("9001".into())],
        ..Extension::new(key, Secret::default())
    };
    let pin = Some(Secret::default());
    let mailbox = Some(Mailbox { key: mailbox, pin, mailto: String::new(), attach: true });
    let entry = ExtensionEntry { extension, mailbox, watch_mailboxes: vec!["9001".into()] };
    let user = format!("90310{number}");
    let account = AccountView { user, domain: "pbx.example".into(), contacts: 2 };
    let entry = Entry::Extension(Box::new(entry));
    EntryView { entry, from_file: number == "4567", account: Some(account), line: None }
}

fn line(entry: Entry) -> EntryView {
    EntryView { entry, from_file: false, account: None, line: None }
}

fn number(tenant: &str) -> EntryView {
    let trunk = TrunkKey { tenant: tenant.into(), name: "carrier".into() };
    let to = Destination::Queue(QueueKey { tenant: tenant.into(), number: "9001".into() });
    line(Entry::Number(Box::new(Number { trunk, number: "+8657126200670".into(), to })))
}

fn route(tenant: &str) -> EntryView {
    let trunk = TrunkKey { tenant: tenant.into(), name: "carrier".into() };
    let route = Route {
        tenant: tenant.into(),
        name: "national".into(),
        pattern: "^0".into(),
        class: Some("national".into()),
        from: RouteFrom::Trunk(trunk.clone()),
        strip: 1,
        prepend: "+86".into(),
        to: vec![Destination::Trunk(trunk), Destination::Echo],
    };
    line(Entry::Route(Box::new(RouteEntry { route, position: 7 })))
}

fn trunk(tenant: &str) -> EntryView {
    let key = TrunkKey { tenant: tenant.into(), name: "carrier".into() };
    let reason = Some("no answer to OPTIONS".into());
    let state =
        TrunkView { trunk: key.clone(), up: false, registered: Some(false), reason, calls: 2 };
    let trunk = Trunk {
        key,
        host: "sip.carrier.example".into(),
        transport: None,
        register: true,
        username: Some("acct".into()),
        password: Some(Secret::default()),
        domain: None,
        addresses: vec!["192.0.2.10".parse().unwrap()],
        max_calls: 3,
        qualify_secs: 30,
        expires: 600,
        codecs: None,
        e164: true,
        trusted: false,
        original_caller: false,
        transfers: false,
    };
    EntryView { line: Some(state), ..line(Entry::Trunk(Box::new(trunk))) }
}

fn some_lines(kind: EntryKind, tenant: &str) -> Reply {
    let items = match kind {
        EntryKind::Extension => vec![extension(tenant, "4567")],
        EntryKind::Number => vec![number(tenant)],
        EntryKind::Route => vec![route(tenant)],
        EntryKind::Trunk => vec![trunk(tenant)],
    };
    Reply::Entries(Page { items, total: 1, as_of: AS_OF })
}

/// Somebody speaks to `all` only.
fn page(tenant: &str, name: &str) -> PageView {
    let key = PageKey { tenant: tenant.into(), name: name.into() };
    let members = vec!["4568".to_owned(), "4569".to_owned()];
    let page = paging::Page { members, ..paging::Page::named(key, "800") };
    let speaker = Some("4567".to_owned());
    let spoken = Spoken { call: CallId(9), speaker, playing: 1, ringing: 1 };
    PageView { page, spoken: (name == "all").then_some(spoken) }
}

/// What the switch would say about its queues and agents.
pub fn answer(principal: &Principal, query: Query) -> Reply {
    let tenant = principal.tenant.as_str();
    match query {
        Query::Queues { .. } => {
            Reply::Queues(Page { items: vec![queue_view(tenant)], total: 7, as_of: AS_OF })
        }
        Query::Settings(number) if number == "4567" => {
            let extension = ExtensionKey { tenant: tenant.into(), number };
            let step = FollowStep {
                number: "0571".into(),
                delay_secs: 5,
                ring_secs: 30,
                confirm: Some('1'),
            };
            let settings = ExtensionSettings {
                do_not_disturb: true,
                forward_busy: Some("4568".into()),
                no_answer_secs: Some(20),
                follow_me: vec![step],
                ..ExtensionSettings::default()
            };
            Reply::Settings(Box::new(SettingsRecord { extension, settings }))
        }
        Query::TenantSettings => Reply::TenantSettings(Box::new(TenantSettings {
            hold_music: Some("music/hold".into()),
            hide_numbers: true,
            ..TenantSettings::default()
        })),
        Query::DialTasks { .. } => {
            Reply::DialTasks(Page { items: vec![dial_task(tenant)], total: 1, as_of: AS_OF })
        }
        Query::DialTask(id) if id == "spring" => Reply::DialTask(Box::new(dial_task(tenant))),
        Query::DoNotCall { .. } => {
            Reply::DoNotCall(Page { items: vec!["8657188".into()], total: 1, as_of: AS_OF })
        }
        Query::Pages { .. } => {
            Reply::Pages(Page { items: vec![page(tenant, "all")], total: 2, as_of: AS_OF })
        }
        Query::Page(name) if ["all", "hall"].contains(&&*name) => {
            Reply::Page(Box::new(page(tenant, &name)))
        }
        Query::Queue(number) if number == "9001" => Reply::Queue(Box::new(queue_view(tenant))),
        Query::Agents { .. } => {
            Reply::Agents(Page { items: vec![agent_view(tenant)], total: 1, as_of: AS_OF })
        }
        Query::Agent(id) if id == "101" => Reply::Agent(Box::new(agent_view(tenant))),
        Query::Members { queue, .. } if queue == "9001" => {
            Reply::Members(Page { items: vec![member(tenant)], total: 1, as_of: AS_OF })
        }
        Query::Explain { queue, .. } if queue == "9001" => {
            Reply::Explanation(Box::new(explanation(tenant)))
        }
        Query::Counted(subject) => counted(subject),
        Query::Entries { kind, .. } => some_lines(kind, tenant),
        Query::Entry(EntryKey::Number(key)) if key.number.ends_with("670") => {
            Reply::Entry(Box::new(number(tenant)))
        }
        Query::Entry(EntryKey::Route(key)) if key.name == "national" => {
            Reply::Entry(Box::new(route(tenant)))
        }
        Query::Entry(EntryKey::Trunk(key)) if key.name == "carrier" => {
            Reply::Entry(Box::new(trunk(tenant)))
        }
        Query::Entry(EntryKey::Extension(key)) if ["4567", "4570"].contains(&&*key.number) => {
            Reply::Entry(Box::new(extension(tenant, &key.number)))
        }
        _ => Reply::Refused(CommandError::NotFound("no such agent or queue".into())),
    }
}
