//! Prompts that could not be played. The call goes on as if they had been heard; whoever runs the switch is to know.

use media::order::{MediaEvent, PlayFault};

use crate::call::Call;
use crate::vocab::{CallId, EventKind, Now};

use super::Running;

impl Running {
    /// Tells of a prompt that a worker could not play.
    pub(super) fn look_at_prompts(&mut self, now: Now, event: &MediaEvent) {
        match event {
            MediaEvent::PlayEnded { stream, error: Some(fault), .. } => {
                if let Some(call) = self.calls.of_stream(*stream) {
                    self.prompt_failed(now, call, fault);
                }
            }
            // Without a member nobody was to hear it: the mix has ended in the meantime.
            MediaEvent::MixPlayEnded { mix, error: Some(fault), .. } => {
                let member = self.calls.iter().find(|call| call.is_in(*mix));
                if let Some(call) = member.map(|call| call.id) {
                    self.prompt_failed(now, call, fault);
                }
            }
            _ => {}
        }
    }

    fn prompt_failed(&mut self, now: Now, call: CallId, fault: &PlayFault) {
        let Some(own) = self.calls.get(call).filter(|call: &&Call| call.is_live()) else { return };
        let (tenant, interaction) = (own.tenant.clone(), own.interaction);
        self.counters.prompt_failed();
        let (prompt, why) = (fault.prompt.clone(), fault.why.clone());
        let kind = EventKind::PromptFailed { call, interaction, prompt, why };
        self.desk.out.publish(now, Some(&tenant), kind);
    }
}
