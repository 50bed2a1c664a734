//! Session timers (RFC 4028).

use super::leg::{Cx, Leg, Phase};
use super::offer::Reoffer;
use crate::endpoint::layer::Layer;
use crate::endpoint::{EndCause, Reason, ReasonProtocol};
use crate::message::{Message, Refresher};
use crate::transaction::timers::SECOND;

/// The least interval that may be asked for (RFC 4028 section 4).
const LEAST: u32 = 90;

/// A session that must be refreshed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    /// The interval in seconds.
    pub interval: u32,
    /// Whether we refresh it.
    pub ours: bool,
    /// When we do; `u64::MAX` never.
    pub refresh_at: u64,
    /// When we end it for want of a refresh (section 10).
    pub expires_at: u64,
}

impl Session {
    pub fn start(now: u64, interval: u32, ours: bool) -> Self {
        let whole = u64::from(interval) * SECOND;
        // Section 10: the one who waits ends the session a little early, so that its BYE
        // still meets the state of whatever stands on the way.
        let margin = u64::from((interval / 3).min(32)) * SECOND;
        Self {
            interval,
            ours,
            refresh_at: if ours { now + whole / 2 } else { u64::MAX },
            expires_at: if ours { now + whole } else { now + whole - margin },
        }
    }
}

/// What we ask for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish {
    /// The interval in seconds; 0 for none.
    pub interval: u32,
    /// The least interval that the peer has told us to ask for.
    pub min_se: u32,
}

/// What a request's Session-Expires leads to on our side as its UAS (section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// No session timer.
    None,
    /// None that the peer knows of: it does not support the extension. We refresh all the same, since a call whose peer
    /// has gone must not live for ever; section 7.1 allows refreshes without the peer's support.
    Unspoken {
        /// In seconds.
        interval: u32,
    },
    /// The interval is below our minimum: 422.
    TooSmall,
    /// Session-Expires goes into the 2xx.
    Timer {
        interval: u32,
        refresher: Refresher,
        /// Whether the peer must know: Require: timer.
        require: bool,
    },
}

impl Agreement {
    pub fn about(request: &Message, layer: &Layer) -> Self {
        let settings = &layer.settings;
        if !settings.supported.iter().any(|option| option == "timer") {
            return Self::None;
        }
        let supports = request.supports("timer");
        let least = settings.min_se.max(LEAST);
        let Some(asked) = request.session_expires() else {
            if settings.session_expires == 0 {
                return Self::None;
            }
            if !supports {
                return Self::Unspoken { interval: settings.session_expires.max(least) };
            }
            // Section 9: we may ask for a timer where the peer supports it.
            let interval = settings.session_expires.max(least).max(request.min_se().unwrap_or(0));
            return Self::Timer { interval, refresher: Refresher::Uas, require: false };
        };
        if asked.seconds < least {
            // Section 9: 422 only to a peer that supports the extension; without, the interval
            // is a proxy's, which would have answered 422 itself had it wanted more.
            return if supports { Self::TooSmall } else { Self::None };
        }
        // Section 9, table 2: the peer's choice where it supports timers. Where it leaves the
        // choice to us we refresh, and so notice a peer that has gone.
        let refresher = match asked.refresher {
            Some(Refresher::Uac) if supports => Refresher::Uac,
            _ => Refresher::Uas,
        };
        let require = refresher == Refresher::Uac;
        Self::Timer { interval: asked.seconds, refresher, require }
    }

    /// The header's value for the 2xx.
    pub fn value(self) -> Option<String> {
        match self {
            Self::Timer { interval, refresher, .. } => Some(header(interval, refresher)),
            Self::None | Self::Unspoken { .. } | Self::TooSmall => None,
        }
    }

    pub fn requires_timer(self) -> bool {
        matches!(self, Self::Timer { require: true, .. })
    }

    /// The session on our side, once the 2xx is sent.
    pub fn session(self, now: u64) -> Option<Session> {
        match self {
            Self::Timer { interval, refresher, .. } => {
                Some(Session::start(now, interval, refresher == Refresher::Uas))
            }
            Self::Unspoken { interval } => Some(Session::start(now, interval, true)),
            Self::None | Self::TooSmall => None,
        }
    }
}

fn header(interval: u32, refresher: Refresher) -> String {
    let role = if refresher == Refresher::Uac { "uac" } else { "uas" };
    format!("{interval};refresher={role}")
}

impl Leg {
    /// Session-Expires for a re-INVITE or UPDATE of ours; the roles stay as they are.
    pub fn session_value(&self) -> Option<String> {
        let session = self.session?;
        let refresher = if session.ours { Refresher::Uac } else { Refresher::Uas };
        Some(header(session.interval.max(self.wish.min_se), refresher))
    }

    /// A 2xx to a request of ours that could carry Session-Expires (section 7.2).
    pub fn session_answered(&mut self, cx: &Cx<'_>, response: &Message) {
        let agreed = response.session_expires().filter(|answer| answer.seconds > 0);
        self.session = match agreed {
            Some(answer) => {
                let ours = answer.refresher != Some(Refresher::Uas);
                Some(Session::start(cx.now, answer.seconds.max(LEAST), ours))
            }
            // Section 7.2: a peer without the extension is refreshed by us, or not at all.
            None => {
                let before = self.session.map_or(self.wish.interval, |session| session.interval);
                (before > 0).then(|| Session::start(cx.now, before.max(LEAST), true))
            }
        };
    }

    pub fn session_timeout(&mut self, cx: &mut Cx<'_>) {
        let Some(session) = self.session else { return };
        if !matches!(self.phase, Phase::Confirmed) {
            return;
        }
        if session.expires_at <= cx.now {
            let reason = Reason {
                protocol: ReasonProtocol::Sip,
                cause: 408,
                text: Some("Session expired".to_owned()),
            };
            return self.hang_up(cx, Some(reason), Some(EndCause::SessionExpired));
        }
        if session.refresh_at <= cx.now {
            self.refresh(cx);
        }
    }

    /// Refreshes, or tries again a little later when something else is under way.
    fn refresh(&mut self, cx: &mut Cx<'_>) {
        let Some(session) = &mut self.session else { return };
        let left = session.expires_at.saturating_sub(cx.now);
        // Section 10 leaves room for further attempts before the session expires.
        session.refresh_at = cx.now + (left / 4).max(SECOND);
        if !self.may_reinvite() {
            return;
        }
        let refresh = Reoffer { body: None, refresh: true, collisions: 0 };
        if self.peer.update {
            self.send_update(cx, 0, refresh);
        } else if let Some(body) = self.last_sent.clone() {
            self.send_reinvite(cx, Reoffer { body: Some(body), ..refresh });
        }
    }
}
