//! What one event can sell, and everything that may happen to it.
//!
//! ```text
//!   Command ── decide(state, command, now) ──> Fact ── apply(state, fact) ──> state'
//!                      └──> Refusal (changes nothing, never journaled)
//!
//!   a reservation:   HELD ──> BOOKED   (being bought, or bought: see domain/booking)
//!                      ├────> RELEASED (given back)
//!                      └────> EXPIRED  (not bought in time)
//! ```
//!
//! `decide` changes nothing and may refuse; `apply` refuses nothing and is all that recovery runs.

mod answers;
mod apply;
mod book;
mod buy;
mod command;
mod customers;
mod decide;
mod entry;
mod fact;
mod laws;
mod lines;
mod outbox;
mod passes;
mod pool;
mod refusal;
mod settle;
mod snapshot;
mod state;
mod terms;

pub use answers::AnswerMemory;
pub use apply::apply;
pub use book::{Reservation, Status};
pub use command::{Amend, Change, Command, Create, Pass, Reserve};
pub use customers::Customer;
pub use decide::{Decision, create, decide};
pub use entry::{Entry, Happened, ReservationName};
pub use fact::{Amended, Booked, Created, Fact, Reserved};
pub use laws::{BrokenLaw, Digest};
pub use lines::{Line, Lines};
pub use outbox::{Letter, OutboxDepth, OutboxDepths};
pub use passes::Passes;
pub use pool::PoolCounts;
pub use refusal::Refusal;
pub use snapshot::{EventSnapshot, PassesSnapshot, PurchaseSnapshot, ReservationSnapshot};
pub use state::{BookingReceipt, EXPIRED_PER_FACT_MAX, Inventory, Receipt};
pub use terms::{BookingTerms, EventTerms, PoolTerms, SaleState, SaleTerms};

#[cfg(test)]
mod tests;
