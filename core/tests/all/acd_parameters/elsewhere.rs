//! Parameters that act where the distributor is not: in calls, sounds, mailboxes and definitions. Another test shows each.

/// A parameter and the test that shows its effect.
pub struct Elsewhere {
    pub path: &'static str,
    /// From the root of the repository.
    pub file: &'static str,
    pub test: &'static str,
}

pub const ROWS: &[Elsewhere] = &[];

/// Parameters for which no test is named yet.
pub const NOT_SHOWN_YET: &[&str] = &[
    "agent.agent_sound",
    "agent.name",
    "agent.pin",
    "queue.limits.exit_key",
    "queue.limits.exit_transfer_dst",
    "queue.limits.full_transfer_dst",
    "queue.limits.no_agent_timeout_transfer_dst",
    "queue.limits.timeout_transfer_dst",
    "queue.name",
    "queue.service.agent_announce_sound",
    "queue.service.agent_hangup_action",
    "queue.service.agent_hangup_transfer_dst",
    "queue.service.agent_report_wait_time",
    "queue.service.append_to_cid_name_on_transfer",
    "queue.service.hide_in_caller_id_name",
    "queue.service.hide_in_caller_id_number",
    "queue.service.quality_rate_finish_sound",
    "queue.service.quality_rate_max",
    "queue.service.quality_rate_sound",
    "queue.service.record_enabled",
    "queue.voice.sound",
    "queue.voice.sound_type",
    "queue.voicemail.attach_file",
    "queue.voicemail.enabled",
    "queue.voicemail.greeting",
    "queue.voicemail.mailto",
];
