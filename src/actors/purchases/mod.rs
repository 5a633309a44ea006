//! Those who work off what events owe to the outside: money to a payment provider, messages to buyers.
//!
//! They live apart from the shards, since nothing that owns inventory may wait for somebody else's
//! server. What is owed stands in the journaled state; a worker asks a shard for the next page of it,
//! tries each entry, and tells the shard how it ended. A crash therefore forgets nothing: whatever was not
//! told is tried again, with the same key or id.

mod cashier;
mod errand;
mod letter;
mod notifier;
mod rounds;

pub use cashier::{CashierOptions, start as start_cashier};
pub use letter::{MailWay, SmsWay};
pub use notifier::{NotifierOptions, start as start_notifiers};
