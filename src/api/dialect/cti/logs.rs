//! Finished calls and recordings of the last week.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use strowger_core::vocab::record::{CallRecord, EndedBy, Party, RecordingRecord};

use super::asked::Asked;
use super::calls::{call_id, uuid};
use super::envelope::{Fault, Outcome, Refusal, found};
use super::fields::Fields;
use super::seat::Seat;
use super::story::reason;
use crate::api::app::{App, wall_ms};
use crate::api::gateway::{Region, RowsQuery};
use crate::api::native::audio;

/// How far back anything is told, in milliseconds.
pub(super) const HORIZON_MS: u64 = 7 * 24 * 3_600 * 1_000;
/// Rows of a page, unless fewer are wanted.
const PAGE: u64 = 100;
/// Rows that may be skipped.
const DEEPEST: u64 = 100_000;
/// How long the address of a recording is good for, in milliseconds.
const ADDRESS_MS: u64 = 3_600 * 1_000;
/// What an address is sealed for.
const PLACE: &str = "cti/recording";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/calls/logs", get(calls))
        .route("/calls/recfiles", get(recordings))
        .route("/calls/recfiles/{token}", get(download))
}

/// Which rows are wanted.
pub(super) struct Wanted {
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) size: usize,
    pub(super) skip: usize,
    fields: Fields,
}

impl Wanted {
    /// The parameters of a log: in the body, which then is `{}` at least, or in the address.
    ///
    /// # Errors
    /// Neither is there, or one is wrong.
    pub(super) fn of(asked: &Asked, own: &str) -> Result<Self, Refusal> {
        let names = [own, "PageSize", "PageNum", "StartTime", "EndTime"];
        let fields = asked.parameters(&names)?;
        let now = wall_ms();
        let oldest = now.saturating_sub(HORIZON_MS);
        let size = fields.number("PageSize", PAGE)?.filter(|size| *size > 0).unwrap_or(PAGE);
        let page = fields.number("PageNum", DEEPEST)?.filter(|page| *page > 0).unwrap_or(1);
        let skip = (page - 1).saturating_mul(size);
        if skip > DEEPEST {
            return Err(Refusal::params("PageNum: that far nothing is paged; narrow the time"));
        }
        let from = fields.moment("StartTime")?.filter(|from| *from > 0).unwrap_or(oldest);
        let until = fields.moment("EndTime")?.filter(|until| *until > 0).unwrap_or(now);
        if until < from {
            return Err(Refusal::params("EndTime is before StartTime"));
        }
        let narrow = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        Ok(Self {
            from: from.max(oldest),
            until: until.saturating_add(1),
            size: narrow(size),
            skip: narrow(skip),
            fields,
        })
    }

    /// A text among the parameters.
    ///
    /// # Errors
    /// No text.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        self.fields.given(name)
    }

    /// The query for a page of the store's; `None` for a call that cannot be.
    fn rows(&self, asked: &Asked) -> Result<Option<RowsQuery>, Refusal> {
        let named = self.text("CallId")?;
        let call = named.as_deref().and_then(call_id);
        if named.is_some() && call.is_none() {
            return Ok(None);
        }
        let oldest = wall_ms().saturating_sub(HORIZON_MS);
        Ok(Some(RowsQuery {
            tenant: asked.tenant().to_owned(),
            extension: None,
            call,
            interaction: None,
            cause: None,
            disposition: None,
            from: Some(if call.is_some() { oldest } else { self.from }),
            until: call.is_none().then_some(self.until),
            after: None,
            limit: 200,
        }))
    }
}

