//! What the numbers of queues and agents may be, in the file and over HTTP alike. Times are seconds.

use std::ops::RangeInclusive;

/// `weight` of a queue.
pub const WEIGHT: RangeInclusive<u32> = 0..=1_000;
/// `aging_secs`; 0 is off.
pub const AGING: RangeInclusive<u32> = 0..=86_400;
/// `ring_all_max`.
pub const RING_ALL: RangeInclusive<u32> = 1..=50;
/// `progressive_delay`.
pub const PROGRESSIVE: RangeInclusive<u32> = 1..=600;
/// `tier_rule_wait_second`.
pub const TIER_WAIT: RangeInclusive<u32> = 0..=86_400;
/// `try_same_agent_time`; 0 is off.
pub const SAME_AGENT: RangeInclusive<u32> = 0..=2_592_000;
/// `max_length`.
pub const LENGTH: RangeInclusive<u32> = 1..=512;
/// `max_wait_time` and `max_wait_time_with_no_agent`; 0 is off.
pub const WAIT: RangeInclusive<u32> = 0..=86_400;
/// `announce_frequency` and `position_announce_frequency`; 0 is off.
pub const FREQUENCY: RangeInclusive<u32> = 0..=3_600;
/// `quality_rate_max`.
pub const RATE: RangeInclusive<u32> = 1..=9;
/// `disposition_timeout_secs`; 0 means 300.
pub const DISPOSITION: RangeInclusive<u32> = 0..=86_400;
/// `service_level_secs`.
pub const SERVICE_LEVEL: RangeInclusive<u32> = 1..=3_600;
/// `call_timeout`; 0 means 20.
pub const CALL_TIMEOUT: RangeInclusive<u32> = 0..=600;
/// `no_answer_delay_time`, `busy_delay_time`, `reject_delay_time` and `wrap_up_time`.
pub const DELAY: RangeInclusive<u32> = 0..=86_400;
/// `max_no_answer`; 0 is never.
pub const NO_ANSWER: RangeInclusive<u32> = 0..=1_000;
/// `level` of a tier.
pub const LEVEL: RangeInclusive<u32> = 0..=1_000;
/// `position` of a tier.
pub const POSITION: RangeInclusive<u32> = 0..=10_000;
/// The level of a skill, needed or had.
pub const SKILL: RangeInclusive<u32> = 1..=100;
/// How much a needed skill falls each time; 0 is not at all.
pub const RELAX: RangeInclusive<u32> = 0..=100;
/// Seconds after which wrap-up ends that a command extends.
pub const EXTENSION: RangeInclusive<u32> = 1..=3_600;
/// Tiers of one agent, and skills of one agent or queue, at most.
pub const LISTED: usize = 500;
/// Bytes of a name, or of a text that stands for one.
pub const NAME_BYTES: usize = 128;
/// Bytes of a break's reason and sub-state, and of a disposition.
pub const REASON_BYTES: usize = 64;
