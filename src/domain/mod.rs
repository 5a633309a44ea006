//! The rules. Everything here is a pure function of its arguments: no clock, no disk, no network, no
//! randomness, no async. Equal journals therefore give equal states on every machine, which is what
//! recovery, the simulation and the digest rely on.
//!
//! Nothing in this folder may import another folder of this crate, nor tokio, ractor, sled or axum;
//! `tests/architecture` fails when it does.

pub mod access;
pub mod audit;
pub mod booking;
pub mod idempotency;
pub mod ids;
pub mod inventory;
pub mod limits;
pub mod message;
pub mod money;
pub mod placement;
pub mod quantity;
pub mod ticket;
pub mod time;
pub mod waiting_room;
