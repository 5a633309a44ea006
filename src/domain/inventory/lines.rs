//! The lines of a reservation. Nearly all have one, so that one lives without a heap block.

use crate::domain::quantity::Quantity;

/// So many units of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The pool's index in the event's terms.
    pub pool: u16,
    pub quantity: Quantity,
}

/// 1 to 100 lines, each pool at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lines {
    One(Line),
    Many(Box<[Line]>),
}

impl Lines {
    #[must_use]
    pub fn as_slice(&self) -> &[Line] {
        match self {
            Self::One(line) => std::slice::from_ref(line),
            Self::Many(lines) => lines,
        }
    }

    /// Units over all lines. Bounds: 1 to 1,000,000.
    #[must_use]
    pub fn units(&self) -> u32 {
        self.as_slice().iter().map(|line| line.quantity.units()).sum()
    }
}

impl FromIterator<Line> for Lines {
    fn from_iter<I: IntoIterator<Item = Line>>(lines: I) -> Self {
        let mut lines = lines.into_iter();
        match (lines.next(), lines.next()) {
            (Some(only), None) => Self::One(only),
            (first, second) => Self::Many(first.into_iter().chain(second).chain(lines).collect()),
        }
    }
}
