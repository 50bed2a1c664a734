//! Streams of a tenant, each in a seat: there are only so many.

use axum::http::StatusCode;

use super::app::App;
use super::problem::Problem;

/// Seconds after which a client that found no seat may try again.
const SEAT_SECS: u32 = 10;

/// One of the streams (of events, or WebSockets) that a tenant may have; given back when it is dropped.
pub(super) struct Seat {
    app: App,
    tenant: String,
}

impl Seat {
    /// Takes one, if the tenant has any left.
    pub(super) fn take(app: &App, tenant: &str) -> Result<Self, Problem> {
        let most = app.limits.event_streams;
        let mut seats = app.seats();
        let taken = seats.entry(tenant.to_owned()).or_default();
        if *taken >= most {
            let detail = format!("the tenant has {most} event streams, as many as it may");
            return Err(Problem::retry(StatusCode::TOO_MANY_REQUESTS, SEAT_SECS, detail));
        }
        *taken += 1;
        Ok(Self { app: app.clone(), tenant: tenant.to_owned() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.app.seats();
        if let Some(taken) = seats.get_mut(&self.tenant) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                seats.remove(&self.tenant);
            }
        }
    }
}
