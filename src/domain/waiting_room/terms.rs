//! What the operator says about a waiting room: how it is ordered, how fast it lets in, when its doors
//! open. Changed only by arrangement and replaced as a whole, so it sits behind an `Arc`.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::domain::time::UnixMillis;

/// A waiting room as its operator describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomTerms {
    pub mode: RoomMode,
    pub method: Method,
    /// When the pre-queue ends and the line begins to move; absent: at once.
    pub doors_at: Option<UnixMillis>,
    /// Most passes. Unit: passes a minute. Bounds: 1 to 10,000,000.
    pub rate_per_minute: u32,
    /// Most fans who may shop at one time: passes that may still be used, and live reservations that
    /// were made with one. Bounds: 1 to 10,000,000.
    pub active_max: u32,
    /// How long a pass may be used. Unit: seconds. Bounds: 10 to 3,600.
    pub pass_seconds: u32,
    /// How long one who missed their turn may come back, once. Unit: seconds. Bounds: 0 to 86,400;
    /// 0: never.
    pub return_seconds: u32,
    /// How long after a missed poll a fan counts as gone. Unit: seconds. Bounds: 10 to 3,600.
    pub absent_seconds: u32,
    /// What one pass is expected to buy. Unit: hundredths of a unit. Bounds: 1 to 1,000,000.
    pub units_per_pass_hundredths: u32,
    /// What wakes a room in the mode `auto`. Unit: reservations asked a second. Bounds: 1 to 10,000,000.
    pub auto_per_second: u32,
    /// Nobody is let in while this is set; everybody keeps their place.
    pub paused: bool,
    pub ending: Ending,
    /// What the operator tells everybody in line. Bounds: 1 to 500 characters.
    pub message: Option<Arc<str>>,
    /// Whether who joins must first solve a challenge.
    pub challenge: bool,
    /// The public randomness that the draw will use, in words. Bounds: 1 to 200 characters.
    pub beacon: Option<Arc<str>>,
    /// What it turned out to be; the doors of a room with a beacon stay shut without it. Bounds: 1 to 200
    /// characters.
    pub beacon_value: Option<Arc<str>>,
    /// Sorted by digest, each once. Bounds: 0 to [`RoomTerms::CODES_MAX`].
    pub codes: Vec<CodeTerms>,
    /// A room in the mode `auto` that demand has woken.
    pub awake: bool,
    /// 1 when made, one more with each arrangement; what `If-Match` compares. Waking is none.
    pub revision: u64,
}

/// Whether there is a line at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomMode {
    Off,
    On,
    /// On when demand asks for it.
    Auto,
}

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Those who came before the doors are drawn, later ones stand behind them in order.
    Draw,
    /// First come, first served.
    Fifo,
    /// Each pass goes to any of those who wait; nobody is told a place.
    Random,
    /// No pass is asked for.
    Passthrough,
    /// Nobody may join.
    Reject,
}

/// How the line is brought to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    None,
    /// Nobody may join; when nobody waits any more, no pass is asked for.
    Drain,
    /// Nobody may join and nobody is let in.
    Close,
}

/// One code that brings forward whoever knows it. The code itself is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeTerms {
    pub digest: [u8; 16],
    /// How many may use it; absent: any number. Bounds: 1 and more.
    pub uses_max: Option<u32>,
}

/// Part of the seal that an entrant is drawn in: all of one tier go before all of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Came with a code.
    Priority = 0,
    General = 1,
    /// Looks like a bot. Never dropped, only later.
    Suspect = 2,
}

impl RoomTerms {
    pub const PER_MINUTE: RangeInclusive<u32> = 1..=10_000_000;
    pub const ACTIVE_MAX: RangeInclusive<u32> = 1..=10_000_000;
    pub const PASS_SECONDS: RangeInclusive<u32> = 10..=3_600;
    pub const RETURN_SECONDS: RangeInclusive<u32> = 0..=86_400;
    pub const ABSENT_SECONDS: RangeInclusive<u32> = 10..=3_600;
    pub const UNITS_PER_PASS_HUNDREDTHS: RangeInclusive<u32> = 1..=1_000_000;
    pub const AUTO_PER_SECOND: RangeInclusive<u32> = 1..=10_000_000;
    pub const MESSAGE_CHARACTERS: RangeInclusive<usize> = 1..=500;
    pub const BEACON_CHARACTERS: RangeInclusive<usize> = 1..=200;
    pub const CODES_MAX: usize = 20_000;

