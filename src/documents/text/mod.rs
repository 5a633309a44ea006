//! Names in every script: which font has the characters, in which order they stand, how they join, and
//! where a line ends.

mod coverage;
mod face;
mod fit;
mod fonts;
mod itemize;
mod line;

pub use fonts::{Fonts, FontsError, SkippedFont};

pub(super) use fit::{Block, Frame};
pub(super) use line::Typesetter;

/// How heavy letters are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    Regular,
    Bold,
}

impl Weight {
    /// As fonts count it, 1 to 1,000.
    fn class(self) -> f32 {
        match self {
            Self::Regular => 400.0,
            Self::Bold => 700.0,
        }
    }
}
