//! The services we do not own, a trait and its implementations each. Nothing here knows actors, storage
//! or routes: a channel is handed its options and one message, tries it once and says how it went. When
//! to try again is the outbox's business.

pub mod client;
pub mod mail;
pub mod send;
pub mod sms;
pub mod tls;
pub mod webhook;
