//! Were the chances and the waits true that fans were told?

use super::fan::{Fan, NONE, mark};
use super::roles::Role;

/// Words for a chance, and the middle of what each stands for (docs of the waiting room: above 80 %, above
/// 40 %, above 2 %, less).
const CHANCES: [(&str, f64); 4] = [("high", 0.9), ("medium", 0.6), ("low", 0.21), ("none", 0.01)];

/// As kept in a fan; `None`: there is no such chance.
pub fn index(word: &str) -> Option<u8> {
    let at = CHANCES.iter().position(|(known, _)| *known == word)?;
    u8::try_from(at).ok()
}

/// Whether it is as good as none.
pub fn is_none(index: u8) -> bool {
    usize::from(index) == CHANCES.len() - 1
}

/// What became of the first chances that were told to those who stayed whatever it was.
#[derive(Debug, Default, PartialEq)]
pub struct Calibration {
    /// By word: how many were told, how many of them got something.
    pub told: [(u64, u64); CHANCES.len()],
    /// Mean over fans of the mean squared error of all that they were told; 0 is perfect.
    pub brier: f64,
    /// The same for what they were told first.
    pub brier_first: f64,
    /// The same for somebody who knows the share of all who get something, and nothing else.
    pub brier_of_mean: f64,
}

impl Calibration {
    /// `None`: nobody stayed, or nobody knows yet what becomes of them.
    pub fn of<'a>(fans: impl Iterator<Item = &'a Fan>) -> Option<Self> {
        let mut found = Self::default();
        let mut errors = [0.0, 0.0];
        for fan in fans.filter(|fan| fan.role == Role::Stubborn && fan.is(mark::ENDED)) {
            let Some(told) = found.told.get_mut(usize::from(fan.chance)) else { continue };
            let got = f64::from(u8::from(fan.is(mark::BOUGHT)));
            told.0 += 1;
            told.1 += u64::from(fan.is(mark::BOUGHT));
            let error = |chance: f64| (got - chance).powi(2);
            let all = fan.chances.iter().zip(CHANCES);
            let sum: f64 = all.map(|(count, (_, chance))| f64::from(*count) * error(chance)).sum();
            let count: f64 = fan.chances.iter().copied().map(f64::from).sum();
            errors[0] += sum / count.max(1.0);
            errors[1] += error(CHANCES[usize::from(fan.chance)].1);
        }
        let told = found.told.iter().fold((0, 0), |all, told| (all.0 + told.0, all.1 + told.1));
        #[expect(clippy::cast_precision_loss, reason = "fans are far fewer than 2^52")]
        let (all, got) = (told.0 as f64, told.1 as f64);
        if told.0 == 0 {
            return None;
        }
        let mean = got / all;
        (found.brier, found.brier_first) = (errors[0] / all, errors[1] / all);
        found.brier_of_mean = mean * (1.0 - mean);
        Some(found)
    }

    /// What is wrong: what was told to be likelier came true less often, or to know nothing would have been
    /// better than to be told.
    pub fn complaint(&self) -> Option<&'static str> {
        #[expect(clippy::cast_precision_loss, reason = "fans are far fewer than 2^52")]
        let share = |(told, got): &(u64, u64)| *got as f64 / *told as f64;
        let known: Vec<f64> =
            self.told.iter().filter(|(told, _)| FEW <= *told).map(share).collect();
        if known.windows(2).any(|pair| pair[0] + SLACK < pair[1]) {
            return Some("what was told to be likelier came true less often");
        }
        let best = self.brier_of_mean.max(BRIER_GOOD) + SLACK;
        (best < self.brier).then_some("who knew the mean alone knew more")
    }

    /// For people.
    pub fn line(&self) -> String {
        let each = CHANCES.iter().zip(self.told);
        let each: Vec<String> =
            each.map(|((word, _), (told, got))| format!("{word} {got} of {told}")).collect();
        let (brier, first, mean) = (self.brier, self.brier_first, self.brier_of_mean);
        format!(
            "Brier {brier:.4}, of what was told first {first:.4}, of the mean alone {mean:.4}; got one \
             when told first {}",
            each.join(", ")
        )
    }
}

