//! What was acknowledged survives crashes, damage and full disks, and nothing is sold twice.
//!
//! Each of these tests has been seen to fail on a planted bug (`src/faults.rs`); where that is cheap,
//! seeing it fail is a test of its own.

#[path = "../support/mod.rs"]
mod support;

mod damage;
mod disk_full;
mod follow_log;
mod journal_fault;
mod kills;
mod shard_failure;
mod sync_order;
