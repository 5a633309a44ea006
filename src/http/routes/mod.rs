//! The handlers: parse, submit, render.

pub(super) mod amend;
pub(super) mod bulk;
pub(super) mod draft;
pub(super) mod events;
pub(super) mod health;
pub(super) mod pages;
pub(super) mod reservations;
