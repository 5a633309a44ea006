//! The handlers: parse, submit, render.

pub(super) mod amend;
pub(super) mod bookings;
pub(super) mod bulk;
pub(super) mod checkins;
pub(super) mod draft;
pub(super) mod events;
pub(super) mod health;
pub(super) mod log;
pub(super) mod operator;
pub(super) mod pages;
pub(super) mod payments;
pub(super) mod reservations;
pub(super) mod stream;
pub(super) mod tickets;
pub(super) mod waiting_room;
