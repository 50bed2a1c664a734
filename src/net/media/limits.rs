//! How many sockets the process may hold.

use std::ops::RangeInclusive;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not for media: listeners, connections, files.
const RESERVED: u64 = 1_024;
/// A call of two phones holds two pairs of sockets.
const PER_CALL: u64 = 4;

/// Raises the soft limit of open files to the hard one, and returns the limit in force.
pub fn raise_open_files() -> u64 {
    let limits = getrlimit(Resource::Nofile);
    let hard = limits.maximum.unwrap_or(1 << 20);
    if limits.current.is_some_and(|soft| soft < hard) {
        let raised = Rlimit { current: Some(hard), maximum: limits.maximum };
        // Refused, the old limit holds, and is what is reported.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(hard)
}

/// Calls of two audio streams that the open-file limit and the port range allow.
pub fn calls_allowed(open_files: u64, ports: &RangeInclusive<u16>) -> u64 {
    let by_files = open_files.saturating_sub(RESERVED) / PER_CALL;
    let numbers = u64::from(*ports.end()).saturating_sub(u64::from(*ports.start())) + 1;
    by_files.min(numbers / PER_CALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_files_and_ports_counts() {
        assert_eq!(calls_allowed(1_024 + 4_000, &(16_384..=32_767)), 1_000);
        assert_eq!(calls_allowed(1 << 20, &(16_384..=32_767)), 4_096);
        assert_eq!(calls_allowed(100, &(16_384..=32_767)), 0);
    }

    #[test]
    fn the_soft_limit_reaches_the_hard_one() {
        let raised = raise_open_files();
        assert_eq!(getrlimit(Resource::Nofile).current, Some(raised));
        assert!(getrlimit(Resource::Nofile).maximum.is_none_or(|hard| raised == hard));
    }
}
