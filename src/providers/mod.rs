//! Services we do not own: a trait for each kind, and its implementations. They know the units of the
//! domain and nothing else of this crate: no actor, no journal, no route, no setting. Each takes a struct
//! of options, and gets the time as an argument.

pub mod backoff;
pub mod breaker;
pub mod outbound;
pub mod payment;
