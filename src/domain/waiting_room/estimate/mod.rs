//! What a fan may be told of the future: how long it will take, whether there will be anything left, and when to
//! ask again. Estimates, so floating point is allowed here, and for the same reason nothing of it may reach a
//! fact: the last digit may differ between machines.

mod chance;
mod rate;
#[cfg(test)]
mod tests;
mod wait;

pub use chance::{Chance, Outlook, chance, probability};
pub use rate::{Pace, Rate, expected};
pub use wait::{Eta, NoEta, eta, poll_after_ms};