/// One page of finished calls.
async fn call_rows(app: &App, asked: &Asked, wanted: &Wanted) -> Result<Vec<CallRecord>, Refusal> {
    let Some(mut query) = wanted.rows(asked)? else { return Ok(Vec::new()) };
    let (mut rows, mut skip) = (Vec::new(), wanted.skip);
    while rows.len() < wanted.size {
        let page = app.gateway.call_records(query.clone()).await?;
        // What stands before the wanted page is not kept until it is reached.
        let before = skip.min(page.rows.len());
        skip -= before;
        rows.extend(page.rows.into_iter().skip(before));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    rows.truncate(wanted.size);
    Ok(rows)
}

async fn calls(State(app): State<App>, asked: Asked) -> Outcome {
    let wanted = Wanted::of(&asked, "CallId")?;
    let rows = call_rows(&app, &asked, &wanted).await?;
    let seats = Seats::of(&asked).await?;
    let country = asked.names.country_code.as_deref();
    let region = |number: &str| app.gateway.region(number, country).unwrap_or_default();
    let logs: Vec<Value> = rows.iter().map(|record| call_log(record, &seats, &region)).collect();
    found(json!({"CallLogs": logs}))
}

/// Seats by extension and by id.
struct Seats {
    all: Vec<Seat>,
    by_extension: BTreeMap<String, usize>,
}

impl Seats {
    async fn of(asked: &Asked) -> Result<Self, Refusal> {
        let all = Seat::all(asked).await?;
        let mut by_extension = BTreeMap::new();
        for (at, seat) in all.iter().enumerate() {
            for extension in &seat.doc.extensions {
                by_extension.insert(extension.clone(), at);
            }
        }
        Ok(Self { all, by_extension })
    }

    fn at(&self, party: &Party) -> Option<&Seat> {
        let Party::Extension { extension, .. } = party else { return None };
        self.all.get(*self.by_extension.get(&extension.number)?)
    }

    fn named(&self, id: &str) -> Option<&Seat> {
        self.all.iter().find(|seat| seat.id == id)
    }
}

fn number_of(party: &Party) -> String {
    match party {
        Party::Extension { extension, .. } => extension.number.clone(),
        Party::Trunk { number, .. } => number.clone(),
        Party::Service { .. } | Party::Nobody => String::new(),
    }
}

/// A call as the document shows it.
fn call_log(record: &CallRecord, seats: &Seats, region: &dyn Fn(&str) -> Region) -> Value {
    let inbound = matches!(record.caller, Party::Trunk { .. });
    let outbound = !inbound && matches!(record.callee, Party::Trunk { .. });
    let served = record
        .queued
        .iter()
        .rev()
        .find_map(|visit| Some((visit.agent.as_ref()?, visit.left_at.unwrap_or(0))));
    let seat = match (&served, inbound) {
        (Some((agent, _)), _) => seats.named(&agent.id),
        (None, true) => seats.at(&record.callee),
        (None, false) => seats.at(&record.caller),
    };
    let answered = record.answered_at.unwrap_or(0);
    let (agent_answered, user_answered) = match (&served, inbound) {
        (Some((_, at)), _) => (*at, record.started_at),
        (None, true) => (if seat.is_some() { answered } else { 0 }, record.started_at),
        // Whoever dials has the phone at the ear; one who was rung for the call had it before anybody else rang.
        (None, false) => (record.ringing_at.unwrap_or(answered).min(answered), answered),
    };
    let ended = record.ended_at.unwrap_or(record.started_at);
    let talked = match agent_answered.max(if outbound { user_answered } else { 0 }) {
        0 => 0,
        from => ended.saturating_sub(from) / 1_000,
    };
    let (end, task) = (record.end.as_ref(), record.dialled_for.as_ref());
    let by = end.map(|end| match (end.by, inbound) {
        (EndedBy::Caller, true) | (EndedBy::Callee, false) => "customer",
        (EndedBy::Caller, false) | (EndedBy::Callee, true) => "agent",
        (EndedBy::Switch, _) => "system",
    });
    let kind = match task.is_none() {
        true if inbound => "Incoming",
        true if !outbound => "Internal",
        _ => "Outgoing",
    };
    let unknown = String::new();
    let customer = if inbound { number_of(&record.caller) } else { record.dialled.clone() };
    let outside = inbound || outbound;
    let (province, city) = if outside { region(&customer) } else { Region::default() };
    let mobile = matches!(record.callee, Party::Trunk { .. }) && inbound;
    let text = |part: fn(&Seat) -> &String| seat.map(part).cloned().unwrap_or_default();
    json!({
        "CallId": uuid(record.call),
        "StartTime": record.started_at,
        "EndTime": ended,
        "AgentAnswerTime": agent_answered,
        "UserAnswerTime": user_answered,
        "CallDuration": talked,
        "TotalDuration": ended.saturating_sub(record.started_at) / 1_000,
        "DestNumber": customer,
        "UNProvince": *province,
        "UNCity": *city,
        "SpNumber": match task.is_none() && inbound {
            true => &record.dialled,
            false => record.shown.as_ref().unwrap_or(&unknown),
        },
        "AgentId": text(|seat| &seat.id),
        "AgentName": text(|seat| &seat.doc.name),
        "WorkId": text(|seat| &seat.doc.work_id),
        "Email": text(|seat| &seat.doc.email),
        "CallType": kind,
        "EndType": if talked > 0 || answered > 0 { "answered" } else { "notAnswered" },
        "HangupBy": by.unwrap_or_default(),
        "HangupReason": end.map(|end| reason(end.cause)).unwrap_or_default(),
        "HangupCode": end.map(|end| end.sip_status.to_string()).unwrap_or_default(),
        "AgentDevType": if mobile { "cellphone" } else { "voip" },
        "RobotVars": task.map(|task| &task.vars).filter(|vars| !vars.is_empty()),
        "AIRecordLen": 0,
        "AdCallId": task.map(|task| task.number.as_str()).unwrap_or_default(),
        "AdTaskId": task.map(|task| task.task.as_str()).unwrap_or_default(),
    })
}

async fn recordings(State(app): State<App>, headers: HeaderMap, asked: Asked) -> Outcome {
    let wanted = Wanted::of(&asked, "CallId")?;
    let Some(mut query) = wanted.rows(&asked)? else { return found(json!({"RecFiles": []})) };
    let (mut rows, mut skip): (Vec<RecordingRecord>, usize) = (Vec::new(), wanted.skip);
    while rows.len() < wanted.size {
        let mut page = app.gateway.recordings(query.clone()).await?;
        page.rows.retain(|row| row.removed_at.is_none());
        let before = skip.min(page.rows.len());
        skip -= before;
        rows.extend(page.rows.into_iter().skip(before));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let files = rows.iter().take(wanted.size).map(|row| recording(&app, host, row));
    let files: Vec<Value> = files.collect::<Result<_, _>>()?;
    found(json!({"RecFiles": files}))
}

fn recording(app: &App, host: &str, row: &RecordingRecord) -> Result<Value, Refusal> {
    let length = row.length_ms.unwrap_or(0);
    // Whoever has the address has the file, for an hour: the path and the time are sealed into it.
    let until = wall_ms() + ADDRESS_MS;
    let token = app.gateway.seal(PLACE, &format!("{until} {} {}", row.call, row.path));
    let token = token.map_err(super::shelf::refused)?;
    Ok(json!({
        "CallId": uuid(row.call),
        "StartTime": row.started_at,
        "EndTime": row.started_at + length,
        "Duration": length / 1_000,
        "RecFileUrl": format!("http://{host}/ccapi/v2/calls/recfiles/{token}"),
    }))
}

/// The file of an address that has not expired.
async fn download(
    State(app): State<App>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let refused = |why: &str| Refusal::new(Fault::Sign, why);
    let opened = app.gateway.unseal(PLACE, &token).ok_or_else(|| refused("no such address"))?;
    let mut parts = opened.splitn(3, ' ');
    let until = parts.next().and_then(|until| until.parse().ok()).unwrap_or(0_u64);
    let (call, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if until < wall_ms() {
        return Err(refused("the address has expired; ask for it again"));
    }
    let missing = || Refusal::new(Fault::NotFound, "the file is gone");
    let file = audio::open(app.gateway.recordings_directory(), path).await;
    let file = file.map_err(|_| missing())?;
    match audio::send(&headers, file, call).await {
        Ok(response) => Ok(response),
        Err(problem) => Ok(problem.into_response()),
    }
}
