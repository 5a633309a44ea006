//! The cashier: takes the money that bookings owe, learns what became of payments that nobody answered
//! for, and gives money back.
//!
//! A time-out is not a failure: the outcome is unknown, so the provider is asked before anything is
//! decided. The key of a charge is made of the event and the booking, so however often it is tried, and by
//! how many processes, the card is charged once.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ractor::SpawnErr;

use super::errand::Ending;
use super::rounds::{self, Pace, Work};
use crate::actors::mailbox::SubmitError;
use crate::actors::router::Router;
use crate::actors::shard::{self, Owing, Page, Place};
use crate::domain::booking::{Owed, PaymentOutcome, PaymentStatus};
use crate::domain::ids::{ReservationId, ShardId};
use crate::domain::inventory::Command;
use crate::faults;
use crate::metrics::PurchaseMetrics;
use crate::providers::backoff::Backoff;
use crate::providers::payment::{
    Charge, ChargeReport, ChargeState, PaymentProvider, ProviderError, Reference, Refund,
    RefundState,
};

/// How the cashier works.
#[derive(Debug, Clone, Copy)]
pub struct CashierOptions {
    /// Calls to the provider under way at the most.
    pub concurrency: usize,
    /// Calls begun in one second at the most.
    pub per_second: NonZeroU32,
    /// Rest after a call that brought nothing.
    pub backoff: Backoff,
}

/// From the end of one look at what is owed to the next.
const LOOK_EVERY: Duration = Duration::from_millis(20);

struct Cashier {
    router: Arc<Router>,
    provider: Arc<dyn PaymentProvider>,
    options: CashierOptions,
    metrics: PurchaseMetrics,
}

/// Starts the cashier; it ends when its actor is stopped.
///
/// # Errors
/// When the actor does not start.
pub async fn start(
    router: Arc<Router>,
    provider: Arc<dyn PaymentProvider>,
    options: CashierOptions,
) -> Result<ractor::ActorCell, SpawnErr> {
    let pace = Pace {
        look_every: LOOK_EVERY,
        concurrency: options.concurrency,
        per_second: Some(options.per_second),
    };
    let cashier = Cashier { router, provider, options, metrics: PurchaseMetrics::new() };
    rounds::start(cashier, pace).await
}

impl Work for Cashier {
    type Entry = Owing;

    fn shards(&self) -> usize {
        self.router.shards().len()
    }

    async fn page(&self, shard: ShardId, after: Place) -> Result<Page<Owing>, SubmitError> {
        self.router.owing(shard, after).await
    }

    fn place(owing: &Owing) -> Place {
        (owing.event, owing.receipt.reservation.id.sequence)
    }

    async fn attempt(&self, owing: Owing, tries: u32) -> Ending {
        self.settle(&owing, tries).await
    }

    fn looked(&self, owed: shard::Owed) {
        self.metrics.queue_depth.set(owed.waiting as f64);
    }
}

impl Cashier {
    async fn settle(&self, owing: &Owing, tries: u32) -> Ending {
        let booking = &owing.receipt.booking;
        match booking.owed() {
            None => Ending::Told,
            Some(_) if owing.receipt.total().amount == 0 => self.settle_free(owing).await,
            // Asked again with its key, a provider says for a day what it said first: "processing".
            Some(Owed::Charge) if booking.payment == PaymentStatus::Processing => {
                self.look_up(owing, tries).await
            }
            Some(Owed::Charge) => self.charge(owing, tries).await,
            Some(Owed::Settle) => self.look_up(owing, tries).await,
            Some(Owed::Refund) => self.refund(owing, tries).await,
        }
    }

    /// What costs nothing needs no provider, and most would refuse it.
    async fn settle_free(&self, owing: &Owing) -> Ending {
        match owing.receipt.booking.owed() {
            Some(Owed::Charge) => self.hear(owing, PaymentOutcome::Succeeded, None).await,
            Some(Owed::Settle) => self.hear(owing, PaymentOutcome::Nothing, None).await,
            Some(Owed::Refund) => self.tell_refunded(owing).await,
            None => Ending::Told,
        }
    }

    async fn charge(&self, owing: &Owing, tries: u32) -> Ending {
        let mut charge = charge_of(owing);
        if faults::planted("charge_anew") {
            charge.key = format!("{}:{tries}:{}", charge.key, self.router.now().0);
        }
        faults::crash_at("before_charge");
        let charged = self.provider.charge(&charge).await;
        faults::crash_at("after_charge");
        match charged {
            Ok(report) => self.report(owing, report, tries).await,
            Err(ProviderError::NotDone { reason, retry_after }) => {
                self.unanswered("not_done", &charge, &reason);
                self.again(tries, retry_after)
            }
            Err(ProviderError::Unknown { reason }) => {
                self.unanswered("unknown", &charge, &reason);
                if faults::planted("unknown_is_declined") {
                    return self.hear(owing, PaymentOutcome::Declined, None).await;
                }
                if faults::planted("skip_look_up") {
                    return self.again(tries, None);
                }
                // Nobody knows whether the money moved; ask before deciding anything.
                let found = self.provider.look_up(&charge, None).await;
                faults::crash_at("after_look_up");
                match found {
                    Ok(Some(report)) => self.report(owing, report, tries).await,
                    Ok(None) | Err(_) => self.again(tries, None),
                }
            }
        }
    }

