//! What a fan may be told of the future: how long it will take, whether there will be anything left, and when to
//! ask again. Estimates, so floating point is allowed here, and for the same reason nothing of it may reach a
//! fact: the last digit may differ between machines.

/// How many people are admitted each second, lately.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Unit: people a second.
    pub mean: f64,
    /// How far `mean` itself has moved about over the last minutes. Unit: (people a second) squared.
    pub variance: f64,
}

/// Follows the rate of admission.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    rate: Rate,
    /// The mean over a longer time, from which `rate.mean` is seen to move. Unit: people a second.
    slow_mean: f64,
    /// How long it has been seen, and for how long the doubt of the beginning counts. Unit: seconds.
    seen: f64,
}

impl Pace {
    /// Before anybody was admitted: the rate that was ordered, and a quarter of it as doubt.
    #[must_use]
    pub fn ordered(per_second: f64) -> Self {
        let mean = if per_second.is_finite() { per_second.max(0.0) } else { 0.0 };
        let rate = Rate { mean, variance: (mean / 4.0).powi(2) };
        Self { rate, slow_mean: mean, seen: DOUBTED }
    }

    /// Takes in that `admitted` people were let in within the last `elapsed_ms` milliseconds.
    ///
    /// Only while somebody waits and the room is not paused: an empty line says nothing about the rate.
    pub fn observe(&mut self, admitted: u32, elapsed_ms: u32) {
        let seconds = f64::from(elapsed_ms) / 1_000.0;
        if seconds <= 0.0 {
            return;
        }
        let weight = |half_life: f64| 1.0 - (-seconds / half_life).exp2();
        self.seen += seconds;
        // All that was seen counts alike at first, else the doubt of the beginning would stay for minutes.
        let (quick, slow) = (weight(HALF_LIFE), weight(HALF_LIFE_SLOW).max(seconds / self.seen));
        self.rate.mean += quick * (f64::from(admitted) / seconds - self.rate.mean);
        self.slow_mean += slow * (self.rate.mean - self.slow_mean);
        let moved = (self.rate.mean - self.slow_mean).powi(2);
        self.rate.variance += slow * (moved - self.rate.variance);
    }

    /// What it has seen so far.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }
}

/// Age at which an observation counts half. Unit: seconds.
const HALF_LIFE: f64 = 30.0;

/// The same for how much the mean moves about: minutes, as long as waits are. Unit: seconds.
const HALF_LIFE_SLOW: f64 = 300.0;

/// What the rate that was ordered is worth beside what is seen. Unit: seconds.
const DOUBTED: f64 = 60.0;

/// How long it will take. Unit: seconds. Bounds: `low <= mid <= high`, at most [`Eta::SECONDS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eta {
    /// One in ten is admitted sooner.
    pub low: u32,
    pub mid: u32,
    /// One in ten has to wait longer.
    pub high: u32,
}

impl Eta {
    /// A week; more than that is as good as not known.
    pub const SECONDS_MAX: u32 = 7 * 24 * 3_600;
}

/// Why there is no estimate of the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoEta {
    /// Nobody is admitted until the operator says so.
    Paused,
    /// Nobody was admitted lately, so there is nothing to reckon with.
    RateUnknown,
}

impl NoEta {
    /// The word for it in answers.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::RateUnknown => "rate_unknown",
        }
    }
}

/// How long somebody waits who has `ahead` people still in the line before them.
///
/// With `n = ahead + 1`, since their own turn has to come too, the middle is `n / mean`. Two things can make it
/// other, and do so apart from each other: the rate may change, which gives `n / (mean -+ 1.28 deviations)`; and
/// people do not come evenly, which gives `1.28 sqrt(n) / mean`. So the band holds what happens in 8 of 10 cases.
/// However much the rate has moved about, `high` reckons with no less than a tenth of it.
///
/// # Errors
/// Says why there is none.
pub fn eta(ahead: u32, rate: Rate, is_paused: bool) -> Result<Eta, NoEta> {
    if is_paused {
        return Err(NoEta::Paused);
    }
    if !(RATE_MIN <= rate.mean && rate.mean.is_finite()) {
        return Err(NoEta::RateUnknown);
    }
    let people = f64::from(ahead) + 1.0;
    let deviation = DEVIATIONS * rate.variance.max(0.0).sqrt();
    let mid = people / rate.mean;
    let uneven = DEVIATIONS * people.sqrt() / rate.mean;
    let quicker = mid - people / (rate.mean + deviation);
    let slower = people / (rate.mean - deviation).max(rate.mean / 10.0) - mid;
    let seconds = |seconds: f64| (seconds.max(0.0) as u32).min(Eta::SECONDS_MAX);
    Ok(Eta {
        low: seconds((mid - quicker.hypot(uneven)).floor()),
        mid: seconds(mid.round()),
        high: seconds((mid + slower.hypot(uneven)).ceil()),
    })
}

