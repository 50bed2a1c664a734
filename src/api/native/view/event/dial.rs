//! What happens to dial tasks.

use strowger_core::vocab::dial::{
    DialChange, DialNumberRecord, DialState, DialTaskKey, NumberStage,
};

use super::What;

impl What {
    pub(super) fn of_dial_task(key: DialTaskKey, what: DialChange) -> Self {
        let task = key.id.clone();
        match what {
            DialChange::Defined => Self::DialTaskDefined { task },
            DialChange::Removed => Self::DialTaskRemoved { task },
            DialChange::State(state) => {
                let ended = match state {
                    DialState::Ended(end) => Some(end.as_str()),
                    _ => None,
                };
                Self::DialTaskState { task, state: state.as_str(), ended }
            }
            DialChange::NumbersWanted { count, .. } => Self::DialNumbersWanted { task, count },
            DialChange::Dialled { number, call } => {
                let (id, number) = (number.id, number.number);
                Self::DialNumberDialled { task, id, number, call: call.to_string() }
            }
            DialChange::Done { number, result } => {
                let stage = NumberStage::Done(result);
                let record = DialNumberRecord { task: key, number, seq: 0, stage };
                Self::DialNumberDone { task, number: record.into() }
            }
        }
    }
}
