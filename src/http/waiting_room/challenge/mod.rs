//! Challenges: a proof of work in the ALTCHA protocol, version 2, as the npm widget `altcha` solves it.
//!
//! Whoever joins must find a number whose PBKDF2 key begins with three zeros: 4,096 attempts on average, of as
//! many rounds as the join rate asks for. Making one costs us a MAC, checking one a single attempt. A funded
//! farm is not stopped by it, but pays for each join. A challenge is bound to its event, ends, and is used
//! once; the key is this start's own, so that a restart, which forgets what was used, ends all of them.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use altcha::{
    Challenge, CreateChallengeOptions, Payload, VerifySolutionOptions, create_challenge,
    verify_solution,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::config::WaitingRoomConfig;
use crate::domain::ids::{EventId, EventNumber};
use crate::domain::time::UnixMillis;
use crate::faults;

/// Hexadecimal digits with which a key must begin.
const PREFIX: &str = "000";
const ALGORITHM: &str = "PBKDF2/SHA-256";
/// Longest payload; the widget's have some 700 characters.
const PAYLOAD_CHARS_MAX: usize = 4_096;
/// Age at which a join rate counts half. Unit: seconds.
const HALF_LIFE: f64 = 5.0;

/// Why a solution is not taken. The words for `reason` in bodies are a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeError {
    #[error("this room asks for a solved challenge in `altcha`")]
    Missing,
    #[error("this is no solution of a challenge")]
    Malformed,
    #[error("the challenge is not one of ours, or from before a restart")]
    Unknown,
    #[error("the challenge was made for another event")]
    OtherEvent,
    #[error("the challenge has ended")]
    Ended,
    #[error("the solution is wrong")]
    Wrong,
    #[error("the challenge was used before")]
    Used,
    /// Too many were solved lately for all to be remembered.
    #[error("too many challenges were solved lately")]
    Full,
}

impl ChallengeError {
    /// The word in bodies.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::OtherEvent => "other_event",
            Self::Ended => "ended",
            Self::Wrong => "wrong",
            Self::Used => "used",
            Self::Full => "full",
        }
    }
}

/// Makes challenges and checks solutions.
pub struct Challenges {
    secret: String,
    life_ms: u64,
    cost_min: u32,
    cost_max: u32,
    joins_per_second: u32,
    used: Mutex<Used>,
    /// Join rate by event, over some seconds, and when it was looked at.
    rates: Mutex<BTreeMap<EventNumber, (f64, UnixMillis)>>,
}

impl Challenges {
    pub fn new(config: &WaitingRoomConfig) -> Self {
        let life_ms = u64::try_from(config.challenge_life.as_millis()).unwrap_or(u64::MAX);
        Self {
            secret: hex::encode(rand::random::<[u8; 32]>()),
            life_ms,
            cost_min: config.challenge_cost_min,
            cost_max: config.challenge_cost_max,
            joins_per_second: config.challenge_joins_per_second,
            used: Mutex::new(Used::new(config.challenges_used_max, life_ms)),
            rates: Mutex::default(),
        }
    }

    /// A challenge for whoever wants to join now; `joins` came in the last second.
    ///
    /// # Errors
    /// What the library says; none with what it is given here.
    pub fn issue(
        &self,
        (event, number): (&EventId, EventNumber),
        joins: u32,
        now: UnixMillis,
    ) -> altcha::Result<Challenge> {
        let ends = now.plus_millis(self.life_ms).0 / 1_000;
        create_challenge(CreateChallengeOptions {
            algorithm: ALGORITHM.to_owned(),
            cost: self.cost(self.rate(number, joins, now)),
            data: Some([("event".to_owned(), event.as_str().into())].into()),
            expires_at: i64::try_from(ends).ok(),
            hmac_signature_secret: Some(self.secret.clone()),
            key_prefix: PREFIX.to_owned(),
            ..CreateChallengeOptions::default()
        })
    }

