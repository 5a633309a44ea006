//! The engine for the moment tickets go on sale. Modules in reading order.

pub mod domain;
