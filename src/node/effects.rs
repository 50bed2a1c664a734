//! Carries out what the switch wants done outside its own sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use strowger_core::vocab::mailbox::{Delivery, MailRecord};
use strowger_core::vocab::{Effect, Event, Input};
use tokio::runtime::Handle;

use super::events::Ring;
use super::mailbox::Mailbox;
use super::requests::Requests;
use super::robots::Robots;
use crate::mail::Mailer;
use crate::net::dns::Dns;
use crate::net::media::MediaPool;
use crate::net::stream::Streams;
use crate::store::{Group, Writer};

/// Everybody for whom effects are meant.
pub struct Outlets {
    /// Where TCP, DNS and HTTP run.
    pub runtime: Handle,
    /// Stream connections.
    pub streams: Arc<Streams>,
    /// The DNS.
    pub dns: Dns,
    /// The store.
    pub writer: Writer,
    /// The mail server; `None` where none is configured.
    pub mailer: Option<Mailer>,
    /// The media workers.
    pub media: Arc<MediaPool>,
    /// Connections to robots.
    pub robots: Robots,
    /// Followers of events.
    pub events: Arc<Ring>,
    /// Those who wait for replies.
    pub requests: Arc<Requests>,
    /// Where answers go.
    pub mailbox: Arc<Mailbox>,
    /// Counts.
    pub figures: Arc<OutletFigures>,
}

/// What could not be carried out.
#[derive(Debug, Default)]
pub struct OutletFigures {
    /// Messages for connections that are gone.
    pub unsendable: AtomicU64,
    /// Media orders for a worker whose queue is full.
    pub media_refused: AtomicU64,
}

impl Outlets {
    /// Carries out a turn's effects, in order. Returns true when the switch has drained.
    pub fn carry_out(&self, effects: &mut Vec<Effect>) -> bool {
        let mut drained = false;
        let mut events: Vec<Event> = Vec::new();
        for effect in effects.drain(..) {
            match effect {
                Effect::Publish(event) => events.push(*event),
                Effect::Drained => drained = true,
                other => self.one(other),
            }
        }
        if !events.is_empty() {
            self.events.publish(events.into_iter());
        }
        drained
    }

    fn one(&self, effect: Effect) {
        match effect {
            Effect::Send { flow, bytes } => {
                if !self.streams.send(flow, bytes) {
                    self.figures.unsendable.fetch_add(1, Ordering::Relaxed);
                    self.mailbox.post_always(Input::FlowClosed { flow, connect: None });
                }
            }
            Effect::Close { flow } => self.streams.close(flow),
            Effect::Connect { id, transport, remote, .. } => {
                self.runtime.spawn(Arc::clone(&self.streams).connect(id, transport, remote));
            }
            Effect::Resolve { id, question } => {
                let (dns, mailbox) = (self.dns.clone(), Arc::clone(&self.mailbox));
                self.runtime.spawn(async move {
                    let answer = dns.ask(&question).await;
                    mailbox.post_always(Input::Resolved { id, answer });
                });
            }
            Effect::Persist { commit, records } => {
                if self.writer.write(Group { commit, records }).is_err() {
                    tracing::error!("the store's queue is full, records are lost");
                    self.mailbox.post_always(Input::Stored { commits: vec![commit], ok: false });
                }
            }
            Effect::Media { worker, order } => {
                if self.media.order(worker.0, order).is_err() {
                    self.figures.media_refused.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(worker = worker.0, "a media order could not be given");
                }
            }
            Effect::Robot(order) => self.robots.order(order, &self.media),
            Effect::SendMail(mail) => self.mail(*mail),
            Effect::Reply { id, reply } => self.requests.answer(id, *reply),
            Effect::Publish(_) | Effect::Drained => {}
        }
    }
}

impl Outlets {
    /// Makes one attempt, beside everything else.
    fn mail(&self, mail: MailRecord) {
        let (mailer, mailbox) = (self.mailer.clone(), Arc::clone(&self.mailbox));
        self.runtime.spawn(async move {
            let delivery = match &mailer {
                Some(mailer) => mailer.send(&mail).await,
                None => Delivery::Never("no [smtp] server is configured".into()),
            };
            match &delivery {
                Delivery::Taken => tracing::info!(message = %mail.id, "mail sent"),
                Delivery::Later(why) => {
                    tracing::warn!(message = %mail.id, why, "mail not sent, tried again later");
                }
                Delivery::Never(why) => {
                    tracing::error!(message = %mail.id, why, "mail not sent, given up");
                }
            }
            mailbox.post_always(Input::Mailed { id: mail.id, delivery });
        });
    }
}

impl std::fmt::Debug for Outlets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlets").field("figures", &self.figures).finish_non_exhaustive()
    }
}
