//! Events of the switch, and what is told of them.

use strowger_core::vocab::acd::{Activity, Intent, QueueKey};
use strowger_core::vocab::dial::{DialChange, DialNumber, DialTaskKey};
use strowger_core::vocab::record::CallEnd;
use strowger_core::vocab::{AgentKey, ExtensionKey, InteractionId, OfferId, TrunkKey};

use super::*;

const CALL: CallId = CallId(1);
const ALL: InteractionId = InteractionId(1);

fn extension(number: &str) -> Party {
    let extension = ExtensionKey { tenant: "demo".into(), number: number.into() };
    Party::Extension { extension, name: String::new() }
}

fn outside(number: &str) -> Party {
    let trunk = TrunkKey { tenant: "demo".into(), name: "carrier".into() };
    Party::Trunk { trunk, number: number.into(), name: String::new() }
}

fn ended(caller: Party, callee: Party, by: EndedBy, cause: EndCause) -> EventKind {
    let record = CallRecord {
        call: CALL,
        interaction: ALL,
        tenant: "demo".into(),
        caller,
        callee,
        dialled: "0571".into(),
        started_at: 0,
        ringing_at: None,
        answered_at: None,
        ended_at: Some(1),
        end: Some(CallEnd { cause, by, sip_status: 200, q850: 16 }),
        quality: Vec::new(),
        recording: None,
        picked_up_by: None,
        queued: Vec::new(),
        dialled_for: None,
        shown: None,
    };
    EventKind::CallEnded { record: Box::new(record) }
}

fn told(story: &mut Story, events: &[EventKind]) -> Vec<String> {
    let all = events.iter().flat_map(|event| story.hear(event));
    all.map(|told| format!("{} {}", told.name, told.agent.unwrap_or_default())).collect()
}

fn seated() -> Story {
    let mut story = Story::default();
    story.seats.insert("8001".into(), "101".into());
    story
}

fn started(caller: Party) -> EventKind {
    EventKind::CallStarted { call: CALL, interaction: ALL, caller, dialled: "0571".into() }
}

#[test]
fn an_agent_who_dials_itself_is_told_like_one_who_was_rung() {
    let mut story = seated();
    let (agent, customer) = (extension("8001"), outside("0571"));
    let ringing = |callee| EventKind::CallRinging { call: CALL, interaction: ALL, callee };
    let answered =
        EventKind::CallAnswered { call: CALL, interaction: ALL, callee: customer.clone() };
    let events = [
        started(agent.clone()),
        ringing(customer.clone()),
        ringing(customer.clone()),
        answered,
        ended(agent, customer, EndedBy::Callee, EndCause::Normal),
    ];
    let names = told(&mut story, &events);
    let wanted = [
        "begin",
        "start_dialout",
        "user_ringing",
        "user_answer",
        "user_hangup",
        "agent_hangup",
        "hangup_cause",
        "end",
    ];
    assert_eq!(names, wanted.map(|name| format!("{name} 101")));
    assert_eq!(story.calls(), 0, "nothing is remembered of it");
}

#[test]
fn a_caller_of_a_queue_who_is_refused_once_is_told_of_the_agent_who_took_it() {
    let mut story = seated();
    story.seats.insert("8002".into(), "102".into());
    let queue = || QueueKey { tenant: "demo".into(), number: "9001".into() };
    let agent = |id: &str| AgentKey { tenant: "demo".into(), id: id.into() };
    let offered = |id: &str| EventKind::AgentOffered {
        agent: agent(id),
        offer: OfferId(1),
        queue: queue(),
        call: CALL,
        interaction: ALL,
    };
    let ringing = |number: &str| EventKind::CallRinging {
        call: CALL,
        interaction: ALL,
        callee: extension(number),
    };
    let refused = EventKind::OfferEnded {
        agent: agent("101"),
        offer: OfferId(1),
        queue: queue(),
        call: CALL,
        end: OfferEnd::Rejected,
        rang_ms: 1,
    };
    let left = EventKind::CallerLeft {
        call: CALL,
        interaction: ALL,
        queue: queue(),
        outcome: "answered".into(),
        waited_ms: 1,
        agent: Some(agent("102")),
    };
    let queued = EventKind::CallerQueued {
        call: CALL,
        interaction: ALL,
        queue: queue(),
        number: "0571".into(),
        priority: 0,
    };
    let events = [
        started(outside("0571")),
        queued,
        offered("101"),
        ringing("8001"),
        refused,
        offered("102"),
        ringing("8002"),
        left,
        ended(outside("0571"), extension("8002"), EndedBy::Caller, EndCause::Normal),
    ];
    let wanted = [
        "begin ",
        "enqueue_succ ",
        "agent_ringing 101",
        "agent_hangup 101",
        "agent_ringing 102",
        "agent_answer 102",
        "user_hangup 102",
        "agent_hangup 102",
        "hangup_cause 102",
        "end 102",
    ];
    assert_eq!(told(&mut story, &events), wanted);
}

