//! What auto-dialling tasks ask of the application: numbers when they run short, and a word when they have none left.

use axum::body::Bytes;
use serde_json::{Value, json};
use strowger_core::vocab::dial::{
    DialAction, DialChange, DialEnd, DialNumber, DialOrder, DialState, DialTaskKey, MAX_BATCH,
};
use strowger_core::vocab::{Command, Event, EventKind, Query, Reply, Role};

use super::apps::{AppDoc, secret};
use super::fields::Fields;
use super::hooks::{self, app_id_of, json_headers, json_post};
use super::sign::signature;
use crate::api::app::{App, wall_ms};
use crate::api::auth::standing_in;
use crate::api::gateway::{Follow, Followed};
use crate::api::outgoing::Ask;

/// Tasks of this interface say so.
pub(super) const FEED: &str = "cti";
/// Bytes of an answer with numbers.
const MOST: usize = 1 << 20;
/// The webhook by which the end of tasks is told.
const ENDS: &str = "cti-task-stop";

/// Feeds tasks until the process ends.
pub(in crate::api) async fn feed_tasks(app: App, mut follower: Box<dyn Follow>) {
    while let Some(followed) = follower.next().await {
        // Whoever is not heard asks again.
        let Followed::Event(event) = followed else { continue };
        hear(&app, &event);
    }
}

fn hear(app: &App, event: &Event) {
    let EventKind::Dial { task, what } = &event.kind else { return };
    match &**what {
        DialChange::NumbersWanted { count, feed: Some(feed) } if feed == FEED => {
            let (own, task, count) = (app.clone(), task.clone(), *count);
            app.gateway.run(Box::pin(async move { feed_one(&own, &task, count).await }));
        }
        DialChange::State(DialState::Ended(DialEnd::Exhausted)) => {
            let (own, task) = (app.clone(), task.clone());
            app.gateway.run(Box::pin(async move { tell_end(&own, &task).await }));
        }
        _ => {}
    }
}

/// The application's address of an operation; `None` where it has none.
async fn address(app: &App, tenant: &str, operation: &str) -> Result<Option<String>, String> {
    let doc = AppDoc::of(app, tenant).await.map_err(|why| why.text())?;
    let base = doc.callback_url.trim_end_matches('/');
    Ok((!base.is_empty()).then(|| format!("{base}/{operation}")))
}

async fn feed_one(app: &App, task: &DialTaskKey, count: usize) {
    let action = match ask(app, task, count.min(MAX_BATCH)).await {
        Ok((numbers, exhausted)) => DialAction::Add { numbers, exhausted },
        Err(why) => {
            tracing::warn!(%task, "no numbers: {why}");
            DialAction::FeedFailed
        }
    };
    let order = DialOrder::Task { task: task.id.clone(), action };
    let who = standing_in(&task.tenant, Role::Admin, "numbers");
    if let Err(why) = app.gateway.command(who, Command::Dial(order)).await {
        tracing::warn!(%task, "numbers were not taken: {why:?}");
    }
}

/// Numbers from the application, and whether there are no more.
async fn ask(
    app: &App,
    task: &DialTaskKey,
    count: usize,
) -> Result<(Vec<DialNumber>, bool), String> {
    let tenant = &task.tenant;
    let url = address(app, tenant, "cc_ad_task/numbers").await?;
    let url = url.ok_or("the application has no CallbackUrl")?;
    let (id, stamp) = (app_id_of(app, tenant), wall_ms().to_string());
    let secret = secret(app, tenant).await.map_err(|why| why.text())?;
    let sign = signature(&[&id, &secret, &stamp]);
    let join = if url.contains('?') { '&' } else { '?' };
    let body = json!({"app_id": id, "ad_task_id": task.id, "count": count});
    let answer = app.gateway.ask(Ask {
        method: "POST".into(),
        url: format!("{url}{join}Timestamp={stamp}&AppId={id}&Sign={sign}"),
        headers: json_headers(),
        body: Bytes::from(body.to_string()),
        most: MOST,
    });
    let answer = answer.await?;
    if !(200..300).contains(&answer.status) {
        return Err(format!("the application answered {}", answer.status));
    }
    let value: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
    read(value)
}

