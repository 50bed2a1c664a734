//! Calls, live and finished, and recordings.

use std::collections::BTreeMap;

use serde::Serialize;
use strowger_core::vocab::command::{CallStage, CallView};
use strowger_core::vocab::record::{
    CallRecord, EndCause, EndedBy, Party, Quality, QueueVisit, RecordingRecord,
};
use strowger_core::vocab::recording::{BegunBy, Gap};
use strowger_core::vocab::supervise::{Supervisor, SupervisorView};
use utoipa::ToSchema;

/// One end of a call.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(in crate::api::native) enum PartyItem {
    /// A phone of the tenant.
    Extension {
        /// Its number.
        number: String,
        /// Its name.
        name: String,
    },
    /// A number outside.
    Trunk {
        /// By which trunk.
        trunk: String,
        /// The number there.
        number: String,
        /// Its display name; empty if unknown.
        name: String,
    },
    /// The switch itself.
    Service {
        /// Which, e.g. `echo`.
        name: String,
    },
    /// Nobody, yet or ever.
    Nobody,
}

impl From<Party> for PartyItem {
    fn from(party: Party) -> Self {
        match party {
            Party::Extension { extension, name } => {
                Self::Extension { number: extension.number, name }
            }
            Party::Trunk { trunk, number, name } => Self::Trunk { trunk: trunk.name, number, name },
            Party::Service { name } => Self::Service { name },
            Party::Nobody => Self::Nobody,
        }
    }
}

/// For which number of which dial task the switch made a call.
#[derive(Debug, Serialize, ToSchema)]
struct DialledForItem {
    /// The dial task's id.
    task: String,
    /// The number's id within it.
    number: String,
    /// What a robot noted.
    vars: BTreeMap<String, String>,
}

/// A call's record.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct RecordItem {
    /// Names it; 32 hexadecimal digits.
    call: String,
    /// The same for all calls that grew out of one.
    interaction: String,
    /// Who called.
    caller: PartyItem,
    /// Who answered, or was tried last.
    callee: PartyItem,
    /// Who took the call while it rang elsewhere; `callee` is then who was called. Null for most calls.
    picked_up_by: Option<PartyItem>,
    /// What was dialled.
    dialled: String,
    /// Admitted, ms since the Unix epoch.
    started_at: u64,
    /// Somebody rang.
    ringing_at: Option<u64>,
    /// Somebody answered.
    answered_at: Option<u64>,
    /// Over.
    ended_at: Option<u64>,
    /// How it ended; null while it lasts.
    #[schema(value_type = Option<String>, example = "normal")]
    cause: Option<EndCause>,
    /// Who ended it: `caller`, `callee` or `switch`.
    #[schema(value_type = Option<String>)]
    ended_by: Option<EndedBy>,
    /// SIP status behind the end, where there is one.
    sip_status: Option<u16>,
    /// Q.850 cause of the end.
    q850: Option<u16>,
    /// How well each end was heard.
    quality: Vec<QualityItem>,
    /// There is a recording; see `/api/v1/recordings/{call}/audio`.
    recorded: bool,
    /// The number of a dial task for which the switch made the call.
    dialled_for: Option<DialledForItem>,
    /// What happened in queues, in order.
    queued: Vec<VisitItem>,
    /// The disposition of a finished call, where there is one; events do not tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::api::native) disposition: Option<String>,
}

/// A call's stay in one queue.
#[derive(Debug, Serialize, ToSchema)]
struct VisitItem {
    /// The queue's number.
    queue: String,
    /// Joined, ms since the Unix epoch.
    joined_at: u64,
    /// Left for an agent, or otherwise.
    left_at: Option<u64>,
    /// `answered`, `abandoned`, `removed`, `picked_up`, `callback`, `restart`, or why it overflowed: `timeout`, `no_agent`,
    /// `full`, `exit_key` or `queue_removed`.
    outcome: Option<String>,
    /// The agent who was bridged.
    agent: Option<String>,
    /// The caller's rating.
    rating: Option<u8>,
}

impl From<QueueVisit> for VisitItem {
    fn from(visit: QueueVisit) -> Self {
        Self {
            queue: visit.queue.number,
            joined_at: visit.joined_at,
            left_at: visit.left_at,
            outcome: visit.outcome,
            agent: visit.agent.map(|agent| agent.id),
            rating: visit.rating,
        }
    }
}

impl From<CallRecord> for RecordItem {
    fn from(record: CallRecord) -> Self {
        let end = record.end;
        Self {
            call: record.call.to_string(),
            interaction: record.interaction.to_string(),
            caller: record.caller.into(),
            callee: record.callee.into(),
            picked_up_by: record.picked_up_by.map(Into::into),
            dialled: record.dialled,
            started_at: record.started_at,
            ringing_at: record.ringing_at,
            answered_at: record.answered_at,
            ended_at: record.ended_at,
            cause: end.as_ref().map(|end| end.cause),
            ended_by: end.as_ref().map(|end| end.by),
            sip_status: end.as_ref().map(|end| end.sip_status).filter(|status| *status > 0),
            q850: end.as_ref().map(|end| end.q850),
            quality: record.quality.into_iter().map(Into::into).collect(),
            recorded: record.recording.is_some(),
            dialled_for: record.dialled_for.map(|own| DialledForItem {
                task: own.task,
                number: own.number,
                vars: own.vars,
            }),
            queued: record.queued.into_iter().map(VisitItem::from).collect(),
            disposition: None,
        }
    }
}

