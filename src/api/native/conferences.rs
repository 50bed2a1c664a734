//! Conferences: rooms, their members, and calls of two that become one of several.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use strowger_core::vocab::conference::{
    Conference, ConferenceOrder, ConferenceView, MOST_MEMBERS, Parties,
};
use strowger_core::vocab::{CallId, Command, ConferenceKey, Done, Principal, Query, Reply, Secret};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::begun::{Begun, begun};
use super::check::{Check, dialled, is_number};
use super::view::PartyItem;
use super::{LivePage, LiveParams, NoParams, Refusals, Unread, ordered, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, CallPath, Example, Params, call_id};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, change, end))
        .routes(routes!(invite))
        .routes(routes!(mute, kick))
        .routes(routes!(announce))
        .routes(routes!(add))
}

/// A room.
#[derive(Debug, Serialize, ToSchema)]
struct ConferenceItem {
    /// Its name; `conference:NAME` leads to a room of the file.
    name: String,
    /// What is dialled for it.
    number: Option<String>,
    /// `file`, or `http` where it lasts until it is empty.
    origin: &'static str,
    /// A PIN is asked for.
    pin: bool,
    /// Members at a time.
    max_members: u16,
    /// What the calls of its members belong to, while somebody is there.
    interaction: Option<String>,
    /// Nobody more may come in.
    locked: bool,
    /// It is being recorded.
    recording: bool,
    /// First come first.
    members: Vec<Member>,
}

/// Somebody in a room.
#[derive(Debug, Serialize, ToSchema)]
struct Member {
    /// Its call.
    call: String,
    /// Who it is.
    party: PartyItem,
    /// Leads.
    admin: bool,
    /// Not heard.
    muted: bool,
    /// Has put the room on hold.
    held: bool,
    /// Since when, ms since the Unix epoch.
    joined_at: u64,
}

impl From<ConferenceView> for ConferenceItem {
    fn from(view: ConferenceView) -> Self {
        let members = view.members.into_iter().map(|member| Member {
            call: member.call.to_string(),
            party: member.party.into(),
            admin: member.admin,
            muted: member.muted,
            held: member.held,
            joined_at: member.joined_at,
        });
        Self {
            name: view.key.name,
            number: view.number,
            origin: if view.from_file { "file" } else { "http" },
            pin: view.pin,
            max_members: view.max_members,
            interaction: view.interaction.map(|interaction| interaction.to_string()),
            locked: view.locked,
            recording: view.recording.is_some(),
            members: members.collect(),
        }
    }
}

/// A room that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Create {
    /// Its name, unlike all others.
    name: String,
    /// Digits that members enter who come by themselves.
    #[serde(default)]
    pin: Option<String>,
    /// Who enters these instead leads the room.
    #[serde(default)]
    admin_pin: Option<String>,
    /// Members at a time, 2 to 200.
    #[serde(default = "usual_members")]
    max_members: u32,
    /// Recorded from the second member on.
    #[serde(default)]
    record: bool,
    /// A tone tells of those who join and leave.
    #[serde(default = "yes")]
    announce: bool,
    /// Members begin muted, but for those who lead.
    #[serde(default)]
    start_muted: bool,
    /// What a member hears who is alone; null is the usual music.
    #[serde(default)]
    music: Option<String>,
}

fn usual_members() -> u32 {
    32
}

fn yes() -> bool {
    true
}

impl Example for Create {
    const EXAMPLE: &'static str = r#"{"name": "monday", "max_members": 10}"#;
}

/// Who comes into a room: a number that is rung, or the parties of a live call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Invite {
    /// Rings this: whatever `from` could dial.
    #[serde(default)]
    to: Option<String>,
    /// The extension under whose rights it is dialled.
    #[serde(default)]
    from: Option<String>,
    /// Begins muted.
    #[serde(default)]
    muted: bool,
    /// Takes parties of this call.
    #[serde(default)]
    call: Option<String>,
    /// Who of it; the call of the other one ends.
    #[serde(default)]
    who: Who,
}

#[derive(Debug, Default, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Who {
    Caller,
    Callee,
    #[default]
    Both,
}

impl Example for Invite {
    const EXAMPLE: &'static str = r#"{"to": "4567", "from": "4568"}"#;
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConferenceChange)]
struct Change {
    /// Nobody more may come in, but those who lead.
    #[serde(default)]
    locked: Option<bool>,
    /// Recorded, with two members or more.
    #[serde(default)]
    recording: Option<bool>,
    /// All members but those who lead.
    #[serde(default)]
    muted: Option<bool>,
}

impl Example for Change {
    const EXAMPLE: &'static str = r#"{"locked": true, "recording": true}"#;
}

/// Whether a member is heard.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Mute {
    /// Not heard.
    muted: bool,
}

impl Example for Mute {
    const EXAMPLE: &'static str = r#"{"muted": true}"#;
}

/// What all hear.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Announce {
    /// Names of prompts below the sounds directory, one after the other; 1 to 20.
    #[schema(example = json!(["en/thank-you"]))]
    prompts: Vec<String>,
}

impl Example for Announce {
    const EXAMPLE: &'static str = r#"{"prompts": ["en/thank-you"]}"#;
}

