//! What every phone can do, whichever program plays it.

use std::net::SocketAddr;
use std::sync::Arc;

use super::place::Place;
use super::switch::{DOMAIN, Switch};
use super::tone::Audio;

/// How a phone reaches the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    /// The word in a URI's `transport` parameter.
    pub fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// What a phone's owner types into it.
#[derive(Debug, Clone)]
pub struct Account {
    pub user: String,
    pub password: String,
    pub domain: String,
    pub proxy: SocketAddr,
    pub transport: Transport,
}

impl Account {
    /// The account of an extension of this switch.
    pub fn of(switch: &Switch, number: &str, transport: Transport) -> Self {
        Self::at(switch.sip(), number, transport)
    }

    /// An account at any proxy.
    pub fn at(proxy: SocketAddr, number: &str, transport: Transport) -> Self {
        Self {
            user: number.to_owned(),
            password: Self::password_of(number),
            domain: DOMAIN.to_owned(),
            proxy,
            transport,
        }
    }

    /// The password that [`super::switch::Setup::extension`] gives a number.
    pub fn password_of(number: &str) -> String {
        format!("secret-{number}")
    }
}

/// A phone that is registered, or about to call. Each call waits for its event and panics without it.
pub trait Phone {
    /// Calls a number; returns when the request has gone out.
    fn dial(&mut self, number: &str);
    /// Waits for an incoming call and takes it.
    fn answer(&mut self);
    /// Waits until the call is connected and audio can flow.
    fn wait_connected(&mut self);
    /// Ends the call.
    fn hang_up(&mut self);
    /// Waits until the call has ended, whoever ended it.
    fn wait_ended(&mut self);
    /// The tone that this phone sends in Hz.
    fn tone(&self) -> f64;
    /// What this phone has heard so far.
    fn heard(&self) -> Audio;
}

/// Which program plays a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sipp,
    Baresip,
    Linphone,
}

/// Starts a phone and waits for its own word that it is registered.
pub fn register(place: &Arc<Place>, kind: Kind, account: &Account, tone: f64) -> Box<dyn Phone> {
    match kind {
        Kind::Sipp => Box::new(super::sipp::SippPhone::register(place, account, tone)),
        Kind::Baresip => Box::new(super::baresip::Baresip::register(place, account, tone)),
        Kind::Linphone => Box::new(super::linphone::Linphone::register(place, account, tone)),
    }
}
