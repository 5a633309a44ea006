//! What is kept, and how it survives.
//!
//! The promise: when [`journal::Journal::append`] returns, the facts are on stable storage: written,
//! flushed, and `fdatasync`ed. Nothing is acknowledged before. A damaged journal is refused; only a
//! torn tail that nobody was told of may be dropped.
//!
//! Frames and keys (`frame`, `journal`, `sled_journal`, `memory_journal`) know bytes only; `record`
//! gives them meaning; `recovery` and `compactor` fold them with the rules of `domain`.

pub mod access_keys;
pub mod books;
pub mod codec;
pub mod compactor;
pub mod error;
pub mod event_log;
pub mod frame;
pub mod free_space;
pub mod journal;
pub mod memory_journal;
pub mod outbox;
pub mod record;
pub mod recovery;
pub mod sled_journal;
pub mod ticket_keys;