/// Who is added to a call of two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Add {
    /// Whatever `from` could dial.
    to: String,
    /// The extension under whose rights it is dialled.
    from: String,
}

impl Example for Add {
    const EXAMPLE: &'static str = r#"{"to": "4569", "from": "4567"}"#;
}

/// A call by its id; what cannot be one names no call.
fn named(call: &str) -> Result<CallId, Problem> {
    call_id(call).ok_or_else(|| Problem::not_found(format!("no live call {call}")))
}

async fn order(
    app: &App,
    principal: Principal,
    order: ConferenceOrder,
    what: &'static str,
) -> Result<Done, Problem> {
    let (tenant, key) = (principal.tenant.clone(), principal.name.clone());
    let done = app.gateway.command(principal, Command::Conference(order)).await?;
    tracing::info!(%tenant, %key, "{what}");
    Ok(done)
}

fn ringing(done: Done) -> Result<Response, Problem> {
    match done {
        Done::Originated { call, interaction } => Ok(begun(call, interaction)),
        done => ordered(done).map(IntoResponse::into_response),
    }
}

/// Rooms by name: those of the file, and those in which somebody is. Keys of users and agents see those that their own
/// extension is in.
#[utoipa::path(get, path = "/api/v1/conferences", operation_id = "listConferences", tag = "conferences", params(LiveParams),
    responses((status = 200, description = "Some of them", body = LivePage<ConferenceItem>), Refusals))]