/// Deviations from the mean within which a normal distribution has 80 %.
const DEVIATIONS: f64 = 1.281_55;

/// Slower than one in eleven days is no rate. Unit: people a second.
const RATE_MIN: f64 = 1e-6;

/// What stands between somebody and a ticket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// Units that nobody has.
    pub available: u32,
    /// Units that somebody holds and has not paid for.
    pub held: u32,
    /// Everybody who may still buy before them: those in the line, and those with a pass who have not bought.
    pub ahead: u32,
    /// Mean of what those take who buy. Bounds: 1 to 10,000; what is outside counts as the nearer end.
    pub units_per_purchase: f64,
    /// Which part of the people ahead will buy. Bounds: 0 to 1; what is no number counts as 1.
    pub conversion: f64,
}

/// The chance of still getting a ticket, as it is told: coarse, because it is an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chance {
    /// As good as none: at most 2 %, or nothing is left that could be sold.
    None,
    /// Above 2 %, at most 40 %.
    Low,
    /// Above 40 %, at most 80 %.
    Medium,
    /// Above 80 %.
    High,
}

impl Chance {
    /// What a probability is called.
    #[must_use]
    pub fn of_probability(probability: f64) -> Self {
        match probability {
            p if 0.8 < p => Self::High,
            p if 0.4 < p => Self::Medium,
            p if 0.02 < p => Self::Low,
            _ => Self::None,
        }
    }

    /// The word for it in answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// The chance that at least one unit is left when it is their turn.
#[must_use]
pub fn chance(outlook: &Outlook) -> Chance {
    Chance::of_probability(probability(outlook))
}

/// The same as a number from 0 to 1, by normal approximation.
///
/// Each of the people ahead buys with probability `conversion`, and then one unit and a Poisson number of others.
/// Both figures are themselves estimates and may be off by a tenth. Of the units held, some come back: a tenth,
/// give or take a tenth.
#[must_use]
pub fn probability(outlook: &Outlook) -> f64 {
    let people = f64::from(outlook.ahead);
    let share = if outlook.conversion.is_nan() { 1.0 } else { outlook.conversion.clamp(0.0, 1.0) };
    let units = outlook.units_per_purchase;
    let units = if units.is_nan() { 1.0 } else { units.clamp(1.0, 10_000.0) };

    let needed = people * share * units;
    let of_one = share * (units - 1.0 + units * units) - (share * units).powi(2);
    let spread = people * of_one + (DOUBT * needed).powi(2);
    // One unit has to be left; half of it, since counts are whole and a normal distribution is not.
    let left_over = f64::from(outlook.available) - needed - 0.5;

    let held = f64::from(outlook.held);
    let back = held * HELD_BACK;
    let back_spread = back * (1.0 - HELD_BACK) + back * back;
    let with_held = normal(left_over + back, spread + back_spread);
    if outlook.available == 0 {
        // However few are ahead, it cannot be likelier than that anything comes back.
        return with_held.min(1.0 - (1.0 - HELD_BACK).powf(held));
    }
    // What comes back can only help, which the tails of the approximation do not know.
    with_held.max(normal(left_over, spread))
}

/// How far off the estimates of what people take may be, as a part of it.
const DOUBT: f64 = 0.1;

/// Which part of what is held comes back unsold; also the deviation of that part.
const HELD_BACK: f64 = 0.1;

/// The probability that a normal number of this variance is not below `-distance`.
fn normal(distance: f64, variance: f64) -> f64 {
    if variance <= 0.0 {
        return if 0.0 < distance { 1.0 } else { 0.0 };
    }
    libm::erfc(-distance / (2.0 * variance).sqrt()) / 2.0
}

/// When to ask again: after a tenth of the wait, so that the first in line hear quickly and the crowd does not
/// cost much; spread by `random`, from 0 to 1, so that those who came together do not stay together.
///
/// Unit:   milliseconds. `None` as wait: it is not known.
/// Bounds: 1,000 to 39,000.
#[must_use]
pub fn poll_after_ms(eta_ms: Option<u64>, random: f64) -> u32 {
    let random = if random.is_nan() { 0.0 } else { random.clamp(0.0, 1.0) };
    let tenth_ms =
        eta_ms.map_or(POLL_MS_MAX, |eta_ms| (eta_ms / 10).clamp(POLL_MS_MIN, POLL_MS_MAX));
    (tenth_ms as f64 * (1.0 + 0.3 * random)) as u32
}

const POLL_MS_MIN: u64 = 1_000;
const POLL_MS_MAX: u64 = 30_000;

#[cfg(test)]
mod tests {
    use super::super::draw::Stream;
    use super::*;

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
    fn covered(
        seed: u8,
        doubt: f64,
        warm_up: [f64; 2],
        admit: fn(&mut Dice, &mut f64) -> u32,
    ) -> f64 {
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
            assert!(
                (told - happened).abs() < 0.06,
                "told {told}, happened {happened}, {}",
                such.len()
            );
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
}
