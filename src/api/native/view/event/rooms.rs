//! Events of conferences and supervisors, and of what is set.

use strowger_core::vocab::EventKind;
use strowger_core::vocab::conference::ConferenceChange;
use strowger_core::vocab::supervise::SupervisionChange;

use super::{SupervisionItem, What, about};

impl What {
    /// Those of settings; no other kind is given here.
    pub(super) fn of_settings(kind: EventKind) -> Self {
        match kind {
            EventKind::SettingsChanged(record) => Self::SettingsChanged {
                extension: record.extension.number,
                settings: record.settings.into(),
            },
            EventKind::TenantSettingsChanged(record) => {
                Self::TenantSettingsChanged { settings: record.settings.into() }
            }
            _ => Self::Reloaded,
        }
    }

    /// Those of supervisors; no other kind is given here.
    pub(super) fn of_supervision(kind: EventKind) -> Self {
        let EventKind::Supervision { call, interaction, supervisor, supervisor_call, mode, change } =
            kind
        else {
            return Self::Reloaded;
        };
        let item = Box::new(SupervisionItem {
            about: about(call, interaction),
            supervisor: supervisor.number().to_owned(),
            supervisor_call: supervisor_call.to_string(),
            mode: mode.as_str(),
        });
        match change {
            SupervisionChange::Started => Self::SupervisionStarted(item),
            SupervisionChange::Changed => Self::SupervisionChanged(item),
            SupervisionChange::Ended => Self::SupervisionEnded(item),
        }
    }

    pub(super) fn of_conference(
        conference: String,
        interaction: String,
        what: ConferenceChange,
    ) -> Self {
        use ConferenceChange as Change;
        match what {
            Change::Joined { call, party } => {
                let (call, party) = (call.to_string(), party.into());
                Self::ConferenceJoined { conference, call, interaction, party }
            }
            Change::Left { call } => {
                Self::ConferenceLeft { conference, call: call.to_string(), interaction }
            }
            Change::Muted { call, muted } => {
                let call = call.to_string();
                Self::ConferenceMuted { conference, call, interaction, muted }
            }
            Change::Locked { locked } => Self::ConferenceLocked { conference, interaction, locked },
            Change::RecordingStarted => {
                Self::ConferenceRecording { conference, interaction, running: true }
            }
            Change::RecordingEnded => {
                Self::ConferenceRecording { conference, interaction, running: false }
            }
            Change::Ended => Self::ConferenceEnded { conference, interaction },
        }
    }
}