/// What one end's stream was like.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct QualityItem {
    /// Whose: `caller` or `callee`.
    end: &'static str,
    /// The codec that it sent last.
    codec: Option<String>,
    /// Packets that it sent and we took.
    packets_received: u64,
    /// Packets sent to it.
    packets_sent: u64,
    /// Packets of it that never came.
    packets_lost: u64,
    /// Packets of strangers.
    packets_refused: u64,
    /// Jitter at the end, in microseconds.
    jitter_us: u32,
    /// Share that it missed of what we sent it, in percent.
    peer_lost_percent: Option<f32>,
    /// Round trip, in microseconds.
    round_trip_us: Option<u32>,
}

impl From<Quality> for QualityItem {
    fn from(quality: Quality) -> Self {
        let report = quality.report;
        Self {
            end: if quality.caller { "caller" } else { "callee" },
            codec: report.codec,
            packets_received: report.packets_received,
            packets_sent: report.packets_sent,
            packets_lost: report.packets_lost,
            packets_refused: report.packets_refused,
            jitter_us: report.jitter_us,
            peer_lost_percent: report.peer_fraction_lost.map(|lost| f32::from(lost) / 2.56),
            round_trip_us: report.round_trip_us,
        }
    }
}

/// A live call.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct CallItem {
    /// Its record as it would be stored now.
    #[serde(flatten)]
    record: RecordItem,
    /// `connecting`, `ringing`, `talking`, `announcement`, `attended` or `ending`.
    #[schema(value_type = String)]
    stage: CallStage,
    /// Somebody is on hold.
    held: bool,
    /// Who supervises it; keys of users and agents are not told.
    supervisors: Vec<SupervisorItem>,
}

/// A supervisor in a call.
#[derive(Debug, Serialize, ToSchema)]
struct SupervisorItem {
    /// Its own call.
    call: String,
    /// Its extension; null where it takes part from outside.
    extension: Option<String>,
    /// Its number outside, if so.
    number: Option<String>,
    /// `monitor`, `whisper` or `barge`.
    mode: &'static str,
    /// Whom a whisper is for.
    agent: PartyItem,
    /// False while its phone rings.
    joined: bool,
}

impl From<SupervisorView> for SupervisorItem {
    fn from(view: SupervisorView) -> Self {
        let (extension, number) = match view.who {
            Supervisor::Extension(number) => (Some(number), None),
            Supervisor::Number(number) => (None, Some(number)),
        };
        Self {
            call: view.call.to_string(),
            extension,
            number,
            mode: view.mode.as_str(),
            agent: view.agent.into(),
            joined: view.joined,
        }
    }
}

impl From<CallView> for CallItem {
    fn from(view: CallView) -> Self {
        let supervisors = view.supervisors.into_iter().map(Into::into).collect();
        Self { record: view.record.into(), stage: view.stage, held: view.held, supervisors }
    }
}

/// A finished recording.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct RecordingItem {
    /// Of which call.
    call: String,
    /// What the call belongs to.
    interaction: String,
    /// Began, ms since the Unix epoch.
    started_at: u64,
    /// Length in ms.
    length_ms: Option<u64>,
    /// Size in bytes.
    bytes: Option<u64>,
    /// Why it ended early, if so.
    error: Option<String>,
    /// Who had it begun: `policy`, `party` or `supervisor`.
    #[schema(value_type = String)]
    begun_by: BegunBy,
    /// Where it paused, in order; the file holds silence there.
    gaps: Vec<GapItem>,
    /// When its file was removed for its age or for want of room, ms since the Unix epoch.
    removed_at: Option<u64>,
    /// Where the audio is: stereo WAV, the caller on the left.
    audio: String,
}

/// Which of its call's recordings a file is, counted from 1: `<call>.wav` and `<call>-2.wav`, the call being 32 digits.
pub(in crate::api::native) fn part_of(path: &str) -> Option<u32> {
    let name = path.rsplit('/').next()?.strip_suffix(".wav")?;
    let rest = name.get(32..)?;
    match rest.strip_prefix('-') {
        Some(number) => number.parse().ok().filter(|number| *number > 1),
        None => rest.is_empty().then_some(1),
    }
}

/// A pause of a recording.
#[derive(Debug, Serialize, ToSchema)]
struct GapItem {
    /// Where in the file it begins, in ms.
    from_ms: u64,
    /// Where it ends; null where it lasted to the end.
    until_ms: Option<u64>,
}

impl From<Gap> for GapItem {
    fn from(gap: Gap) -> Self {
        Self { from_ms: gap.from_ms, until_ms: gap.until_ms }
    }
}

impl From<RecordingRecord> for RecordingItem {
    fn from(record: RecordingRecord) -> Self {
        Self {
            call: record.call.to_string(),
            interaction: record.interaction.to_string(),
            started_at: record.started_at,
            length_ms: record.length_ms,
            bytes: record.bytes,
            error: record.error,
            begun_by: record.begun_by,
            gaps: record.gaps.into_iter().map(GapItem::from).collect(),
            removed_at: record.removed_at,
            audio: match part_of(&record.path) {
                Some(part) => format!("/api/v1/recordings/{}/audio?part={part}", record.call),
                None => format!("/api/v1/recordings/{}/audio", record.call),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::part_of;

    #[test]
    fn a_file_says_which_of_its_calls_recordings_it_is() {
        let call = "0123456789abcdef0123456789abcdef";
        let part = |rest: &str| part_of(&format!("demo/2026-11-21/{call}{rest}"));
        assert_eq!((part(".wav"), part("-2.wav"), part("-17.wav")), (Some(1), Some(2), Some(17)));
        assert_eq!(
            (part("-1.wav"), part("x.wav"), part("-.wav"), part("")),
            (None, None, None, None)
        );
        assert_eq!(part_of("secret/place.wav"), None);
    }
}
