//! Whether a published draw is what it says: everything is computed anew from the entries and the head.

use std::fmt;

use super::merkle::Growing;
use super::proof::{Head, Placed};
use super::{Method, TIERS, commitment, places, seed};

/// One thing that had to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The word for it: `commitment`, `count`, `fingerprints`, `root`, `seed` or `places`.
    pub what: &'static str,
    pub holds: bool,
    /// In plain words.
    pub why: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let verdict = if self.holds { "holds" } else { "BROKEN" };
        write!(out, "{verdict:6}  {:12}  {}", self.what, self.why)
    }
}

/// Every verdict on a draw, in an order in which they can be followed: each takes what the head says of the ones
/// before for granted, so that the broken ones are where somebody changed something.
///
/// `entries` stand in rising order of their numbers. `hashed` is told now and then how many of them are hashed,
/// which is most of the work.
#[must_use]
pub fn check(head: &Head, entries: &[Placed], hashed: &mut dyn FnMut(u64)) -> Vec<Verdict> {
    vec![
        of_commitment(head),
        of_count(head, entries),
        of_fingerprints(entries),
        of_root(head, entries, hashed),
        of_seed(head),
        of_places(head, entries),
    ]
}

fn of_commitment(head: &Head) -> Verdict {
    let (ours, theirs) = (commitment(&head.secret), head.commitment);
    let why = if ours == theirs {
        format!("the secret is the one that was committed to: its SHA-256 is {}", hex::encode(ours))
    } else {
        let (ours, theirs) = (hex::encode(ours), hex::encode(theirs));
        format!("the SHA-256 of the secret is {ours}, committed to was {theirs}")
    };
    Verdict { what: "commitment", holds: ours == theirs, why }
}

fn of_count(head: &Head, entries: &[Placed]) -> Verdict {
    let mut tiers = [0_u64; TIERS];
    entries.iter().for_each(|placed| tiers[usize::from(placed.entry.tier)] += 1);
    let count = entries.len() as u64;
    let told = |count: u64, [priority, general, suspect]: [u64; TIERS]| {
        format!("{count} entries ({priority} priority, {general} general, {suspect} suspect)")
    };
    let (ours, theirs) = (told(count, tiers), told(head.count, head.tiers));
    let holds = ours == theirs;
    let why = if holds { ours } else { format!("the file has {ours}, its head says {theirs}") };
    Verdict { what: "count", holds, why }
}

fn of_fingerprints(entries: &[Placed]) -> Verdict {
    let mut sorted: Vec<(u64, u32)> =
        entries.iter().map(|placed| (placed.entry.fingerprint, placed.entry.number)).collect();
    sorted.sort_unstable();
    let mut again = sorted.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    let first = again.next();
    let why = match first {
        None => "nobody has two entries: no fingerprint stands twice".to_owned(),
        Some(pair) => {
            let (fingerprint, one, other) = (pair[0].0, pair[0].1, pair[1].1);
            let count = 1 + again.count();
            format!(
                "fingerprint {fingerprint:016x} stands at number {one} and at number {other}; \
                 entries that repeat one: {count}"
            )
        }
    };
    Verdict { what: "fingerprints", holds: first.is_none(), why }
}

fn of_root(head: &Head, entries: &[Placed], hashed: &mut dyn FnMut(u64)) -> Verdict {
    let mut growing = Growing::default();
    for some in entries.chunks(HASHED_AT_ONCE) {
        some.iter().for_each(|placed| growing.push(&placed.entry));
        hashed(growing.count());
    }
    let (ours, theirs) = (growing.close().root(), head.root);
    let why = if ours == theirs {
        format!("the entries give the sealed root {}", hex::encode(ours))
    } else {
        let (ours, theirs) = (hex::encode(ours), hex::encode(theirs));
        format!("the entries give the root {ours}, sealed was {theirs}")
    };
    Verdict { what: "root", holds: ours == theirs, why }
}

fn of_seed(head: &Head) -> Verdict {
    let ours = seed(&head.secret, head.beacon.as_deref(), &head.root, head.count);
    let from = if head.beacon.is_some() { "secret, beacon, root" } else { "secret, root" };
    let is_left_out = head.beacon.is_none() && head.beacon_announced.is_some();
    let why = if is_left_out {
        "a beacon was announced before the doors, and none was used".to_owned()
    } else if ours == head.seed {
        format!("{from} and count give the seed {}", hex::encode(ours))
    } else {
        let (ours, theirs) = (hex::encode(ours), hex::encode(head.seed));
        format!("{from} and count give the seed {ours}, the head says {theirs}")
    };
    Verdict { what: "seed", holds: ours == head.seed && !is_left_out, why }
}

fn of_places(head: &Head, entries: &[Placed]) -> Verdict {
    let entrants = entries.iter().map(|placed| (placed.entry.number, placed.entry.tier));
    let order = places(head.method, entrants, &head.seed);
    let mut place_of: Vec<(u32, u32)> =
        (0..).zip(order).map(|(place, number)| (number, place)).collect();
    place_of.sort_unstable();
    let mut wrong =
        place_of.iter().zip(entries).filter(|((_, ours), placed)| *ours != placed.place);
    let from = match head.method {
        Method::Draw => "the seed",
        Method::Fifo => "the order of joining",
    };
    let count = entries.len();
    let first = wrong.next();
    let why = match first {
        None => format!("each of {count} has the place that {from} gives"),
        Some(((number, ours), placed)) => {
            let (theirs, others) = (placed.place, wrong.count());
            format!(
                "number {number} is said to have place {theirs}, {from} gives {ours}; wrong are {} \
                 of {count}",
                1 + others
            )
        }
    };
    Verdict { what: "places", holds: first.is_none(), why }
}

/// How often `hashed` is told: about every millisecond.
const HASHED_AT_ONCE: usize = 8_192;
