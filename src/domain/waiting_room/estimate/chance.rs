//! Whether there will be anything left.

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
