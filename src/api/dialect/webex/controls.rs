//! Hold, resume and hang up.

use axum::extract::State;
use axum::http::StatusCode;
use strowger_core::vocab::transfer::{TalkAct, TalkOrder};
use strowger_core::vocab::{Command, CommandError};

use super::asked::{Said, User};
use super::calls::meant;
use super::refusal::Refusal;
use crate::api::app::App;

type Done = Result<StatusCode, Refusal>;

async fn order(app: &App, user: &User, command: Command) -> Done {
    match app.gateway.command(user.principal.clone(), command).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        // It ended between the question and the order.
        Err(CommandError::NotFound(why)) => Err(Refusal::new(StatusCode::GONE, why)),
        Err(error) => Err(error.into()),
    }
}

async fn talk(app: &App, user: &User, said: &Said, act: TalkAct) -> Done {
    let call = meant(app, user, said.wanted("callId")?).await?.record.call;
    let order_it = TalkOrder { extension: None, act };
    order(app, user, Command::Talk { call, order: order_it }).await
}

/// The other party hears music.
pub(super) async fn hold(State(app): State<App>, user: User, said: Said) -> Done {
    talk(&app, &user, &said, TalkAct::Hold).await
}

/// ... no longer.
pub(super) async fn resume(State(app): State<App>, user: User, said: Said) -> Done {
    talk(&app, &user, &said, TalkAct::Resume).await
}

/// Ends a call.
pub(super) async fn hang_up(State(app): State<App>, user: User, said: Said) -> Done {
    let call = meant(&app, &user, said.wanted("callId")?).await?.record.call;
    order(&app, &user, Command::HangUp { call }).await
}
