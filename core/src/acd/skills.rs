//! Skills that callers need, and how the need relaxes while they wait.

use std::collections::BTreeMap;

use crate::vocab::acd::SkillNeed;

use super::numbers::secs;

/// Skills of an agent.
pub(super) type Skills = BTreeMap<String, u8>;

/// The level needed by a caller who has waited so many nanoseconds.
pub(super) fn needed(need: &SkillNeed, waited: u64) -> u8 {
    if need.relax_secs == 0 {
        return need.level;
    }
    let steps = waited / secs(need.relax_secs);
    let fallen = steps.saturating_mul(u64::from(need.relax_by));
    need.level.saturating_sub(u8::try_from(fallen).unwrap_or(u8::MAX))
}

/// The wait after which an agent with these skills is good enough; `None` never.
pub(super) fn wait_until_enough(needs: &[SkillNeed], skills: &Skills) -> Option<u64> {
    let mut wait = 0;
    for need in needs {
        let lacking = need.level.saturating_sub(has(skills, &need.name));
        if lacking == 0 {
            continue;
        }
        if need.relax_secs == 0 || need.relax_by == 0 {
            return None;
        }
        let steps = u64::from(lacking.div_ceil(need.relax_by));
        wait = wait.max(steps * secs(need.relax_secs));
    }
    Some(wait)
}

/// When, after this wait, any of the needs relaxes next.
pub(super) fn next_step(needs: &[SkillNeed], waited: u64) -> Option<u64> {
    let steps = |need: &&SkillNeed| need.relax_secs > 0 && needed(need, waited) > 0;
    let next = |need: &SkillNeed| {
        let every = secs(need.relax_secs);
        (waited / every + 1).saturating_mul(every)
    };
    needs.iter().filter(|need| need.relax_by > 0).filter(steps).map(next).min()
}

/// The total of an agent's levels in the skills that are needed, each counted once.
pub(super) fn total(needs: &[SkillNeed], skills: &Skills) -> u64 {
    let mut sum = 0;
    for (at, need) in needs.iter().enumerate() {
        let counted = needs.iter().take(at).any(|earlier| earlier.name == need.name);
        if !counted {
            sum += u64::from(has(skills, &need.name));
        }
    }
    sum
}

/// The first need that an agent does not meet: which, needed now, and what it has.
pub(super) fn lacks(needs: &[SkillNeed], skills: &Skills, waited: u64) -> Option<(String, u8, u8)> {
    needs.iter().find_map(|need| {
        let (now, has) = (needed(need, waited), has(skills, &need.name));
        (has < now).then(|| (need.name.clone(), now, has))
    })
}

fn has(skills: &Skills, name: &str) -> u8 {
    skills.get(name).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::numbers::SECOND;
    use super::*;

    fn need(name: &str, level: u8, relax_secs: u32, relax_by: u8) -> SkillNeed {
        SkillNeed { name: name.to_owned(), level, relax_secs, relax_by }
    }

    fn skills(list: &[(&str, u8)]) -> Skills {
        list.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect()
    }

    #[test]
    fn a_need_falls_step_by_step_down_to_none() {
        let need = need("french", 50, 10, 20);
        let at = |waited: u64| needed(&need, waited * SECOND);
        assert_eq!([at(0), at(9), at(10), at(20), at(30), at(3_000_000)], [50, 50, 30, 10, 0, 0]);
    }

    #[test]
    fn the_wait_is_that_of_the_slowest_need() {
        let needs = [need("french", 50, 10, 20), need("billing", 5, 60, 5)];
        assert_eq!(wait_until_enough(&needs, &skills(&[("french", 50), ("billing", 9)])), Some(0));
        assert_eq!(
            wait_until_enough(&needs, &skills(&[("french", 29), ("billing", 5)])),
            Some(20 * SECOND)
        );
        assert_eq!(wait_until_enough(&needs, &skills(&[("french", 100)])), Some(60 * SECOND));
        assert_eq!(wait_until_enough(&[need("x", 1, 0, 0)], &skills(&[])), None);
    }

    #[test]
    fn the_wait_and_the_need_now_agree() {
        let needs = [need("a", 77, 7, 11), need("b", 30, 3, 1)];
        for have in 0..100 {
            let skills = skills(&[("a", have), ("b", have / 2)]);
            let wait = wait_until_enough(&needs, &skills).expect("both relax");
            assert_eq!(lacks(&needs, &skills, wait), None, "{have}");
            assert!(wait == 0 || lacks(&needs, &skills, wait - 1).is_some(), "{have}");
        }
    }

    #[test]
    fn the_next_step_is_always_later_and_ends() {
        let needs = [need("a", 40, 7, 20), need("b", 10, 3, 10), need("c", 9, 0, 0)];
        let mut at = 0;
        let mut seen = Vec::new();
        while let Some(next) = next_step(&needs, at) {
            assert!(next > at);
            seen.push(next / SECOND);
            at = next;
        }
        assert_eq!(seen, [3, 7, 14]);
    }

    #[test]
    fn a_skill_that_is_needed_twice_counts_once() {
        let needs = [need("a", 4, 0, 0), need("a", 9, 0, 0), need("b", 1, 0, 0)];
        assert_eq!(total(&needs, &skills(&[("a", 10), ("b", 3), ("z", 99)])), 13);
    }
}
