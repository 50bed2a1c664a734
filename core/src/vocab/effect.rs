//! What comes out of the switch.

use std::net::SocketAddr;

use bytes::Bytes;
use media::order::Order;
use serde::{Deserialize, Serialize};
use sip::{Flow, Transport};

use super::mailbox::MailRecord;
use super::robot::RobotOrder;
use super::{CommitId, ConnectId, Event, Record, Reply, RequestId, ResolveId, WorkerId};

/// Everything that the switch wants done. Effects are carried out in the order in which they come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Effect {
    /// Send a message. A failure comes back as `FlowClosed`.
    Send {
        /// Where to.
        flow: Flow,
        /// The whole message, or a keep-alive.
        bytes: Bytes,
    },
    /// Open a stream connection.
    Connect {
        /// Comes back with `FlowOpened` or `FlowClosed`.
        id: ConnectId,
        /// What to speak.
        transport: Transport,
        /// Where to.
        remote: SocketAddr,
        /// The name that a TLS certificate must have.
        server_name: String,
    },
    /// Close a stream connection after what was sent on it.
    Close {
        /// Which.
        flow: Flow,
    },
    /// Ask the DNS.
    Resolve {
        /// Comes back with `Resolved`.
        id: ResolveId,
        /// What.
        question: sip::resolve::Question,
    },
    /// Write records, all or none, in order with earlier groups.
    Persist {
        /// Comes back with `Stored`.
        commit: CommitId,
        /// What.
        records: Vec<Record>,
    },
    /// An order to a media worker.
    Media {
        /// Which.
        worker: WorkerId,
        /// What.
        order: Order,
    },
    /// An order to the connection with a robot.
    Robot(RobotOrder),
    /// Make one attempt to send a mail.
    SendMail(Box<MailRecord>),
    /// Tell the world.
    Publish(Box<Event>),
    /// Answer a command or query.
    Reply {
        /// Which.
        id: RequestId,
        /// What.
        reply: Box<Reply>,
    },
    /// Draining is complete: no call is left.
    Drained,
}
