//! What fans saw happen, and the laws that only show when all of it is laid side by side.

use super::fan::{Fan, NONE, mark};
use super::laws::{Findings, Law};
use super::terms::Terms;

/// Windows in which passes are counted. Unit: seconds.
const WINDOW: usize = 5;

#[derive(Debug, Default)]
pub struct Story {
    /// From when until when somebody surely shopped. Unit: milliseconds since the start.
    pub shopping: Vec<(u32, u32)>,
    /// When each pass was given out, at the latest. Unit: milliseconds since the start.
    pub passes: Vec<u32>,
    /// Units that were told in 201s.
    pub units_told: u64,
    pub units_given_back: u64,
    pub units_paid: u64,
    /// Passes that bought, for law 7.
    pub passes_used: u64,
    pub passes_lapsed: u64,
    pub returned: u64,
    pub gone: u64,
    pub left: u64,
}

impl Story {
    /// Somebody let in by `from` surely shopped until `until`; nothing if that is not after it.
    pub fn shopped(&mut self, from: u32, until: u32) {
        if from < until {
            self.shopping.push((from, until));
        }
    }

    /// The most who shopped at one time, and when.
    pub fn most_active(&self) -> (u64, u32) {
        let mut moves: Vec<(u32, bool)> = Vec::with_capacity(self.shopping.len() * 2);
        for (from, until) in &self.shopping {
            moves.extend([(*from, true), (*until, false)]);
        }
        // Who leaves at the same millisecond leaves first.
        moves.sort_unstable();
        let (mut active, mut most, mut when) = (0_u64, 0, 0);
        for (at, comes) in moves {
            active = if comes { active + 1 } else { active - 1 };
            if most < active {
                (most, when) = (active, at);
            }
        }
        (most, when)
    }

    /// Passes in each second.
    pub fn passes_by_second(&self) -> Vec<u64> {
        let mut seconds = Vec::new();
        for at in &self.passes {
            let second = (*at / 1_000) as usize;
            if seconds.len() <= second {
                seconds.resize(second + 1, 0);
            }
            seconds[second] += 1;
        }
        seconds
    }

    /// Over-admission and pace, by what fans saw.
    pub fn judge(&self, terms: &Terms, laws: &mut Findings) {
        let (most, when) = self.most_active();
        laws.checked(Law::OverAdmission, (self.shopping.len() as u64).saturating_sub(1));
        laws.check(Law::OverAdmission, most <= u64::from(terms.active_max), || {
            format!("{most} shopped {:.1} s after the start", f64::from(when) / 1e3)
        });
        laws.note(Law::OverAdmission, format!("{most} of {}", terms.active_max));
        let by_second = self.passes_by_second();
        let allowed = most_in_window(terms.rate_per_minute);
        let mut largest = 0;
        for (second, window) in by_second.windows(WINDOW.min(by_second.len()).max(1)).enumerate() {
            let passes: u64 = window.iter().sum();
            largest = largest.max(passes);
            laws.check(Law::Pace, passes <= allowed, || {
                format!("{passes} passes in the {WINDOW} s from second {second}")
            });
        }
        laws.note(Law::Pace, format!("{largest} of {allowed}"));
    }
}

/// A second's worth may be saved up, and a moment is known to a second.
fn most_in_window(rate_per_minute: u32) -> u64 {
    (u64::from(rate_per_minute) * (WINDOW as u64 + 2)).div_ceil(60) + 1
}

/// Who stood before another and came when told had their pass no later. A pass ends on a whole second, so
/// equal moments are equal ends.
pub fn judge_order(fans: &[Fan], laws: &mut Findings) {
    let excused = mark::RETURNED | mark::WAS_AWAY;
    let took_part = |fan: &&Fan| fan.place != NONE && fan.pass_ends != NONE && !fan.is(excused);
    let mut let_in: Vec<(u32, u32)> =
        fans.iter().filter(took_part).map(|fan| (fan.place, fan.pass_ends)).collect();
    let_in.sort_unstable();
    let mut latest = (0, 0);
    for (place, ends) in let_in {
        laws.check(Law::Order, latest.1 <= ends, || {
            format!("place {} had a pass until {} ms, {place} until {ends} ms", latest.0, latest.1)
        });
        if latest.1 < ends {
            latest = (place, ends);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::roles::Role;
    use super::*;

    fn terms(active_max: u32, rate_per_minute: u32) -> Terms {
        Terms {
            fans: 10,
            units: 10,
            rate_per_minute,
            active_max,
            pass_seconds: 10,
            absent_seconds: 10,
            return_seconds: 10,
            hold_seconds: 10,
            join_seconds: 1,
            doors_seconds: 1,
        }
    }

    #[test]
    fn one_shopper_too_many_is_seen_and_a_change_of_the_guard_is_not() {
        let mut story = Story::default();
        story.shopped(0, 10);
        story.shopped(0, 20);
        story.shopped(10, 30);
        story.shopped(50, 40);
        let mut laws = Findings::default();
        story.judge(&terms(2, 600), &mut laws);
        assert!(!laws.is_broken(Law::OverAdmission), "{:?}", laws.lines());
        story.shopped(19, 21);
        story.judge(&terms(2, 600), &mut laws);
        assert!(laws.is_broken(Law::OverAdmission));
    }

    #[test]
    fn more_passes_than_the_rate_are_seen() {
        let story = Story { passes: (0..120).map(|at| at * 100).collect(), ..Story::default() };
        let mut laws = Findings::default();
        story.judge(&terms(2, 600), &mut laws);
        assert!(!laws.is_broken(Law::Pace), "{:?}", laws.lines());
        let story = Story { passes: (0..240).map(|at| at * 50).collect(), ..Story::default() };
        story.judge(&terms(2, 600), &mut laws);
        assert!(laws.is_broken(Law::Pace));
    }

    #[test]
    fn one_who_overtakes_is_seen_unless_the_other_was_away() {
        let fan = |place, pass_ends| Fan { place, pass_ends, ..Fan::new(Role::Plain) };
        let mut laws = Findings::default();
        judge_order(&[fan(1, 5_000), fan(2, 5_000), fan(3, 6_000)], &mut laws);
        assert!(!laws.is_broken(Law::Order));
        let mut fans = vec![fan(1, 7_000), fan(2, 5_000)];
        fans[0].set(mark::WAS_AWAY);
        judge_order(&fans, &mut laws);
        assert!(!laws.is_broken(Law::Order));
        fans[0].marks = 0;
        judge_order(&fans, &mut laws);
        assert!(laws.is_broken(Law::Order));
    }
}
