//! A table of debts that never grows: 16 bytes for each one who asked lately, a fixed number of them.
//!
//! A key has two places, of eight cells each, where it may stand; whoever owes nothing any more makes room. When
//! all sixteen owe something the table is full for this key. That begins to happen when three in four of all
//! cells are taken, so there are a third more than asked for. There are no locks: two who race for a cell, or for the same debt, find each other by
//! compare-and-swap, and the worst of it is one request counted to somebody else.
//!
//! `governor`, the usual crate, keeps its cells in maps that grow with every address until somebody sweeps
//! them, and can not say "full".

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::limits::Debt;

/// See the module.
pub(super) struct Cells {
    /// Made when the first one asks who is counted.
    places: OnceLock<Box<[Place]>>,
    /// At least one.
    places_max: usize,
}

const WAYS: usize = 8;

/// Cells that stand together in memory.
#[derive(Default)]
struct Place([Cell; WAYS]);

/// A key and its debt. Zero: nobody's.
#[derive(Default)]
pub(super) struct Cell {
    key: AtomicU64,
    debt: AtomicU64,
}

impl Cell {
    /// Replaces the debt by what `change` makes of it, or leaves it; tells what `change` said.
    pub fn change<T>(&self, mut change: impl FnMut(Debt) -> (Option<Debt>, T)) -> T {
        let mut seen = self.debt.load(Ordering::Relaxed);
        loop {
            let (next, told) = change(Debt::from_bits(seen));
            let Some(next) = next else { return told };
            let order = Ordering::Relaxed;
            match self.debt.compare_exchange_weak(seen, next.bits(), order, order) {
                Ok(_) => return told,
                Err(newer) => seen = newer,
            }
        }
    }

    fn debt(&self) -> Debt {
        Debt::from_bits(self.debt.load(Ordering::Relaxed))
    }
}

impl Cells {
    /// For about `cells` who owe something at the same time; at least one place.
    pub fn new(cells: usize) -> Self {
        Self { places: OnceLock::new(), places_max: (cells + cells / 3).div_ceil(WAYS).max(1) }
    }

    /// Unit: cells.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.places_max * WAYS
    }

    /// The cell of this key, made if there is room; `None`: full. Keys are hashes that nobody outside can
    /// choose; 0 is taken for 1.
    pub fn find(&self, key: u64, now: u64) -> Option<&Cell> {
        let key = key.max(1);
        let both = self.both(key);
        loop {
            let mut free: [(usize, Option<(u64, usize)>); 2] = [(0, None); 2];
            for (place, free) in both.iter().zip(&mut free) {
                for (at, cell) in place.0.iter().enumerate() {
                    if cell.key.load(Ordering::Relaxed) == key {
                        return Some(cell);
                    }
                    let until = cell.debt().until();
                    if until <= now {
                        free.0 += 1;
                        // Who owed nothing for the longest time is forgotten first.
                        free.1 = Some(free.1.map_or((until, at), |best| best.min((until, at))));
                    }
                }
            }
            // The emptier one, so that places fill evenly.
            let chosen = usize::from(free[0].0 < free[1].0);
            let (_, at) = free[chosen].1?;
            let cell = &both[chosen].0[at];
            let held = cell.key.load(Ordering::Relaxed);
            let order = Ordering::Relaxed;
            if cell.key.compare_exchange(held, key, order, order).is_ok() {
                // The debt that stands there is paid, hence as good as none.
                return Some(cell);
            }
        }
    }

    /// Part of the cells that owe something, 0 to 1; of a sample.
    pub fn used(&self, now: u64) -> f64 {
        const SAMPLED: usize = 512;
        let Some(places) = self.places.get() else { return 0.0 };
        let step = places.len().div_ceil(SAMPLED);
        let sampled = places.iter().step_by(step).flat_map(|place| &place.0);
        let (mut all, mut owing) = (0_u32, 0_u32);
        sampled.for_each(|cell| {
            all += 1;
            owing += u32::from(!cell.debt().is_paid(now));
        });
        f64::from(owing) / f64::from(all.max(1))
    }

    /// Up to `max` of those who owe something: key and debt.
    pub fn owing(&self, now: u64, max: usize) -> Vec<(u64, Debt)> {
        let places = self.places.get().map(|places| &**places).unwrap_or_default();
        let cells = places.iter().flat_map(|place| &place.0);
        let owing = cells.map(|cell| (cell.key.load(Ordering::Relaxed), cell.debt()));
        owing.filter(|(key, debt)| *key != 0 && !debt.is_paid(now)).take(max).collect()
    }

    fn both(&self, key: u64) -> [&Place; 2] {
        let make = || std::iter::repeat_with(Place::default).take(self.places_max).collect();
        let places: &[Place] = self.places.get_or_init(make);
        // The upper half of the product is even over all places.
        let at = |bits: u64| ((u128::from(bits) * places.len() as u128) >> 64) as usize;
        let [first, second] = [at(key), at(key.rotate_right(32))];
        [&places[first], &places[second]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 18_000_000_000_000_000;

    fn scattered(n: u64) -> u64 {
        // SplitMix64, which is what hashes look like.
        let mut bits = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    fn owe(cells: &Cells, key: u64, now: u64) -> bool {
        let debt = Debt::unknown_since(now + 1_000);
        cells.find(key, now).map(|cell| cell.change(|_| (Some(debt), ()))).is_some()
    }

    #[test]
    fn a_table_takes_all_that_it_is_for_before_anybody_finds_it_full_and_forgets_nobody() {
        let cells = Cells::new(1 << 16);
        let fit = (0..).take_while(|n| owe(&cells, scattered(*n), NOW)).count() as u64;
        assert!(1 << 16 <= fit, "{fit} of {}", cells.len());
        for n in 0..fit {
            let cell = cells.find(scattered(n), NOW).expect("it stands there");
            assert_eq!(cell.debt(), Debt::unknown_since(NOW + 1_000), "{n}");
        }
        // A flood more changes nothing for those who are in it.
        let more =
            (fit..fit + 1_000_000).filter(|n| owe(&cells, scattered(*n), NOW)).count() as u64;
        assert!(fit + more <= cells.len() as u64);
        assert!(0.9 < cells.used(NOW), "{}", cells.used(NOW));
        assert_eq!(cells.owing(NOW, usize::MAX).len() as u64, fit + more);
    }

    #[test]
    fn whoever_owes_nothing_any_more_makes_room() {
        let cells = Cells::new(64);
        (0..10_000).for_each(|n| {
            owe(&cells, scattered(n), NOW);
        });
        assert!(!owe(&cells, scattered(10_000), NOW));
        assert!(owe(&cells, scattered(10_000), NOW + 1_000));
        assert!(cells.used(NOW + 2_000) < 0.1);
    }

    #[test]
    fn threads_that_race_for_a_debt_lose_none_of_it() {
        let cells = Cells::new(1_024);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..40_000_u64 {
                        let cell = cells.find(scattered(n % 16), NOW).expect("room for sixteen");
                        cell.change(|debt| {
                            let until = debt.until().max(NOW) + 10;
                            (Some(Debt::unknown_since(until)), ())
                        });
                    }
                });
            }
        });
        for n in 0..16 {
            let until = cells.find(scattered(n), NOW).expect("it is there").debt().until();
            // A race at the first request may have counted to a twin of the cell.
            assert!((NOW + 99_900..=NOW + 100_000).contains(&until), "{}", until - NOW);
        }
    }
}