    /// Takes a solution, as the widget posts it: base64 of JSON. It is used from then on.
    ///
    /// # Errors
    /// [`ChallengeError`]; the challenge may still be used then, unless it says otherwise.
    pub fn take(
        &self,
        event: &EventId,
        payload: &str,
        now: UnixMillis,
    ) -> Result<(), ChallengeError> {
        if PAYLOAD_CHARS_MAX < payload.len() {
            return Err(ChallengeError::Malformed);
        }
        let json = BASE64_STANDARD.decode(payload).map_err(|_| ChallengeError::Malformed)?;
        let Payload { challenge, solution } =
            serde_json::from_slice(&json).map_err(|_| ChallengeError::Malformed)?;
        // What costs little comes first: an attempt is only made for a challenge of ours that is good.
        let id = id_of(&challenge).ok_or(ChallengeError::Unknown)?;
        let of_event = challenge.parameters.data.as_ref().and_then(|data| data.get("event"));
        if of_event.and_then(|event| event.as_str()) != Some(event.as_str()) {
            return Err(ChallengeError::OtherEvent);
        }
        let ends = challenge.parameters.expires_at.and_then(|ends| u64::try_from(ends).ok());
        if ends.is_none_or(|ends| ends <= now.0 / 1_000) {
            return Err(ChallengeError::Ended);
        }
        let again = faults::planted("challenge_again");
        if !again {
            self.lock_used(|used| used.look(id, now))?;
        }
        let asked = VerifySolutionOptions::new(&challenge, &solution, self.secret.as_str());
        let result = verify_solution(asked).map_err(|_| ChallengeError::Unknown)?;
        if !result.verified {
            let ours = result.invalid_signature == Some(false);
            return Err(match (result.expired, ours) {
                (true, _) => ChallengeError::Ended,
                (false, true) => ChallengeError::Wrong,
                (false, false) => ChallengeError::Unknown,
            });
        }
        if again { Ok(()) } else { self.lock_used(|used| used.take(id, now)) }
    }

    fn cost(&self, rate: f64) -> u32 {
        let times = 1.0 + rate / f64::from(self.joins_per_second);
        let cost = f64::from(self.cost_min) * times;
        (cost as u32).clamp(self.cost_min, self.cost_max)
    }

    fn rate(&self, event: EventNumber, joins: u32, now: UnixMillis) -> f64 {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let (rate, seen) = rates.entry(event).or_insert((0.0, UnixMillis(0)));
        let seconds = now.0.saturating_sub(seen.0) as f64 / 1_000.0;
        *rate += (1.0 - (-seconds / HALF_LIFE).exp2()) * (f64::from(joins) - *rate);
        *seen = now.max(*seen);
        *rate
    }

    fn lock_used<T>(&self, with: impl FnOnce(&mut Used) -> T) -> T {
        with(&mut self.used.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The first half of the signature tells challenges apart: nobody but us can make a second one.
fn id_of(challenge: &Challenge) -> Option<u64> {
    let digits = challenge.signature.as_deref()?.get(..16)?;
    let is_small_hex = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_small_hex.then(|| u64::from_str_radix(digits, 16).ok())?
}

/// Challenges that were used, until they have surely ended: two halves, of which the older one is dropped as
/// a whole.
struct Used {
    young: HashSet<u64>,
    old: HashSet<u64>,
    max: usize,
    life_ms: u64,
    turned: UnixMillis,
}

impl Used {
    fn new(max: usize, life_ms: u64) -> Self {
        let (young, old) = (HashSet::new(), HashSet::new());
        // Ends are told in whole seconds.
        Self { young, old, max, life_ms: life_ms + 1_000, turned: UnixMillis(0) }
    }

    fn look(&mut self, id: u64, now: UnixMillis) -> Result<(), ChallengeError> {
        let since = now.0.saturating_sub(self.turned.0);
        if self.life_ms <= since {
            // Whatever is in the old half was used before the last turn.
            self.old = std::mem::take(&mut self.young);
            if 2 * self.life_ms <= since {
                self.old = HashSet::new();
            }
            self.turned = now;
        }
        if self.young.contains(&id) || self.old.contains(&id) {
            Err(ChallengeError::Used)
        } else if self.max <= self.young.len() + self.old.len() {
            Err(ChallengeError::Full)
        } else {
            Ok(())
        }
    }

    fn take(&mut self, id: u64, now: UnixMillis) -> Result<(), ChallengeError> {
        self.look(id, now)?;
        self.young.insert(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