    /// The payment is under way, or the booking has failed already: learn how it ended, but start none.
    async fn look_up(&self, owing: &Owing, tries: u32) -> Ending {
        let (charge, booking) = (charge_of(owing), &owing.receipt.booking);
        match self.provider.look_up(&charge, booking.provider_id.as_deref()).await {
            Ok(Some(report)) => self.report(owing, report, tries).await,
            Ok(None) => {
                // A charge that we began may still be on its way, and look-ups lag behind.
                let lag = self.provider.look_up_lag() + STRAGGLER;
                let lag_ms = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
                let failed_at = booking.decided_at.unwrap_or(booking.created_at);
                if failed_at.plus_millis(lag_ms) <= self.router.now() {
                    self.hear(owing, PaymentOutcome::Nothing, None).await
                } else {
                    self.again(tries, None)
                }
            }
            Err(_) => self.again(tries, None),
        }
    }

    async fn refund(&self, owing: &Owing, tries: u32) -> Ending {
        let charge = charge_of(owing);
        let refund = Refund {
            key: format!("{}:refund", charge.key),
            reference: charge.reference,
            provider_id: owing.receipt.booking.provider_id.as_deref().unwrap_or("").to_owned(),
            amount: charge.amount,
        };
        // Asked again with its key, a provider says for a day what it said first: "pending".
        if 0 < tries && !faults::planted("refund_by_key_only") {
            match self.provider.look_up_refund(&refund).await {
                Ok(Some(RefundState::Succeeded)) => return self.tell_refunded(owing).await,
                Ok(Some(RefundState::Pending)) | Err(_) => return self.again(tries, None),
                // Nothing is on its way back, or it came to nothing: give it.
                Ok(Some(RefundState::Failed { .. }) | None) => {}
            }
        }
        faults::crash_at("before_refund");
        let given_back = self.provider.refund(&refund).await;
        faults::crash_at("after_refund");
        match given_back {
            Ok(RefundState::Succeeded) => self.tell_refunded(owing).await,
            Ok(RefundState::Pending) => self.again(tries, None),
            Ok(RefundState::Failed { reason }) => {
                tracing::error!(key = refund.key, reason, "the provider does not refund");
                self.metrics.count("refund_failed");
                self.again(u32::MAX, None)
            }
            Err(error) => {
                tracing::warn!(key = refund.key, %error, "a refund was not answered");
                self.again(tries, None)
            }
        }
    }

    async fn report(&self, owing: &Owing, report: ChargeReport, tries: u32) -> Ending {
        let id = (!report.provider_id.is_empty()).then(|| Arc::from(report.provider_id));
        match report.state {
            ChargeState::Succeeded => self.hear(owing, PaymentOutcome::Succeeded, id).await,
            ChargeState::Declined { reason } => {
                tracing::info!(booking = %owing.receipt.reservation.id, reason, "declined");
                self.hear(owing, PaymentOutcome::Declined, id).await
            }
            ChargeState::Processing => {
                match self.hear(owing, PaymentOutcome::Processing, id).await {
                    // A webhook will tell; this only asks in case it is lost.
                    Ending::Told => self.again(tries, None),
                    again @ Ending::Again(_) => again,
                }
            }
        }
    }

    async fn hear(
        &self,
        owing: &Owing,
        outcome: PaymentOutcome,
        provider_id: Option<Arc<str>>,
    ) -> Ending {
        let label = match outcome {
            PaymentOutcome::Processing => "processing",
            PaymentOutcome::Succeeded => "succeeded",
            PaymentOutcome::Declined => "declined",
            PaymentOutcome::Nothing => "nothing",
        };
        let booking = owing.receipt.reservation.id;
        let told = self.tell(owing, Command::Hear { booking, outcome, provider_id }).await;
        if matches!(told, Ending::Told) {
            self.metrics.count(label);
        }
        told
    }

    async fn tell_refunded(&self, owing: &Owing) -> Ending {
        let booking: ReservationId = owing.receipt.reservation.id;
        let told = self.tell(owing, Command::Refunded { booking }).await;
        if matches!(told, Ending::Told) {
            self.metrics.count("refunded");
        }
        told
    }

    async fn tell(&self, owing: &Owing, command: Command) -> Ending {
        let Some(entry) = self.router.find(owing.receipt.reservation.terms.id.as_str()) else {
            return self.again(0, None);
        };
        faults::crash_at("before_told");
        let told = self.router.submit(&entry, command).await;
        faults::crash_at("after_told");
        match told {
            Ok(_) | Err(SubmitError::Refused(_)) => Ending::Told,
            // The shard could not be told: the entry comes up again, and the provider knows the key.
            Err(_) => self.again(0, None),
        }
    }

    fn unanswered(&self, label: &'static str, charge: &Charge, reason: &str) {
        self.metrics.count(label);
        tracing::warn!(key = charge.key, reason, "a charge was not answered");
    }

    fn again(&self, tries: u32, retry_after: Option<Duration>) -> Ending {
        let rest = self.options.backoff.wait(tries.saturating_add(1), rand::random());
        Ending::Again(rest.max(retry_after.unwrap_or_default()))
    }
}

/// How long a call that we gave up may still have its effect.
const STRAGGLER: Duration = Duration::from_secs(30);

fn charge_of(owing: &Owing) -> Charge {
    let reservation = &owing.receipt.reservation;
    let (event, booking) = (reservation.terms.id.to_string(), reservation.id.to_string());
    let terms = &owing.receipt.booking.terms;
    Charge {
        key: format!("{event}:{booking}"),
        reference: Reference { event, booking, attempt: 1 },
        amount: owing.receipt.total(),
        method: terms.method.to_string(),
        token: terms.token.to_string(),
    }
}
