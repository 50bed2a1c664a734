//! Which extensions a seat has and which queues it serves.

use std::collections::BTreeSet;

use axum::Router;
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

async fn bind(asked: Asked) -> Outcome {
    let body = asked.body()?;
    let id = asked.agent(&body.wanted("AgentId")?)?;
    let extensions = body.wanted_list("Extensions")?;
    let mut seat = Seat::find(&asked, &id).await?;
    seat.changeable()?;
    let mut bound = Bound::of(&asked).await?;
    extensions.iter().try_for_each(|extension| bound.take(&id, extension))?;
    with_extensions(&mut seat, extensions)?;
    seat.save(&asked).await?;
    written(Value::Null)
}

async fn unbind(asked: Asked) -> Outcome {
    let fields = asked.parameters(&["Extensions"])?;
    let id = asked.agent(&fields.wanted("AgentId")?)?;
    let extensions = fields.wanted_list("Extensions")?;
    let mut seat = Seat::find(&asked, &id).await?;
    seat.changeable()?;
    if let Some(other) = extensions.iter().find(|number| !seat.doc.extensions.contains(number)) {
        return Err(Refusal::new(Fault::NoData, format!("{other} is not bound to agent {id}")));
    }
    seat.doc.extensions.retain(|own| !extensions.contains(own));
    seat.save(&asked).await?;
    gone()
}

async fn serve(asked: Asked) -> Outcome {
    let body = asked.body()?;
    let id = asked.agent(&body.wanted("AgentId")?)?;
    let queues = body.wanted_list("Queues")?;
    let mut seat = Seat::find(&asked, &id).await?;
    seat.changeable()?;
    for queue in &queues {
        must_exist(&asked, queue).await?;
    }
    queues.iter().for_each(|queue| add(&mut seat, queue));
    seat.save(&asked).await?;
    written(Value::Null)
}

fn add(seat: &mut Seat, queue: &String) {
    if !seat.doc.queues.contains(queue) {
        seat.doc.queues.push(queue.clone());
    }
}

async fn leave(asked: Asked) -> Outcome {
    let fields = asked.parameters(&["Queues"])?;
    let id = asked.agent(&fields.wanted("AgentId")?)?;
    let queues = fields.wanted_list("Queues")?;
    let mut seat = Seat::find(&asked, &id).await?;
    seat.changeable()?;
    if let Some(other) = queues.iter().find(|queue| !seat.doc.queues.contains(queue)) {
        return Err(Refusal::new(Fault::NoData, format!("agent {id} does not serve {other}")));
    }
    seat.doc.queues.retain(|own| !queues.contains(own));
    seat.save(&asked).await?;
    gone()
}

/// Adds seats to a queue, by POST and PUT alike; none is taken out.
async fn staff(asked: Asked) -> Outcome {
    let body = asked.body()?;
    let queue = body.wanted("QueueId")?;
    must_exist(&asked, &queue).await?;
    let wanted = body.wanted_list("AgentIds")?.into_iter();
    let wanted: BTreeSet<String> = wanted.map(|id| asked.agent(&id)).collect::<Result<_, _>>()?;
    let mut all = Seat::all(&asked).await?;
    let known = |id: &&String| all.iter().any(|seat| seat.id == **id);
    if let Some(stranger) = wanted.iter().find(|id| !known(id)) {
        return Err(Refusal::new(Fault::NotFound, format!("no agent {stranger}")));
    }
    all.retain(|seat| wanted.contains(&seat.id));
    all.iter().try_for_each(Seat::changeable)?;
    all.iter_mut().for_each(|seat| add(seat, &queue));
    Seat::save_all(&all, &asked).await?;
    written(Value::Null)
}
