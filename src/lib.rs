//! The engine for the moment tickets go on sale. Modules in reading order.

pub mod actors;
pub mod clock;
pub mod config;
pub mod domain;
pub mod faults;
pub mod metrics;
pub mod storage;
pub mod telemetry;