async fn list(
    State(app): State<App>,
    Key(principal): Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<ConferenceItem>>, Problem> {
    let (offset, limit) = params.read()?;
    match app.gateway.query(principal, Query::Conferences { offset, limit }).await {
        Reply::Conferences(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// One room.
#[utoipa::path(get, path = "/api/v1/conferences/{conference}", operation_id = "showConference", tag = "conferences",
    params(("conference" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The room", body = ConferenceItem),
        (status = 404, description = "No such room", body = Problem, content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    Key(principal): Key,
    Path(name): Path<String>,
    _: Params<NoParams>,
) -> Result<Json<ConferenceItem>, Problem> {
    match app.gateway.query(principal, Query::Conference(name)).await {
        Reply::Conference(view) => Ok(Json((*view).into())),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Makes a room that lasts until it is empty, or for five minutes without anybody.
#[utoipa::path(post, path = "/api/v1/conferences", operation_id = "createConference", tag = "conferences",
    request_body = Create,
    responses(
        (status = 204, description = "It is there"),
        (status = 409, description = "There is one of this name", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "A value out of its range", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn create(
    State(app): State<App>,
    Key(principal): Key,
    _: Params<NoParams>,
    Body(body): Body<Create>,
) -> Result<StatusCode, Problem> {
    let mut check = Check::of(&principal.tenant);
    check.name("name", &body.name);
    let most: u16 = check.number("max_members", body.max_members, &(2..=u32::from(MOST_MEMBERS)));
    for (key, pin) in [("pin", &body.pin), ("admin_pin", &body.admin_pin)] {
        if pin.as_deref().is_some_and(|pin| !is_number(pin)) {
            check.wrong(key, "write 1 to 32 digits");
        }
    }
    let music = check.prompt("music", body.music);
    let key = ConferenceKey { tenant: principal.tenant.clone(), name: body.name };
    let room = Conference {
        number: None,
        pin: body.pin.map(Secret::new),
        admin_pin: body.admin_pin.map(Secret::new),
        max_members: most,
        record: body.record,
        music,
        announce: body.announce,
        start_muted: body.start_muted,
        key,
    };
    let room = Box::new(check.finish(room)?);
    let create = ConferenceOrder::Create(room);
    match order(&app, principal, create, "a conference was made over HTTP").await? {
        Done::Defined => Ok(StatusCode::NO_CONTENT),
        _ => Err(unexpected()),
    }
}

/// Locks, records, mutes all.
#[utoipa::path(patch, path = "/api/v1/conferences/{conference}", operation_id = "changeConference", tag = "conferences",
    request_body = Change, params(("conference" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "In force"),
        (status = 404, description = "No such room", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Nobody is there, or only one whom nobody could record", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn change(
    State(app): State<App>,
    Key(principal): Key,
    Path(room): Path<String>,
    _: Params<NoParams>,
    Body(Change { locked, recording, muted }): Body<Change>,
) -> Result<StatusCode, Problem> {
    let change = ConferenceOrder::Change { room, locked, recording, muted };
    ordered(order(&app, principal, change, "a conference was changed over HTTP").await?)
}

/// Ends a room for all.
#[utoipa::path(delete, path = "/api/v1/conferences/{conference}", operation_id = "endConference", tag = "conferences",
    params(("conference" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "Its calls are being ended"),
        (status = 404, description = "No such room", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Nobody is there", body = Problem, content_type = "application/problem+json"),
        Refusals,
    ))]
async fn end(
    State(app): State<App>,
    Key(principal): Key,
    Path(room): Path<String>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    let end = ConferenceOrder::End { room };
    ordered(order(&app, principal, end, "a conference was ended over HTTP").await?)
}

/// Rings a number and takes it into the room (201), or takes parties of a live call there (204); neither enters a PIN.
#[utoipa::path(post, path = "/api/v1/conferences/{conference}/members", operation_id = "inviteMember", tag = "conferences",
    request_body = Invite, params(("conference" = String, Path, description = "Its name")),
    responses(
        (status = 201, description = "It rings; Location names its call", body = Begun),
        (status = 204, description = "The parties are on their way in"),
        (status = 404, description = "No such room or call", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It cannot be rung, or nobody talks in the call", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`from` could not dial `to`, or neither `to` nor `call` is there", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn invite(
    State(app): State<App>,
    Key(principal): Key,
    Path(room): Path<String>,
    _: Params<NoParams>,
    Body(body): Body<Invite>,
) -> Result<Response, Problem> {
    let invite = match (body.to, body.from, body.call) {
        (Some(to), Some(rights), None) => {
            dialled("to", &to)?;
            dialled("from", &rights)?;
            ConferenceOrder::Invite { room, to, rights, muted: body.muted }
        }
        (None, None, Some(call)) => {
            let who = match body.who {
                Who::Caller => Parties::Caller,
                Who::Callee => Parties::Callee,
                Who::Both => Parties::Both,
            };
            ConferenceOrder::Move { room, call: named(&call)?, who }
        }
        _ => return Err(Problem::unprocessable("write either `to` and `from`, or `call`")),
    };
    ringing(order(&app, principal, invite, "a conference got members over HTTP").await?)
}

/// Mutes a member, or lets it be heard again. Keys of users and agents: their own.
#[utoipa::path(patch, path = "/api/v1/conferences/{conference}/members/{call}", operation_id = "muteMember",
    tag = "conferences", request_body = Mute,
    params(("conference" = String, Path, description = "Its name"), ("call" = String, Path, description = "The member's call")),
    responses(
        (status = 204, description = "In force"),
        (status = 404, description = "No such room or member", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Nobody is there", body = Problem, content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn mute(
    State(app): State<App>,
    Key(principal): Key,
    Path((room, call)): Path<(String, String)>,
    _: Params<NoParams>,
    Body(Mute { muted }): Body<Mute>,
) -> Result<StatusCode, Problem> {
    let call = named(&call)?;
    let mute = ConferenceOrder::Mute { room, call, muted };
    ordered(
        order(&app, principal, mute, "a member of a conference was muted or unmuted over HTTP")
            .await?,
    )
}

/// Puts a member out; its call ends. Keys of users and agents: their own.
#[utoipa::path(delete, path = "/api/v1/conferences/{conference}/members/{call}", operation_id = "kickMember",
    tag = "conferences",
    params(("conference" = String, Path, description = "Its name"), ("call" = String, Path, description = "The member's call")),
    responses(
        (status = 204, description = "Its call is being ended"),
        (status = 404, description = "No such room or member", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Nobody is there", body = Problem, content_type = "application/problem+json"),
        Refusals,
    ))]
async fn kick(
    State(app): State<App>,
    Key(principal): Key,
    Path((room, call)): Path<(String, String)>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    let kick = ConferenceOrder::Kick { room, call: named(&call)? };
    ordered(order(&app, principal, kick, "a member was put out of a conference over HTTP").await?)
}

/// Plays prompts to all.
#[utoipa::path(post, path = "/api/v1/conferences/{conference}/announce", operation_id = "announceInConference",
    tag = "conferences", request_body = Announce, params(("conference" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "They play"),
        (status = 404, description = "No such room", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Nobody is there", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No prompt", body = Problem, content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn announce(
    State(app): State<App>,
    Key(principal): Key,
    Path(room): Path<String>,
    _: Params<NoParams>,
    Body(Announce { prompts }): Body<Announce>,
) -> Result<StatusCode, Problem> {
    if !(1..=20).contains(&prompts.len()) {
        return Err(Problem::unprocessable("prompts: write 1 to 20"));
    }
    let mut check = Check::of(&principal.tenant);
    let read: Vec<String> =
        prompts.into_iter().filter_map(|name| check.prompt("prompts", Some(name))).collect();
    let prompts = check.finish(read)?;
    let announce = ConferenceOrder::Announce { room, prompts };
    ordered(
        order(&app, principal, announce, "something was announced in a conference over HTTP")
            .await?,
    )
}

/// A party more for a call of two: both meet it in a room of their own as soon as it answers. A user's or agent's key does
/// this for calls of its own extension, under its rights.
#[utoipa::path(post, path = "/api/v1/calls/{call}/conference", operation_id = "addParty", tag = "conferences",
    request_body = Add, params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 201, description = "It rings; Location names its call", body = Begun),
        (status = 404, description = "No such live call", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It cannot be rung, or nobody talks in the call", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`from` could not dial `to`", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn add(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
    Body(Add { to, from }): Body<Add>,
) -> Result<Response, Problem> {
    dialled("to", &to)?;
    dialled("from", &from)?;
    let add = ConferenceOrder::Add { call, to, rights: from };
    ringing(order(&app, principal, add, "a call became a conference over HTTP").await?)
}
