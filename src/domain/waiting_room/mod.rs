//! The waiting room: the line in front of one event.

pub mod draw;
pub mod estimate;
