//! What will happen to a charge or refund: a pure function of the seed, its key and its token. It is the
//! simulation's long memory: whoever asks again after a restart meets the same end.

use std::time::Duration;

use super::super::{Charge, ChargeState};
use super::options::SimulatedOptions;

/// Tokens that decide by themselves, for trying it out; every other token leaves it to the rates.
pub const TOKENS: &[(&str, &str)] = &[
    ("tok_visa", "succeeds at once"),
    ("tok_declined", "is declined: card_declined"),
    ("tok_insufficient_funds", "is declined: insufficient_funds"),
    ("tok_timeout", "times out when first asked for, and was made"),
    (
        "tok_timeout_lost",
        "times out when first asked for, and was not made; asked again it succeeds",
    ),
    ("tok_timeout_declined", "times out when first asked for, and was declined"),
    ("tok_processing", "is under way first, then succeeds"),
    ("tok_processing_declined", "is under way first, then is declined: card_declined"),
    ("tok_duplicate", "succeeds, and its webhook comes twice"),
    ("tok_late", "succeeds, and its webhook comes late"),
    ("tok_refund_fails", "succeeds, and its refund fails"),
];

/// How it ends, and what happens on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub latency: Duration,
    /// Whether the first asker waits in vain.
    pub timeout: Option<Timeout>,
    pub is_async: bool,
    /// Why it is declined, if it is.
    pub decline: Option<&'static str>,
    pub is_duplicate: bool,
    pub is_late: bool,
    pub refund_fails: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timeout {
    /// The answer was lost.
    AfterDoing,
    /// The question was lost.
    BeforeDoing,
}

impl Plan {
    pub fn of_charge(options: &SimulatedOptions, charge: &Charge) -> Self {
        let by_rates = Self::of_key(options, &charge.key);
        let sure = Self {
            timeout: None,
            is_async: false,
            decline: None,
            is_duplicate: false,
            is_late: false,
            ..by_rates
        };
        let declined = Some("card_declined");
        match charge.token.as_str() {
            "tok_visa" => sure,
            "tok_declined" => Self { decline: declined, ..sure },
            "tok_insufficient_funds" => Self { decline: Some("insufficient_funds"), ..sure },
            "tok_timeout" => Self { timeout: Some(Timeout::AfterDoing), ..sure },
            "tok_timeout_lost" => Self { timeout: Some(Timeout::BeforeDoing), ..sure },
            "tok_timeout_declined" => {
                Self { timeout: Some(Timeout::AfterDoing), decline: declined, ..sure }
            }
            "tok_processing" => Self { is_async: true, ..sure },
            "tok_processing_declined" => Self { is_async: true, decline: declined, ..sure },
            "tok_duplicate" => Self { is_duplicate: true, ..sure },
            "tok_late" => Self { is_late: true, ..sure },
            "tok_refund_fails" => Self { refund_fails: true, ..sure },
            _ => by_rates,
        }
    }

    /// Also the plan of a refund: refunds are not declined.
    pub fn of_key(options: &SimulatedOptions, key: &str) -> Self {
        let roll = |about: &str| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&options.seed.to_le_bytes()).update(about.as_bytes()).update(&[0]);
            let digest = hasher.update(key.as_bytes()).finalize();
            let head = digest.as_bytes()[..8].try_into().expect("eight of 32 bytes");
            u64::from_le_bytes(head)
        };
        let happens = |about, permille: u16| roll(about) % 1_000 < u64::from(permille);
        let span_us = (options.latency_max - options.latency_min).as_micros();
        let extra_us = u128::from(roll("latency")) % (span_us + 1);
        let timeout = happens("timeout", options.timeouts_permille).then(|| {
            if roll("done") % 2 == 0 { Timeout::AfterDoing } else { Timeout::BeforeDoing }
        });
        Self {
            latency: options.latency_min
                + Duration::from_micros(u64::try_from(extra_us).unwrap_or(u64::MAX)),
            timeout,
            is_async: happens("async", options.asyncs_permille),
            decline: happens("decline", options.declines_permille).then_some("card_declined"),
            is_duplicate: happens("duplicate", options.duplicates_permille),
            is_late: happens("late", options.late_permille),
            refund_fails: false,
        }
    }

    pub fn end(&self) -> ChargeState {
        match self.decline {
            Some(reason) => ChargeState::Declined { reason: reason.to_owned() },
            None => ChargeState::Succeeded,
        }
    }
}

/// The name of a charge: from its key, so that it is the same after a restart. What its refund will
/// meet has to stand in it, since a refund does not bring the token.
pub(super) fn provider_id(options: &SimulatedOptions, charge: &Charge) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&options.seed.to_le_bytes()).update(b"id\0").update(charge.key.as_bytes());
    let digest = hasher.finalize().to_hex();
    let refund_fails = Plan::of_charge(options, charge).refund_fails;
    format!("{ID_START}{}{}", &digest[..24], if refund_fails { REFUND_FAILS } else { "" })
}

/// Whether `id` could be one of ours, and whether its refund fails.
pub(super) fn read_id(id: &str) -> Option<bool> {
    let rest = id.strip_prefix(ID_START)?;
    let (digest, refund_fails) = match rest.strip_suffix(REFUND_FAILS) {
        Some(digest) => (digest, true),
        None => (rest, false),
    };
    let is_digest = digest.len() == 24 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    is_digest.then_some(refund_fails)
}

const ID_START: &str = "sim_";
const REFUND_FAILS: &str = "_norefund";
