//! The edge: what caches, browsers, logs and collectors get to see, and what stays in the audit log.

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod cache;
mod cors;
mod headers;
mod logs;
mod series;
mod shop;
mod spans;
mod strict;
