//! Every 20 ms: who speaks is heard, what is to be played is added, and everybody gets the sum.

use super::Engine;
use super::ear::Hears;
use super::mixes::{Member, Mix};
use crate::order::Voices;
use crate::playout::Taken;

impl Engine {
    /// Does the work of mixes whose time has come.
    pub(super) fn run_mixes(&mut self, now: u64) {
        while let Some((due, slot, mut mix)) = self.mixes.pop_due(now) {
            if mix.changed {
                self.arrange(&mut mix);
            }
            mix.mixer.begin((mix.rate / 50) as usize);
            self.hear_members(due, &mut mix);
            self.play_into(&mut mix);
            self.hear_line(&mut mix);
            self.tape(&mut mix);
            self.tell_line(&mut mix);
            self.speak_to_members(due, &mut mix);
            self.mixes.put_back(now, slot, mix);
        }
    }

    fn hear_members(&mut self, now: u64, mix: &mut Mix) {
        let Mix { members, mixer, rate, id, line, .. } = mix;
        // A program hears what there is to be heard.
        let is_room = id.is_some() && line.is_none();
        for member in members {
            member.speaking = false;
            member.noise = None;
            if member.speaks == Voices::NONE {
                continue;
            }
            let Some(ear) = self.at(member.port).and_then(|stream| stream.ear.as_mut()) else {
                continue;
            };
            let taken = ear.listen(now, *rate);
            member.speaking = match (taken, is_room) {
                (Taken::Nothing, _) => false,
                // The noise around one end of a call belongs to it; in a room it adds up.
                (Taken::Noise(level), false) => {
                    member.noise = Some(level);
                    true
                }
                (Taken::Noise(_), true) => false,
                (Taken::Sound, false) => true,
                (Taken::Sound, true) => ear.is_loud(),
            };
            if member.speaking {
                mixer.add(member.speaks, &ear.frame);
            }
        }
    }

    fn speak_to_members(&mut self, now: u64, mix: &mut Mix) {
        let Mix { members, mixer, groups, rate, id, .. } = mix;
        groups.begin();
        for index in 0..members.len() {
            let Some(member) = members.get(index).copied() else { continue };
            if id.is_none() {
                let other = members.iter().find(|other| other.port != member.port);
                if !self.is_spoken_to(now, member, other) {
                    continue;
                }
            }
            let own = member.speaking && member.speaks.intersects(member.hears);
            let hears = Hears { hears: member.hears, rate: *rate, own };
            self.speak_to(now, member.port, groups, hears, |own, frame| {
                mixer.write(member.hears, own, frame);
            });
        }
    }

    /// Whether audio goes to one end of a bridge: a relay would send nothing either while the other end sends nothing.
    fn is_spoken_to(&mut self, now: u64, member: Member, other: Option<&Member>) -> bool {
        let Some(other) = other.filter(|other| other.speaking) else { return false };
        match other.noise {
            Some(level) => !self.hush(now, member.port, level),
            None => true,
        }
    }
}
