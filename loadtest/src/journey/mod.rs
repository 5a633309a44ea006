//! The whole way of a buyer: reserve, book, wait for the outcome, fetch the tickets, perhaps cancel; and the
//! check afterwards that money, tickets and units balance.
//!
//! Apart from the plain flash sale because that one measures reserving alone. Here a buyer also waits for
//! somebody else's payment provider, so the speed of the whole says more about the provider.

mod answers;
mod check;
mod read;
mod roles;
pub mod story;
mod tally;
pub mod walk;

pub use self::check::Balance;
pub use self::read::check;
pub use self::roles::{JourneyOptions, Roles};
pub use self::tally::JourneyTally;
