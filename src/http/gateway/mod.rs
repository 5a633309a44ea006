//! What stands in front of every route, on every way in, before a body is read. [`admit`] is the order: is there
//! room ([`Bounds`]), from where does the request come, who asks and may they ([`Identity`]), how often were they
//! there.
//!
//! What is left to the handlers is whose reservation it is, which only reading it tells: [`Caller::owns`].

mod address;
mod admit;
mod bounds;
mod caller;
mod class;
mod credentials;
mod describe;
mod identity;
mod keys;
mod limits;
mod load;
mod tokens;

pub use address::Proxies;
pub(super) use admit::{Admitted, Asked, admit};
pub use bounds::BoundOptions;
pub(super) use bounds::Bounds;
pub use caller::{Caller, CustomerCaller, KeyCaller};
pub use describe::{describe, routes_without_a_rule};
pub use identity::{Denied, Identity};
pub use keys::KeyRing;
pub use limits::LimitOptions;
pub(super) use limits::{Change, Told};
pub use tokens::{Algorithm, IssuerOptions, Tokens, TokensOptions};