#[test]
fn a_customer_whom_a_task_calls_is_told_as_the_user_and_who_takes_it_as_the_agent() {
    let mut story = seated();
    let queue = || QueueKey { tenant: "demo".into(), number: "9001".into() };
    let agent = || AgentKey { tenant: "demo".into(), id: "101".into() };
    let number = DialNumber { id: "a".into(), number: "0571".into() };
    let task = DialTaskKey { tenant: "demo".into(), id: "spring".into() };
    let what = Box::new(DialChange::Dialled { number, call: CALL });
    let customer = || outside("0571");
    let events = [
        EventKind::Dial { task, what },
        started(customer()),
        EventKind::CallerRinging { call: CALL, interaction: ALL, caller: customer() },
        EventKind::CallerAnswered { call: CALL, interaction: ALL, caller: customer() },
        EventKind::CallerQueued {
            call: CALL,
            interaction: ALL,
            queue: queue(),
            number: "0571".into(),
            priority: 0,
        },
        EventKind::AgentOffered {
            agent: agent(),
            offer: OfferId(1),
            queue: queue(),
            call: CALL,
            interaction: ALL,
        },
        EventKind::CallRinging { call: CALL, interaction: ALL, callee: extension("8001") },
        EventKind::CallerLeft {
            call: CALL,
            interaction: ALL,
            queue: queue(),
            outcome: "answered".into(),
            waited_ms: 1,
            agent: Some(agent()),
        },
    ];
    let wanted = [
        "begin ",
        "start_dialout ",
        "user_ringing ",
        "user_answer ",
        "enqueue_succ ",
        "agent_ringing 101",
        "agent_answer 101",
    ];
    assert_eq!(told(&mut story, &events), wanted);
    let (numbers, _) = story.call_of("101").expect("its call");
    assert_eq!((&*numbers.dest, numbers.direction), ("0571", "outbound"));
    assert_ne!(numbers.relay, "0571", "that is the customer's");
}

#[test]
fn an_agent_who_refused_a_caller_hears_no_more_of_it() {
    let mut story = seated();
    let queue = || QueueKey { tenant: "demo".into(), number: "9001".into() };
    let agent = || AgentKey { tenant: "demo".into(), id: "101".into() };
    let queued = EventKind::CallerQueued {
        call: CALL,
        interaction: ALL,
        queue: queue(),
        number: "0571".into(),
        priority: 0,
    };
    let offered = EventKind::AgentOffered {
        agent: agent(),
        offer: OfferId(1),
        queue: queue(),
        call: CALL,
        interaction: ALL,
    };
    let ringing =
        EventKind::CallRinging { call: CALL, interaction: ALL, callee: extension("8001") };
    told(&mut story, &[started(outside("0571")), queued, offered, ringing]);
    assert_eq!(story.call_of("101").expect("it rings").0.dest, "0571");
    let refused = EventKind::OfferEnded {
        agent: agent(),
        offer: OfferId(1),
        queue: queue(),
        call: CALL,
        end: OfferEnd::Rejected,
        rang_ms: 1,
    };
    assert_eq!(told(&mut story, &[refused]), ["agent_hangup 101"]);
    assert_eq!(story.call_of("101"), None);
    let gives_up = ended(outside("0571"), Party::Nobody, EndedBy::Caller, EndCause::Normal);
    assert_eq!(told(&mut story, &[gives_up]), ["user_hangup ", "hangup_cause ", "end "]);
}

#[test]
fn a_state_is_told_when_it_changes_and_a_call_comes_before_what_is_wanted() {
    let mut story = Story::default();
    let agent = || AgentKey { tenant: "demo".into(), id: "101".into() };
    let source = strowger_core::vocab::acd::IntentSource::Api;
    let intent = |intent| EventKind::AgentIntentChanged { agent: agent(), intent, source };
    let activity = |activity| EventKind::AgentActivityChanged { agent: agent(), activity };
    let away = Intent::OnBreak { reason: "lunch".into(), sub_state: "3".into() };
    let events = [
        intent(Intent::Available),
        activity(Activity::OnOtherCall),
        intent(away),
        activity(Activity::Idle),
        intent(Intent::LoggedOut),
    ];
    let states: Vec<_> = events.iter().flat_map(|event| story.hear(event)).collect();
    let states: Vec<String> = states
        .into_iter()
        .filter_map(|told| told.state)
        .map(|(now, sub, _)| format!("{now} {sub}"))
        .collect();
    assert_eq!(states, ["idle ", "talking ", "onBreak 3", "offline "]);
}

