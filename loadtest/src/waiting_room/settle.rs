//! After the last fan: waits until nothing is held any more, then holds the books, the draw and the
//! estimates against what fans saw.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use serde::Deserialize;

use super::chance::Calibration;
use super::crowd::Crowd;
use super::drive::Server;
use super::laws::{Findings, Law};
use super::story::{Story, judge_order};
use super::terms::ask_once;
use super::{draw, requests, shop};
use crate::target::Target;

const PAUSE: Duration = Duration::from_millis(200);
/// Besides the time for which units are held: payments under way.
const SPARE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Counts {
    pub capacity: u64,
    pub available: u64,
    pub held: u64,
    pub sold: u64,
    pub blocked: u64,
}

/// # Errors
/// The server does not answer any more.
pub fn settle(
    crowd: &mut Crowd,
    server: &Server,
    programs: &Path,
    draw_file: &Path,
) -> anyhow::Result<()> {
    shop::stop_all(crowd);
    let hold = Duration::from_secs(u64::from(crowd.terms.hold_seconds));
    let counts = at_rest(server.target, Instant::now() + hold + SPARE)?;
    judge(crowd, counts);
    match draw::fetch(server.target, draw_file) {
        Ok(entries) => {
            draw::verify(programs, draw_file, &mut crowd.laws);
            draw::judge(&crowd.fans, &entries, &mut crowd.laws);
        }
        Err(error) => crowd.laws.check(Law::Draw, false, || format!("{error:#}")),
    }
    Ok(())
}

/// All but the draw.
pub fn judge(crowd: &mut Crowd, counts: Counts) {
    judge_books(&crowd.story, counts, &mut crowd.laws);
    judge_order(&crowd.fans, &mut crowd.laws);
    let (terms, mut laws) = (crowd.terms.clone(), std::mem::take(&mut crowd.laws));
    crowd.story.judge(&terms, &mut laws);
    if let Some(found) = Calibration::of(crowd.fans.iter()) {
        let told: u64 = found.told.iter().map(|(told, _)| told).sum();
        laws.checked(Law::Chance, told.saturating_sub(1));
        let complaint = found.complaint();
        laws.check(Law::Chance, complaint.is_none(), || complaint.unwrap_or_default().to_owned());
        laws.note(Law::Chance, found.line());
    }
    crowd.laws = laws;
}

/// What fans were told against what is there once nothing is held.
pub fn judge_books(story: &Story, counts: Counts, laws: &mut Findings) {
    let Counts { capacity, available, held, sold, blocked } = counts;
    laws.check(Law::Books, available + held + sold + blocked == capacity, || {
        format!("{counts:?} does not add up")
    });
    let paid = story.units_paid;
    laws.check(Law::Books, sold == paid, || format!("{sold} are sold, {paid} were paid for"));
    laws.check(Law::Books, held == 0, || format!("{held} are held after all holds are over"));
    laws.check(Law::Books, paid <= capacity, || format!("{paid} paid for of {capacity}"));
    laws.note(Law::Books, format!("{sold} sold of {capacity}"));
}

/// What the event has once nothing is held, or when it is `until`.
///
/// # Errors
/// The server does not say.
pub fn at_rest(target: Target, until: Instant) -> anyhow::Result<Counts> {
    #[derive(Deserialize)]
    struct Availability {
        pools: Vec<Counts>,
    }
    loop {
        let answer = ask_once(target, &requests::availability())?;
        let told: Availability = answer.parse().map_err(anyhow::Error::msg)?;
        let Some(counts) = told.pools.first().copied() else { bail!("the event has no pool") };
        if counts.held == 0 || until < Instant::now() {
            return Ok(counts);
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_sold_that_nobody_paid_for_is_seen_and_one_lost_too() {
        let story = Story { units_paid: 7, ..Story::default() };
        let broken = |available, held, sold| {
            let mut laws = Findings::default();
            let counts = Counts { capacity: 10, available, held, sold, blocked: 0 };
            judge_books(&story, counts, &mut laws);
            laws.is_broken(Law::Books)
        };
        assert!(!broken(3, 0, 7));
        assert!(broken(2, 0, 8) && broken(4, 0, 6) && broken(2, 1, 7) && broken(2, 0, 7));
    }
}
