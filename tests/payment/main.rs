//! Payment providers against a stand-in over real sockets: every way in which an answer can be lost, and
//! that money moves once all the same.

#[path = "../support/stripe/mod.rs"]
mod stripe_stand_in;

mod guarded;
mod official;
mod refunds;
mod stripe;

use std::time::Duration;

use onsale::domain::money::{Currency, Money};
use onsale::domain::time::UnixMillis;
use onsale::providers::payment::stripe::{Stripe, StripeOptions};
use onsale::providers::payment::{
    Charge, ChargeReport, ChargeState, ProviderError, Reference, Refund,
};

use stripe_stand_in::{SECRET_KEY, StripeStandIn, WEBHOOK_SECRET};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn eur(amount: u64) -> Money {
    Money { amount, currency: Currency::parse("EUR").expect("three letters") }
}

fn charge(booking: &str, token: &str) -> Charge {
    let reference =
        Reference { event: "concert-a".to_owned(), booking: booking.to_owned(), attempt: 1 };
    Charge {
        key: format!("charge-{booking}-1"),
        reference,
        amount: eur(4_500),
        method: "card".to_owned(),
        token: token.to_owned(),
    }
}

fn refund(charge: &Charge, provider_id: &str) -> Refund {
    Refund {
        key: format!("refund-{}", charge.reference.booking),
        reference: charge.reference.clone(),
        provider_id: provider_id.to_owned(),
        amount: charge.amount,
    }
}

/// The provider as it would be set up, with little patience.
fn stripe(base_url: &str) -> Stripe {
    let mut options = StripeOptions::new(SECRET_KEY, vec![WEBHOOK_SECRET.to_owned()]);
    options.base_url = base_url.to_owned();
    options.timeout = Duration::from_millis(300);
    Stripe::new(options).expect("good options")
}

async fn both() -> (StripeStandIn, Stripe) {
    let stand_in = StripeStandIn::start().await;
    let stripe = stripe(&stand_in.url);
    (stand_in, stripe)
}

fn succeeded(provider_id: &str) -> ChargeReport {
    ChargeReport { provider_id: provider_id.to_owned(), state: ChargeState::Succeeded }
}

fn declined(provider_id: &str, reason: &str) -> ChargeReport {
    let state = ChargeState::Declined { reason: reason.to_owned() };
    ChargeReport { provider_id: provider_id.to_owned(), state }
}

#[track_caller]
fn assert_unknown<T: std::fmt::Debug>(answer: &Result<T, ProviderError>) {
    assert!(matches!(answer, Err(ProviderError::Unknown { .. })), "{answer:?}");
}

#[track_caller]
fn assert_not_done<T: std::fmt::Debug>(answer: &Result<T, ProviderError>) {
    assert!(matches!(answer, Err(ProviderError::NotDone { .. })), "{answer:?}");
}
