//! WebSockets (RFC 6455) in the places of connections, with their bounds: a message has a size, a peer that reads nothing
//! or says nothing for too long is gone.

use std::future::Future;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use tokio::time::{Instant, timeout, timeout_at};

use super::app::App;

/// RFC 6455 section 7.4.1: the server goes away.
pub(super) const GOING_AWAY: u16 = 1001;
/// RFC 6455 section 7.4.1: the client has done, or left undone, what it must not.
pub(super) const POLICY: u16 = 1008;

/// How long the last word may take to go out.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Bytes that may wait for a peer that reads slowly; the sender waits then, and in the end the connection is cut.
const UNREAD: usize = 1 << 20;

/// What the peer said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Text.
    Text(Utf8Bytes),
    /// Bytes.
    Binary(Bytes),
}

/// An open WebSocket.
pub(super) struct Socket {
    inner: WebSocket,
    heartbeat: Duration,
    /// When the peer has to have been heard, or is asked whether it lives.
    due: Instant,
    /// It was asked and has not answered.
    asked: bool,
}

/// Answers 101 and hands the socket to `work`; the connection ends when that returns.
pub(super) fn open<F>(
    upgrade: WebSocketUpgrade,
    app: &App,
    work: impl FnOnce(Socket) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let heartbeat = app.limits.heartbeat;
    upgrade
        .max_message_size(app.limits.body)
        .max_frame_size(app.limits.body)
        .write_buffer_size(0)
        .max_write_buffer_size(UNREAD)
        .on_upgrade(move |inner| {
            let due = Instant::now() + heartbeat;
            work(Socket { inner, heartbeat, due, asked: false })
        })
}

impl Socket {
    /// The next thing that the peer says; `None` once it has closed, broken the protocol, or been silent although it
    /// was pinged. May be dropped while it waits, and nothing is lost.
    pub(super) async fn next(&mut self) -> Option<Said> {
        loop {
            let Ok(received) = timeout_at(self.due, self.inner.recv()).await else {
                if self.asked {
                    return None;
                }
                self.asked = true;
                self.due = Instant::now() + self.heartbeat;
                self.inner.send(Message::Ping(Bytes::new())).await.ok()?;
                continue;
            };
            let message = received?.ok()?;
            self.asked = false;
            self.due = Instant::now() + self.heartbeat;
            match message {
                Message::Text(text) => return Some(Said::Text(text)),
                Message::Binary(bytes) => return Some(Said::Binary(bytes)),
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Close(_) => return None,
            }
        }
    }

    /// Sends text; `false` when the peer is gone or takes nothing.
    pub(super) async fn text(&mut self, text: impl Into<Utf8Bytes>) -> bool {
        self.inner.send(Message::Text(text.into())).await.is_ok()
    }

    /// Says why it ends, and ends; the peer's own close is waited for a moment, so that the reason arrives.
    pub(super) async fn close(mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        let farewell = async {
            if self.inner.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.inner.recv().await {}
            }
        };
        // A peer that does not hear it is gone all the same.
        let _ = timeout(LAST_WORD, farewell).await;
    }
}
