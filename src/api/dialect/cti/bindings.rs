//! Which extensions a seat has and which queues it serves.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde_json::Value;

use super::asked::Asked;
use super::envelope::{Fault, Outcome, Refusal, gone, written};
use super::queues::must_exist;
use super::seat::Seat;
use super::seats::{Bound, with_extensions};
use crate::api::app::App;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/agents/extensions", post(bind).delete(unbind))
        .route("/agents/queues", post(serve).delete(leave))
        .route("/queues/agents", post(staff).put(staff))
}

/// Binding a definition of the configuration file is not for HTTP.
fn fixed(seat: &Seat) -> Result<(), Refusal> {
    if seat.agent.as_ref().is_some_and(|view| view.from_file) {
        let detail = format!("agent {} is defined by the configuration file", seat.id);
        return Err(Refusal::new(Fault::Forbidden, detail));
    }
    Ok(())
}

async fn bind(State(app): State<App>, asked: Asked) -> Outcome {
    let body = asked.body()?;
    let id = asked.agent(&body.wanted("AgentId")?)?;
    let extensions = body.wanted_list("Extensions")?;
    let mut seat = Seat::find(&asked, &app, &id).await?;
    fixed(&seat)?;
    let mut bound = Bound::of(&asked, &app).await?;
    extensions.iter().try_for_each(|extension| bound.take(&id, extension))?;
    with_extensions(&mut seat, extensions)?;
    seat.save(&asked, &app).await?;
    written(Value::Null)
}

async fn unbind(State(app): State<App>, asked: Asked) -> Outcome {
    let fields = wanted(&asked)?;
    let id = asked.agent(&fields.wanted("AgentId")?)?;
    let extensions = fields.wanted_list("Extensions")?;
    let mut seat = Seat::find(&asked, &app, &id).await?;
    fixed(&seat)?;
    if let Some(other) = extensions.iter().find(|number| !seat.doc.extensions.contains(number)) {
        return Err(Refusal::new(Fault::NoData, format!("{other} is not bound to agent {id}")));
    }
    seat.doc.extensions.retain(|own| !extensions.contains(own));
    seat.save(&asked, &app).await?;
    gone()
}

async fn serve(State(app): State<App>, asked: Asked) -> Outcome {
    let body = asked.body()?;
    let id = asked.agent(&body.wanted("AgentId")?)?;
    let queues = body.wanted_list("Queues")?;
    let seat = Seat::find(&asked, &app, &id).await?;
    fixed(&seat)?;
    for queue in &queues {
        must_exist(&asked, &app, queue).await?;
    }
    add(&asked, &app, seat, &queues).await?;
    written(Value::Null)
}

async fn add(asked: &Asked, app: &App, mut seat: Seat, queues: &[String]) -> Result<(), Refusal> {
    for queue in queues {
        if !seat.doc.queues.contains(queue) {
            seat.doc.queues.push(queue.clone());
        }
    }
    seat.save(asked, app).await
}

async fn leave(State(app): State<App>, asked: Asked) -> Outcome {
    let fields = wanted(&asked)?;
    let id = asked.agent(&fields.wanted("AgentId")?)?;
    let queues = fields.wanted_list("Queues")?;
    let mut seat = Seat::find(&asked, &app, &id).await?;
    fixed(&seat)?;
    if let Some(other) = queues.iter().find(|queue| !seat.doc.queues.contains(queue)) {
        return Err(Refusal::new(Fault::NoData, format!("agent {id} does not serve {other}")));
    }
    seat.doc.queues.retain(|own| !queues.contains(own));
    seat.save(&asked, &app).await?;
    gone()
}

/// Adds seats to a queue, by POST and PUT alike; none is taken out.
async fn staff(State(app): State<App>, asked: Asked) -> Outcome {
    let body = asked.body()?;
    let queue = body.wanted("QueueId")?;
    must_exist(&asked, &app, &queue).await?;
    let mut seats = Vec::new();
    for agent in body.wanted_list("AgentIds")? {
        let id = asked.agent(&agent)?;
        let seat = Seat::find(&asked, &app, &id).await?;
        fixed(&seat)?;
        seats.push(seat);
    }
    for seat in seats {
        add(&asked, &app, seat, std::slice::from_ref(&queue)).await?;
    }
    written(Value::Null)
}

/// The parameters of a DELETE: in its body, or where clients cannot send one in the address.
fn wanted(asked: &Asked) -> Result<super::fields::Fields, Refusal> {
    if !asked.signed.has_body() && !asked.signed.query.has_any(&["Extensions", "Queues"]) {
        asked.body()?;
    }
    Ok(asked.signed.either())
}
