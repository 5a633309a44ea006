//! Estimates held against what happens, in seeded worlds.

use super::*;
use crate::domain::waiting_room::draw::Stream;

/// Seeded chance: the same at every run.
struct Dice(Stream);

impl Dice {
    fn new(seed: u8) -> Self {
        Self(Stream::new(&[seed; 32], 0))
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        self.0.below(1 << 53) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Near enough to a normal number: mean 0, deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    fn poisson(&mut self, mean: f64) -> u32 {
        let (limit, mut product) = ((-mean).exp(), self.unit());
        let mut count = 0;
        while limit < product {
            product *= self.unit();
            count += 1;
        }
        count
    }
}

fn rate(mean: f64, variance: f64) -> Rate {
    Rate { mean, variance }
}

#[test]
fn a_steady_rate_gives_a_narrow_band_and_an_unsteady_one_a_wide_band() {
    let steady = eta(999, rate(10.0, 0.0), false).unwrap();
    assert_eq!(steady, Eta { low: 95, mid: 100, high: 105 });
    // Deviation 2.5: from 1,000 / 13.2 to 1,000 / 6.8, and a little more.
    let unsteady = eta(999, rate(10.0, 6.25), false).unwrap();
    assert_eq!(unsteady, Eta { low: 75, mid: 100, high: 148 });
}

#[test]
fn there_is_no_wait_to_tell_of_while_paused_or_without_a_rate() {
    assert_eq!(eta(5, rate(10.0, 0.0), true), Err(NoEta::Paused));
    for mean in [0.0, -1.0, 1e-9, f64::NAN, f64::INFINITY] {
        assert_eq!(eta(5, rate(mean, 0.0), false), Err(NoEta::RateUnknown), "{mean}");
    }
}

#[test]
fn a_band_is_in_order_and_bounded_whatever_it_is_made_of() {
    for ahead in [0, 1, 10, 1_000_000, u32::MAX] {
        for mean in [1e-6, 0.1, 1.0, 1e6] {
            for variance in [0.0, 1e-9, 1.0, 1e12, -1.0, f64::NAN, f64::INFINITY] {
                let eta = eta(ahead, rate(mean, variance), false).unwrap();
                let in_order = eta.low <= eta.mid && eta.mid <= eta.high;
                assert!(
                    in_order && eta.high <= Eta::SECONDS_MAX,
                    "{ahead} {mean} {variance}: {eta:?}"
                );
            }
        }
    }
    let next = eta(0, rate(0.1, 0.0), false).unwrap();
    assert_eq!((next.low, next.mid), (0, 10));
}

/// How often the wait that comes is within the band that was told, over lines of many lengths. `admit` says
/// how many are let in within a second; what was ordered is off by `doubt`; it is told after `warm_up`
/// seconds.
fn covered(seed: u8, doubt: f64, warm_up: [f64; 2], admit: fn(&mut Dice, &mut f64) -> u32) -> f64 {
    let mut dice = Dice::new(seed);
    let (mut held, mut asked) = (0, 0);
    for _ in 0..600 {
        let mut level = dice.between(2.0, 20.0);
        let ordered = level * (1.0 + doubt * dice.normal()).max(0.1);
        let mut pace = Pace::ordered(ordered);
        let warm_up = dice.between(warm_up[0], warm_up[1]) as u32;
        (0..warm_up).for_each(|_| pace.observe(admit(&mut dice, &mut level), 1_000));
        let ahead = dice.between(100.0, 4_000.0) as u32;
        let told = eta(ahead, pace.rate(), false).unwrap();
        let (mut admitted, mut seconds) = (0, 0);
        while admitted <= ahead {
            admitted += admit(&mut dice, &mut level);
            seconds += 1;
        }
        asked += 1;
        held += u32::from((told.low..=told.high).contains(&seconds));
    }
    f64::from(held) / f64::from(asked)
}

#[test]
fn at_least_eight_of_ten_waits_are_within_the_band() {
    let even = |dice: &mut Dice, level: &mut f64| dice.poisson(*level);
    let settled = covered(1, 0.25, [1_200.0, 2_400.0], even);
    assert!((0.78..=0.94).contains(&settled), "{settled}");
    let early = covered(2, 0.25, [1.0, 120.0], even);
    // More than it says while little is known, and still a band.
    assert!((0.8..=0.98).contains(&early), "{early}");
    // The rate wanders by a percent or so each second and does not come back, as real ones do.
    let wandering = covered(3, 0.25, [1_200.0, 2_400.0], |dice, level| {
        *level = (*level + 0.1 * dice.normal()).clamp(1.0, 30.0);
        dice.poisson(*level)
    });
    assert!((0.78..=0.94).contains(&wandering), "{wandering}");
}

#[test]
fn the_pace_follows_the_rate_and_doubts_itself_while_it_changes() {
    let mut pace = Pace::ordered(10.0);
    (0..6_000).for_each(|_| pace.observe(1, 100));
    let steady = pace.rate();
    assert!((9.99..10.01).contains(&steady.mean) && steady.variance < 1.6, "{steady:?}");
    // Half a minute after the rate has halved, half of the way is gone.
    (0..300).for_each(|tick| pace.observe(u32::from(tick % 2 == 0), 100));
    let changing = pace.rate();
    assert!((7.4..7.6).contains(&changing.mean), "{changing:?}");
    (0..30_000).for_each(|tick| pace.observe(u32::from(tick % 2 == 0), 100));
    let settled = pace.rate();
    assert!((4.9..5.1).contains(&settled.mean) && settled.variance < 0.2, "{settled:?}");
    pace.observe(7, 0);
    assert_eq!(pace.rate(), settled);
    assert_eq!(Pace::ordered(f64::NAN).rate(), rate(0.0, 0.0));
}

fn outlook(available: u32, held: u32, ahead: u32) -> Outlook {
    Outlook { available, held, ahead, units_per_purchase: 2.0, conversion: 0.5 }
}

#[test]
fn a_chance_is_certain_at_the_front_and_none_where_nothing_is_left() {
    assert_eq!(probability(&outlook(1, 0, 0)), 1.0);
    assert_eq!(probability(&outlook(1, 1_000, 0)), 1.0);
    assert_eq!(probability(&outlook(0, 0, 0)), 0.0);
    assert_eq!(chance(&outlook(0, 0, 0)), Chance::None);
    // Nothing is there, and a hundred may come back.
    assert_eq!(chance(&outlook(0, 100, 0)), Chance::High);
    assert_eq!(chance(&outlook(0, 100, 10)), Chance::Medium);
    assert_eq!(chance(&outlook(0, 100, 1_000)), Chance::None);
    assert_eq!(chance(&outlook(10_000, 0, 5_000)), Chance::High);
    assert_eq!(chance(&outlook(10_000, 0, 10_000)), Chance::Medium);
    assert_eq!(chance(&outlook(10_000, 0, 12_000)), Chance::Low);
    assert_eq!(chance(&outlook(10_000, 0, 20_000)), Chance::None);
}

#[test]
fn a_chance_never_rises_with_people_ahead_nor_falls_with_units() {
    for available in [0, 1, 5, 100, 10_000, u32::MAX] {
        for held in [0, 1, 50, 100_000] {
            let chances: Vec<f64> = [0, 1, 2, 5, 10, 100, 1_000, 100_000, u32::MAX]
                .map(|ahead| probability(&outlook(available, held, ahead)))
                .to_vec();
            assert!(chances.is_sorted_by(|a, b| a >= b), "{available} {held}: {chances:?}");
            let more = probability(&outlook(available.saturating_add(10), held, 100));
            assert!(probability(&outlook(available, held, 100)) <= more, "{available} {held}");
            assert!(chances.iter().all(|chance| (0.0..=1.0).contains(chance)));
        }
    }
    let strange =
        Outlook { units_per_purchase: f64::NAN, conversion: f64::NAN, ..outlook(9, 0, 9) };
    assert!((0.0..=1.0).contains(&probability(&strange)));
    let strange = Outlook { units_per_purchase: -3.0, conversion: 7.0, ..outlook(9, 0, 9) };
    assert!((0.0..=1.0).contains(&probability(&strange)));
}

/// Draws situations, says the chance, plays them to the end. Gives (told, whether there was a unit left).
fn played(seed: u8, doubt: f64) -> Vec<(f64, bool)> {
    let mut dice = Dice::new(seed);
    let mut play = || {
        let ahead = dice.between(1.0, 600.0) as u32;
        let conversion = dice.between(0.1, 0.95);
        let units_per_purchase = dice.between(1.0, 4.0);
        let needed = f64::from(ahead) * conversion * units_per_purchase;
        let available = (needed * dice.between(0.5, 1.6)) as u32;
        let outlook = Outlook { available, held: 0, ahead, units_per_purchase, conversion };
        // What people really do is near what was estimated.
        let really = (conversion * (1.0 + doubt * dice.normal())).clamp(0.0, 1.0);
        let mut left = i64::from(available);
        for _ in 0..ahead {
            if dice.unit() < really {
                left -= 1 + i64::from(dice.poisson(units_per_purchase - 1.0));
            }
        }
        (probability(&outlook), 1 <= left)
    };
    (0..10_000).map(|_| play()).collect()
}

fn share(results: &[(f64, bool)]) -> f64 {
    results.iter().filter(|(_, got)| *got).count() as f64 / results.len() as f64
}

#[test]
fn chances_are_what_happens() {
    let results = played(3, 0.1);
    let bounds = [
        (Chance::None, 0.0, 0.02),
        (Chance::Low, 0.02, 0.4),
        (Chance::Medium, 0.4, 0.8),
        (Chance::High, 0.8, 1.0),
    ];
    for (chance, low, high) in bounds {
        let such: Vec<(f64, bool)> = results
            .iter()
            .filter(|(told, _)| Chance::of_probability(*told) == chance)
            .copied()
            .collect();
        assert!(500 < such.len(), "{chance:?}: {}", such.len());
        let happened = share(&such);
        assert!((low..=high).contains(&happened), "{chance:?}: {happened} of {}", such.len());
    }
    // Tenth by tenth, as weather forecasts are judged.
    for tenth in 0..10 {
        let such: Vec<(f64, bool)> =
            results.iter().filter(|(told, _)| (told * 10.0) as u32 == tenth).copied().collect();
        let told = such.iter().map(|(told, _)| told).sum::<f64>() / such.len() as f64;
        let happened = share(&such);
        assert!((told - happened).abs() < 0.06, "told {told}, happened {happened}, {}", such.len());
    }
}

/// The Brier score: mean squared distance between what was told, 0 to 1, and what happened, 0 or 1.
#[test]
fn the_brier_score_is_far_below_that_of_always_telling_the_mean() {
    let brier = |results: &[(f64, bool)], told: &dyn Fn(f64) -> f64| {
        let error = |(p, got): &(f64, bool)| (told(*p) - f64::from(u8::from(*got))).powi(2);
        results.iter().map(error).sum::<f64>() / results.len() as f64
    };
    let results = played(4, 0.1);
    let mean = share(&results);
    let (ours, dull) = (brier(&results, &|p| p), brier(&results, &|_| mean));
    assert!(ours < 0.35 * dull, "{ours} against {dull}");
    // The score has teeth: it finds both boasting and false modesty.
    assert!(ours < brier(&results, &|p| f64::from(u8::from(0.5 < p))));
    assert!(ours < brier(&results, &|p| 0.5 + (p - 0.5) / 2.0));
}

#[test]
fn polls_come_after_a_tenth_of_the_wait_within_bounds() {
    assert_eq!(poll_after_ms(Some(0), 0.0), 1_000);
    assert_eq!(poll_after_ms(Some(100_000), 0.0), 10_000);
    assert_eq!(poll_after_ms(Some(100_000), 0.5), 11_500);
    assert_eq!(poll_after_ms(Some(u64::MAX), 1.0), 39_000);
    assert_eq!(poll_after_ms(None, 0.0), 30_000);
    for strange in [f64::NAN, -3.0, f64::NEG_INFINITY] {
        assert_eq!(poll_after_ms(None, strange), 30_000);
    }
    assert_eq!(poll_after_ms(None, f64::INFINITY), 39_000);
}
