//! Routes of the operators' listener, which asks nobody who they are.

pub(in crate::http) mod audit;
pub(in crate::http) mod dead_letters;
pub(in crate::http) mod limits;