/// A call of extension 8001, with another number than the first.
fn second(call: u128) -> (CallId, EventKind) {
    let call = CallId(call);
    let caller = extension("8001");
    let started = EventKind::CallStarted { call, interaction: ALL, caller, dialled: "8002".into() };
    (call, started)
}

fn ended_as(call: CallId, cause: EndCause) -> EventKind {
    let EventKind::CallEnded { mut record } =
        ended(extension("8001"), extension("8002"), EndedBy::Caller, cause)
    else {
        unreachable!("it ends")
    };
    record.call = call;
    EventKind::CallEnded { record }
}

#[test]
fn a_consultation_fails_or_succeeds_and_ends() {
    let held = EventKind::CallHeld { call: CALL, interaction: ALL, by: extension("8001") };
    let resumed = EventKind::CallResumed { call: CALL, interaction: ALL, by: extension("8001") };
    let (call, starts) = second(2);
    let answers = EventKind::CallAnswered { call, interaction: ALL, callee: extension("8002") };
    let about_consulting = |events: &[EventKind]| {
        let mut story = seated();
        told(
            &mut story,
            &[
                started(outside("0571")),
                EventKind::CallRinging { call: CALL, interaction: ALL, callee: extension("8001") },
            ],
        );
        let mut names = told(&mut story, events);
        names.retain(|name| name.contains("consult"));
        names
    };
    let in_vain = [held.clone(), starts.clone(), ended_as(call, EndCause::Busy), resumed.clone()];
    assert_eq!(about_consulting(&in_vain), ["consult_fail 101"]);
    let ends_first = [
        held.clone(),
        starts.clone(),
        answers.clone(),
        ended_as(call, EndCause::Normal),
        resumed.clone(),
    ];
    assert_eq!(about_consulting(&ends_first), ["consult_succ 101", "end_consult_succ 101"]);
    let over = ended_as(call, EndCause::Normal);
    let resumes_first = [held.clone(), starts.clone(), answers.clone(), resumed, over.clone()];
    assert_eq!(about_consulting(&resumes_first), ["consult_succ 101", "end_consult_succ 101"]);
    // Whoever was held goes first: by itself, or because its line broke; not when the agent has sent it away.
    let customer_ends = |by, cause| ended(outside("0571"), extension("8001"), by, cause);
    for (by, cause, end) in [
        (EndedBy::Caller, EndCause::Normal, "end_consult_fail 101"),
        (EndedBy::Switch, EndCause::MediaTimeout, "end_consult_fail 101"),
        (EndedBy::Callee, EndCause::Normal, "end_consult_succ 101"),
        (EndedBy::Switch, EndCause::Normal, "end_consult_succ 101"),
    ] {
        let gone = customer_ends(by, cause);
        let events = [held.clone(), starts.clone(), answers.clone(), gone, over.clone()];
        assert_eq!(about_consulting(&events), ["consult_succ 101", end], "{by:?} {cause:?}");
    }
}

#[test]
fn a_prompt_that_cannot_be_played_is_told_each_time() {
    let mut story = seated();
    let failed = |call| EventKind::PromptFailed {
        call,
        interaction: ALL,
        prompt: "music/hold".into(),
        why: "gone".into(),
    };
    let events = [started(extension("8001")), failed(CALL), failed(CALL), failed(CallId(9))];
    assert_eq!(told(&mut story, &events), ["begin 101", "play_fail 101", "play_fail 101"]);
}

#[test]
fn what_was_tried_in_vain_is_told_also_when_its_call_is_over() {
    let mut story = seated();
    told(&mut story, &[started(extension("8001"))]);
    let failed = |call, attempt| EventKind::AttemptFailed { call, interaction: ALL, attempt };
    let events = [
        failed(CALL, Attempt::Transfer),
        failed(CALL, Attempt::Choice),
        failed(CallId(9), Attempt::Message),
        failed(CALL, Attempt::Supervision),
        failed(CallId(9), Attempt::Conference),
        failed(CALL, Attempt::Pickup),
    ];
    let wanted = [
        "transfer_agent_fail 101",
        "dtmf_gather_fail 101",
        "voice_mail_fail ",
        "eavesdrop_fail 101",
        "three_way_fail ",
        "substitute_fail 101",
    ];
    assert_eq!(told(&mut story, &events), wanted);
}
