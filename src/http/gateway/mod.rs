//! What stands in front of every route, on every way in, before a body is read. [`admit`] is the order: is there
//! room ([`Bounds`]), from where does the request come, who asks and may they ([`Identity`]), how often were they
//! there.
//!
//! [`Edge`] is around that: headers that browsers and caches heed, traces, the access log. Privileged changes are
//! noted durably ([`audited`]).
//!
//! What is left to the handlers is whose reservation it is, which only reading it tells: [`Caller::owns`].

mod access_log;
mod address;
mod admit;
mod audited;
mod bounds;
mod caller;
mod class;
mod cors;
mod credentials;
mod describe;
mod edge;
mod headers;
mod identity;
mod keys;
mod limits;
mod load;
mod query;
mod tokens;

pub(super) use access_log::Line;
pub use address::Proxies;
pub(super) use admit::{Admitted, Asked, admit};
pub(super) use audited::{By, audited};
pub use bounds::BoundOptions;
pub(super) use bounds::Bounds;
pub use caller::{Caller, CustomerCaller, KeyCaller};
pub use cors::CorsOptions;
pub use describe::{describe, routes_without_a_rule};
pub use edge::EdgeOptions;
pub(super) use edge::{Edge, Request};
pub use identity::{Denied, Identity};
pub use keys::KeyRing;
pub use limits::LimitOptions;
pub(super) use limits::{Change, Told};
pub(super) use query::check as check_query;
pub use tokens::{Algorithm, IssuerOptions, Tokens, TokensOptions};
