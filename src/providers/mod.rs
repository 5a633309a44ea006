//! The services we do not own, a trait and its implementations each. They know the units of the domain and
//! nothing else of this crate: no actor, no journal, no route, no setting. Each is handed its options and
//! the time, tries once, and says how it went; when to try again is decided by whoever asked.

pub mod backoff;
pub mod breaker;
pub mod client;
pub mod jwks;
pub mod mail;
pub mod outbound;
pub mod payment;
pub mod send;
pub mod sms;
pub mod spans;
pub mod tls;
pub mod webhook;