/// A share of fewer than so many says nothing.
const FEW: u64 = 5;
/// Of a share or a score. When nearly everybody leaves who is told to, what comes back goes to the few who
/// stay, and nobody could know that before.
const SLACK: f64 = 0.1;
/// A Brier score that is good whatever the mean is.
const BRIER_GOOD: f64 = 0.05;

/// Waits that were told first, against what they were.
#[derive(Debug, Default)]
pub struct Waits {
    /// Told and real. Unit: seconds.
    pub pairs: Vec<(f64, f64)>,
    /// Real ones between the low and the high that was told.
    pub inside: u64,
}

impl Waits {
    /// Of everybody who was let in and was never away.
    pub fn of<'a>(fans: impl Iterator<Item = &'a Fan>, pass_seconds: u32) -> Self {
        let mut waits = Self::default();
        let known =
            |fan: &&Fan| fan.told_at != NONE && fan.pass_ends != NONE && !fan.is(mark::WAS_AWAY);
        for fan in fans.filter(known) {
            let let_in = f64::from(fan.pass_ends) / 1e3 - f64::from(pass_seconds);
            let real = (let_in - f64::from(fan.told_at) / 1e3).max(0.0);
            // A pass ends on a whole second, so the moment is known to a second.
            let inside = f64::from(fan.low) - 1.0 <= real && real <= f64::from(fan.high) + 1.0;
            waits.inside += u64::from(inside);
            waits.pairs.push((f64::from(fan.mid), real));
        }
        waits
    }

    /// Error of the middle, to what the wait was, at this quantile; waits under 5 s count as 5 s.
    pub fn error(&self, quantile: f64) -> Option<f64> {
        let relative = |(told, real): &(f64, f64)| (told - real).abs() / real.max(5.0);
        let mut errors: Vec<f64> = self.pairs.iter().map(relative).collect();
        errors.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in a list"
        )]
        let at = (errors.len().saturating_sub(1) as f64 * quantile) as usize;
        errors.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(word: &str, got: bool) -> Fan {
        let mut fan = Fan::new(Role::Stubborn);
        fan.chance = index(word).expect("a chance");
        fan.chances[usize::from(fan.chance)] = 2;
        fan.set(mark::ENDED | if got { mark::BOUGHT } else { 0 });
        fan
    }

    #[test]
    fn true_chances_beat_the_mean_and_turned_ones_do_not() {
        let mut fans = vec![told("high", true); 9];
        fans.extend(vec![told("none", false); 90]);
        let right = Calibration::of(fans.iter()).expect("some");
        assert!(right.brier < right.brier_of_mean / 10.0, "{right:?}");
        let mut fans = vec![told("none", true); 9];
        fans.extend(vec![told("high", false); 90]);
        let wrong = Calibration::of(fans.iter()).expect("some");
        assert!(wrong.brier_of_mean < wrong.brier, "{wrong:?}");
        assert!(right.complaint().is_none() && wrong.complaint().is_some());
        let plain = Fan { role: Role::Plain, ..told("high", true) };
        assert_eq!(Calibration::of([plain].iter()), None, "who would have left proves nothing");
    }

    #[test]
    fn a_wait_is_inside_of_its_band_or_not() {
        let fan = |ends: u32| Fan {
            told_at: 10_000,
            low: 20,
            mid: 30,
            high: 40,
            pass_ends: ends,
            ..Fan::new(Role::Plain)
        };
        let waits =
            Waits::of([fan(10_000 + 30_000 + 60_000), fan(10_000 + 60_000 + 60_000)].iter(), 60);
        assert_eq!((waits.inside, waits.pairs.len()), (1, 2));
        assert!(waits.error(1.0).is_some_and(|error| (error - 0.5).abs() < 1e-9));
    }
}
