//! Customers' tokens: JSON Web Tokens of issuers that the operator trusts.
//!
//! An issuer signs with exactly one algorithm and its keys are those of its set; nothing that a token says
//! about how to check it is believed but the name of the key. Every claim has to be there and of its type.
//! What was checked is remembered until the token ends or its issuer's keys change, for a signature costs
//! several times as much as the reservation that it is sent with.

mod claims;
mod issuer;
mod memory;
mod signature;

use std::sync::Arc;

use tokio::sync::Notify;

pub use issuer::{Algorithm, IssuerOptions};

use self::claims::Claims;
use self::issuer::Issuer;
use self::memory::{Memory, Remembered};
use super::{CustomerCaller, Denied};
use crate::domain::ids::CustomerId;
use crate::domain::time::UnixMillis;
use crate::faults;
use crate::metrics;

/// Longest token that is looked at. Unit: bytes. Those of identity providers have one to three thousand.
const TOKEN_BYTES_MAX: usize = 8_192;

/// How tokens are checked.
#[derive(Debug, Clone)]
pub struct TokensOptions {
    pub issuers: Vec<IssuerOptions>,
    /// How far clocks may be apart. Unit: seconds. Bounds: 0 to 60.
    pub leeway_s: u64,
    /// How far ahead a token may end. Unit: seconds.
    pub life_s_max: u64,
    /// Tokens that are remembered; 0: none.
    pub remembered_max: usize,
}

/// Checks tokens.
pub struct Tokens {
    issuers: Vec<Issuer>,
    leeway_s: u64,
    life_s_max: u64,
    memory: Memory,
}

impl Tokens {
    /// `seed`: 32 random bytes, by which nobody outside can tell which tokens displace each other.
    #[must_use]
    pub fn new(options: TokensOptions, seed: [u8; 32]) -> Self {
        signature::install();
        Self {
            issuers: options.issuers.into_iter().map(Issuer::new).collect(),
            leeway_s: options.leeway_s,
            life_s_max: options.life_s_max,
            memory: Memory::new(options.remembered_max, seed),
        }
    }

    /// Takes a key set (RFC 7517) in the place of the issuer's one before; `issuer` is its place in the
    /// options. Says how many keys it has that the issuer may sign with; `None`: it is the one before.
    ///
    /// # Errors
    /// What is wrong with the set; the one before stays.
    ///
    /// # Panics
    /// When there is no such issuer.
    pub fn learn(&self, issuer: usize, set: &[u8]) -> Result<Option<usize>, String> {
        self.issuers[issuer].learn(set)
    }

    /// Wakes whoever fetches the issuer's keys when a token names one that is not known.
    ///
    /// # Panics
    /// When there is no such issuer.
    #[must_use]
    pub fn wanted(&self, issuer: usize) -> Arc<Notify> {
        Arc::clone(&self.issuers[issuer].wanted)
    }

    /// Whom the token is about.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn check(&self, token: &str, now: UnixMillis) -> Result<Arc<CustomerCaller>, Denied> {
        if TOKEN_BYTES_MAX < token.len() {
            return Err(Denied::Malformed);
        }
        let now_s = now.0 / 1_000;
        let digest = self.memory.digest(token);
        if let Some(known) = self.memory.find(&digest)
            && self.issuers[known.issuer].era() == known.era
            && (now_s < known.until_s || faults::planted("ignore_exp"))
        {
            metrics::count_token("remembered");
            return Ok(Arc::clone(&known.caller));
        }
        metrics::count_token("checked");
        let at = self.issuer_of(token)?;
        let issuer = &self.issuers[at];
        // Before the keys are looked at: if they change meanwhile, nothing is remembered.
        let era = issuer.era();
        let claims = issuer.open(token)?;
        let until_s = self.check_times(&claims, now_s)?;
        // Nobody's name is nobody, however the prefix would dress it up.
        if claims.sub.is_empty() {
            return Err(Denied::Claims);
        }
        let name = format!("{}{}", issuer.options.customer_prefix, claims.sub);
        let caller = Arc::new(CustomerCaller {
            customer: CustomerId::parse(&name).map_err(|_| Denied::Claims)?,
            organizer: issuer.options.organizer.clone(),
            issuer: Arc::clone(&issuer.options.issuer),
        });
        let known = Remembered { digest, until_s, issuer: at, era, caller: Arc::clone(&caller) };
        self.memory.remember(known);
        Ok(caller)
    }

    fn issuer_of(&self, token: &str) -> Result<usize, Denied> {
        let iss = claims::issuer_of(token)?;
        let found = self.issuers.iter().position(|issuer| *issuer.options.issuer == iss);
        found.ok_or(Denied::Issuer)
    }

    /// Until when the token is good, in seconds since 1970.
    fn check_times(&self, claims: &Claims, now_s: u64) -> Result<u64, Denied> {
        let until_s = claims.exp.saturating_add(self.leeway_s);
        let latest_s = now_s.saturating_add(self.life_s_max).saturating_add(self.leeway_s);
        let is_over = until_s <= now_s && !faults::planted("ignore_exp");
        if is_over || latest_s < claims.exp {
            return Err(Denied::Expired);
        }
        if now_s.saturating_add(self.leeway_s) < claims.nbf {
            return Err(Denied::Early);
        }
        Ok(until_s)
    }
}

#[cfg(test)]
mod tests;
