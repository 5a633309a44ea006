//! Who asks, and whether they may: before anything else happens to a request, on every way in.
//!
//! [`Identity`] reads the credentials, asks the table of `domain::access` and, of events, whose they are. What
//! is left to the handlers is whose reservation it is, which only reading it tells: [`Caller::owns`].

mod caller;
mod credentials;
mod describe;
mod identity;
mod keys;
mod tokens;

pub use caller::{Caller, CustomerCaller, KeyCaller};
pub use describe::{describe, routes_without_a_rule};
pub use identity::{Denied, Identity};
pub use keys::KeyRing;
pub use tokens::{Algorithm, IssuerOptions, Tokens, TokensOptions};
