//! What stands in front of every route: from where a request comes, how often it may come, and what is
//! refused when too much comes at once.

mod address;
mod bounds;
mod class;
mod limits;
mod load;

pub use address::Proxies;
pub use bounds::BoundOptions;
pub(super) use bounds::{Asked, Bounds, Identity};
pub(super) use class::Kind;
pub use limits::LimitOptions;
pub(super) use limits::{Change, Told};
