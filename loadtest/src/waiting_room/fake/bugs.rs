//! Every law has a bug that breaks it.

use std::rc::Rc;

use indicatif::ProgressBar;

use super::wire::start;
use super::{Bug, Room};
use crate::waiting_room::crowd::Crowd;
use crate::waiting_room::drive::{Server, drive};
use crate::waiting_room::laws::{Findings, Law};
use crate::waiting_room::roles::Role;
use crate::waiting_room::settle::{at_rest, judge};
use crate::waiting_room::shop::stop_all;
use crate::waiting_room::terms::Terms;

/// Nothing of a bug may keep fans in line for ever.
const SECONDS_MAX: u32 = 20;

fn terms() -> Terms {
    Terms {
        fans: 400,
        units: 45,
        rate_per_minute: 420,
        active_max: 12,
        pass_seconds: 3,
        absent_seconds: 1,
        return_seconds: 60,
        hold_seconds: 2,
        join_seconds: 1,
        doors_seconds: 3,
    }
}

/// Few fans, but enough of each kind among them.
fn role(fan: usize) -> Role {
    const RARE: [Role; 6] =
        [Role::Reloads, Role::Pushy, Role::Abandons, Role::ComesBack, Role::Leaves, Role::Forges];
    match fan % 8 {
        0 => Role::Twice,
        1 => Role::Robbed,
        2 => Role::Sneaks,
        3 => Role::Sleeps,
        4 => Role::Stubborn,
        5 => Role::TwoTabs,
        6 => RARE[fan / 8 % RARE.len()],
        _ => Role::Plain,
    }
}

fn found_with(bug: Bug) -> Findings {
    let target = start(move || Room::new(bug, terms()));
    let mut crowd = Crowd::new(terms(), SECONDS_MAX);
    for (number, fan) in crowd.fans.iter_mut().enumerate() {
        fan.role = role(number);
    }
    let server = Rc::new(Server::without_process(target));
    let driven = drive(crowd, &server, 16, 0, &ProgressBar::hidden());
    let (mut crowd, looks) = driven.expect("the fake answers");
    assert!(!looks.is_empty());
    stop_all(&mut crowd);
    let wait = std::time::Duration::from_secs(5);
    let counts = at_rest(target, std::time::Instant::now() + wait).expect("the fake answers");
    judge(&mut crowd, counts);
    crowd.laws
}

/// Fans and rooms keep real time, so a machine that is busy with other tests makes the crowd too late to judge.
#[test]
#[ignore = "keeps real time: cargo test -p loadtest -- --ignored each_law, on a machine that is at rest"]
fn each_law_notices_its_bug_and_a_clean_room_breaks_none() {
    let bugs = [
        (Bug::None, None),
        (Bug::SecondPlace, Some(Law::OnePlace)),
        (Bug::OneNumber, Some(Law::NoTwins)),
        (Bug::MovesBack, Some(Law::PlaceKept)),
        (Bug::ForgetsPlaces, Some(Law::NothingLost)),
        (Bug::LastGoFirst, Some(Law::Order)),
        (Bug::SellsTwice, Some(Law::SingleUse)),
        (Bug::SellsToThieves, Some(Law::Theft)),
        (Bug::SellsWithoutPass, Some(Law::Gate)),
        (Bug::LetsInTooMany, Some(Law::OverAdmission)),
        (Bug::LetsInTooMany, Some(Law::OwnFigures)),
        (Bug::LetsInTooFast, Some(Law::Pace)),
        (Bug::RefusesHonest, Some(Law::Hint)),
        (Bug::ServesEarly, Some(Law::Hint)),
        (Bug::ReturnsForEver, Some(Law::Returns)),
        (Bug::TurnedChances, Some(Law::Chance)),
        (Bug::LosesSales, Some(Law::Books)),
    ];
    let runs = bugs.map(|(bug, law)| (bug, law, std::thread::spawn(move || found_with(bug))));
    for (bug, law, run) in runs {
        let found = run.join().expect("no panic");
        let lines = found.lines().join("\n");
        match law {
            Some(law) => assert!(found.is_broken(law), "{bug:?} was not noticed:\n{lines}"),
            None => assert!(!lines.contains("WRONG"), "a clean room:\n{lines}"),
        }
    }
}