fn read(value: Value) -> Result<(Vec<DialNumber>, bool), String> {
    let Value::Object(object) = value else { return Err("the answer is no object".into()) };
    let fields = Fields::of_object(object);
    let wrong = |why: super::envelope::Refusal| why.text();
    let code = fields.text("code").map_err(wrong)?.unwrap_or_default();
    // The document shows no value; six zeros are success everywhere in it.
    if code.bytes().any(|byte| byte != b'0') {
        let message = fields.text("message").map_err(wrong)?.unwrap_or_default();
        return Err(format!("the application answered {code} {message}"));
    }
    let exhausted = fields.flag("exhausted").map_err(wrong)?.unwrap_or(false);
    let mut numbers = Vec::new();
    for row in fields.objects("results").map_err(wrong)?.unwrap_or_default() {
        let number = row.wanted("number").map_err(wrong)?;
        let id = row.text("id").map_err(wrong)?.unwrap_or_else(|| number.clone());
        if id.len() <= 128 && number.len() <= 40 {
            numbers.push(DialNumber { id, number });
        } else {
            tracing::warn!("a number of {} characters is left out", number.len());
        }
    }
    numbers.truncate(MAX_BATCH);
    Ok((numbers, exhausted))
}

/// Tells the application that a task of this interface has run out.
async fn tell_end(app: &App, task: &DialTaskKey) {
    let who = standing_in(&task.tenant, Role::Admin, "numbers");
    let reply = app.gateway.query(who, Query::DialTask(task.id.clone())).await;
    let Reply::DialTask(view) = reply else { return };
    if view.record.task.feed.as_deref() != Some(FEED) {
        return;
    }
    if let Err(why) = post_end(app, task).await {
        tracing::error!(%task, "its end is not told: {why}");
    }
}

async fn post_end(app: &App, task: &DialTaskKey) -> Result<(), String> {
    let tenant = &task.tenant;
    let Some(url) = address(app, tenant, "cc_ad_task/stop").await? else { return Ok(()) };
    let id = app_id_of(app, tenant);
    let known = app.gateway.hook(tenant, ENDS).is_some_and(|hook| hook.url == url);
    if !known {
        let hook = hooks::hook(app, (tenant, &id), ENDS.to_owned(), url).await;
        let hook = hook.map_err(|why| why.text())?;
        app.gateway.put_hook(hook).await.map_err(|why| format!("{why:?}"))?;
    }
    let body = json!({"app_id": id, "ad_task_id": task.id});
    let post = json_post(tenant, ENDS, task.id.clone(), Bytes::from(body.to_string()));
    app.gateway.post(post).map_err(|why| format!("{why:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(value: Value) -> Result<(Vec<(String, String)>, bool), String> {
        let (numbers, exhausted) = read(value)?;
        Ok((numbers.into_iter().map(|own| (own.id, own.number)).collect(), exhausted))
    }

    #[test]
    fn answers_are_read_in_the_forms_that_applications_send() {
        let pair = |id: &str, number: &str| (id.to_owned(), number.to_owned());
        let read = numbers(json!({"code": "000000", "message": "OK", "exhausted": true,
            "results": [{"id": "a", "number": "0571"}, {"id": 7, "number": 571}]}));
        assert_eq!(read, Ok((vec![pair("a", "0571"), pair("7", "571")], true)));
        assert_eq!(numbers(json!({"code": 0, "exhausted": "false"})), Ok((Vec::new(), false)));
        for wrong in [
            json!([]),
            json!({"code": "000001", "message": "no"}),
            json!({"results": [{"id": "a"}]}),
            json!({"results": "x"}),
        ] {
            assert!(numbers(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