    /// The first field that is out of its bounds, by its name in bodies.
    #[must_use]
    pub fn out_of_bounds(&self) -> Option<&'static str> {
        let beacon =
            |text: &Option<Arc<str>>| fits(text, Self::BEACON_CHARACTERS, |c| !c.is_control());
        let message =
            fits(&self.message, Self::MESSAGE_CHARACTERS, |c| c == '\n' || !c.is_control());
        let sorted = self.codes.windows(2).all(|pair| pair[0].digest < pair[1].digest);
        let codes = sorted
            && self.codes.len() <= Self::CODES_MAX
            && self.codes.iter().all(|code| code.uses_max != Some(0));
        let checks = [
            (Self::PER_MINUTE.contains(&self.rate_per_minute), "rate_per_minute"),
            (Self::ACTIVE_MAX.contains(&self.active_max), "active_max"),
            (Self::PASS_SECONDS.contains(&self.pass_seconds), "pass_seconds"),
            (Self::RETURN_SECONDS.contains(&self.return_seconds), "return_seconds"),
            (Self::ABSENT_SECONDS.contains(&self.absent_seconds), "absent_seconds"),
            (
                Self::UNITS_PER_PASS_HUNDREDTHS.contains(&self.units_per_pass_hundredths),
                "units_per_pass",
            ),
            (Self::AUTO_PER_SECOND.contains(&self.auto_per_second), "auto_per_second"),
            (message, "message"),
            (beacon(&self.beacon), "beacon"),
            (beacon(&self.beacon_value), "beacon_value"),
            // A value without an announcement could be any.
            (self.beacon.is_some() || self.beacon_value.is_none(), "beacon_value"),
            (codes, "codes"),
        ];
        checks.into_iter().find(|(fits, _)| !fits).map(|(_, field)| field)
    }

    /// Where in `codes` the code with this digest stands.
    #[must_use]
    pub fn code_index(&self, digest: &[u8; 16]) -> Option<u16> {
        let index = self.codes.binary_search_by(|code| code.digest.cmp(digest)).ok()?;
        u16::try_from(index).ok()
    }
}

/// Whether a text, if there is one, has so many characters, all of this kind: it is shown to people as it is.
fn fits(text: &Option<Arc<str>>, bounds: RangeInclusive<usize>, kind: fn(char) -> bool) -> bool {
    text.as_deref()
        .is_none_or(|text| bounds.contains(&text.chars().count()) && text.chars().all(kind))
}

impl Default for RoomTerms {
    fn default() -> Self {
        Self {
            mode: RoomMode::On,
            method: Method::Draw,
            doors_at: None,
            rate_per_minute: 600,
            active_max: 1_000,
            pass_seconds: 120,
            return_seconds: 600,
            absent_seconds: 60,
            units_per_pass_hundredths: 200,
            auto_per_second: 100,
            paused: false,
            ending: Ending::None,
            message: None,
            challenge: false,
            beacon: None,
            beacon_value: None,
            codes: Vec::new(),
            awake: false,
            revision: 1,
        }
    }
}

impl RoomMode {
    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Auto => "auto",
        }
    }
}

impl Method {
    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draw => "draw",
            Self::Fifo => "fifo",
            Self::Random => "random",
            Self::Passthrough => "passthrough",
            Self::Reject => "reject",
        }
    }

    /// Whether a line can be put in order by it.
    #[must_use]
    pub fn orders(self) -> bool {
        matches!(self, Self::Draw | Self::Fifo | Self::Random)
    }
}

impl Ending {
    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Drain => "drain",
            Self::Close => "close",
        }
    }
}

impl Tier {
    /// From the number in records and proofs.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Priority),
            1 => Some(Self::General),
            2 => Some(Self::Suspect),
            _ => None,
        }
    }

    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::General => "general",
            Self::Suspect => "suspect",
        }
    }
}
