//! The embedded provider: moves no money, and is as slow, unreliable and surprising as it is told, so that
//! a demonstration and a test meet what a real one does on its worst day. [`TOKENS`] are for trying out.
//!
//! How a charge ends is a function of the seed, the key and the token, so a server that was killed and asks
//! again hears the same. What the process itself remembers decides only the steps on the way there: the
//! first asker of a key may wait in vain, the second does not. A look-up of a charge that is not
//! remembered says how it ends, for it may have been made before a restart; the simulation cannot tell
//! whether it was, and once said it holds.

mod event;
mod ledger;
mod options;
mod plan;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::mpsc;

pub use self::event::SIGNATURE;
pub use self::ledger::Balance;
pub use self::options::{OptionError, SimulatedOptions};
pub use self::plan::TOKENS;

use self::event::Event;
use self::ledger::{Asked, Ledger};
use self::plan::Plan;
use super::{
    Charge, ChargeReport, ChargeState, Later, PaymentProvider, ProviderError, Refund, RefundState,
    WebhookError, WebhookEvent, check,
};
use crate::domain::money::Currency;
use crate::domain::time::UnixMillis;

/// A webhook as it would arrive over HTTP, to be let in through the same door.
#[derive(Debug, Clone)]
pub struct RawWebhook {
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// See the module. Needs a tokio runtime with time.
pub struct Simulated {
    shared: Arc<Shared>,
}

struct Shared {
    options: SimulatedOptions,
    /// Webhooks carry the time at which they are signed.
    now: Box<dyn Fn() -> UnixMillis + Send + Sync>,
    ledger: Mutex<Ledger>,
    webhooks: mpsc::Sender<RawWebhook>,
    webhooks_lost: AtomicU64,
    timers: AtomicUsize,
}

/// Most things that wait for their time; what comes on top happens at once. Each is a small task.
const TIMERS_MAX: usize = 10_000;

impl Simulated {
    /// The provider, and its webhooks as they come. Whoever does not take them finds out by looking up.
    ///
    /// # Errors
    /// Names the option that makes no sense.
    pub fn new(
        options: SimulatedOptions,
        now: impl Fn() -> UnixMillis + Send + Sync + 'static,
    ) -> Result<(Self, mpsc::Receiver<RawWebhook>), OptionError> {
        options.check()?;
        let (webhooks, receiver) = mpsc::channel(options.webhooks_max);
        let ledger = Mutex::new(Ledger::new(options.charges_max));
        let shared = Shared {
            options,
            now: Box::new(now),
            ledger,
            webhooks,
            webhooks_lost: AtomicU64::new(0),
            timers: AtomicUsize::new(0),
        };
        Ok((Self { shared: Arc::new(shared) }, receiver))
    }

    /// What this process has taken and given back; exact for as long as no charge is forgotten.
    #[must_use]
    pub fn balance(&self, currency: Currency) -> Balance {
        self.shared.ledger().balance(currency)
    }

    /// Webhooks that nobody took in time.
    #[must_use]
    pub fn webhooks_lost(&self) -> u64 {
        self.shared.webhooks_lost.load(Ordering::Relaxed)
    }

    async fn charge(&self, charge: &Charge) -> Result<ChargeReport, ProviderError> {
        check(&charge.key, &charge.reference)?;
        let options = &self.shared.options;
        if !METHODS.contains(&charge.method.as_str()) {
            let reason = "payment_method_unsupported".to_owned();
            let state = ChargeState::Declined { reason };
            return Ok(ChargeReport { provider_id: String::new(), state });
        }
        let plan = Plan::of_charge(options, charge);
        let provider_id = plan::provider_id(options, charge);
        // Half of the way there, half of it back: a caller that gives up may be before or after it.
        tokio::time::sleep(plan.latency / 2).await;
        let asked = self.shared.ledger().charge(&provider_id, charge, &plan);
        if let Asked::Done { state, .. } = &asked {
            self.shared.follow_charge(&provider_id, charge, &plan, state);
        }
        let state = self.answer(asked, &plan).await?;
        Ok(ChargeReport { provider_id, state })
    }

    async fn look_up(
        &self,
        charge: &Charge,
        provider_id: Option<&str>,
    ) -> Result<Option<ChargeReport>, ProviderError> {
        check(&charge.key, &charge.reference)?;
        let options = &self.shared.options;
        let plan = Plan::of_charge(options, charge);
        let own_id = plan::provider_id(options, charge);
        tokio::time::sleep(plan.latency).await;
        if provider_id.is_some_and(|id| !id.is_empty() && id != own_id)
            || !METHODS.contains(&charge.method.as_str())
        {
            return Ok(None);
        }
        let state = self.shared.ledger().look_up(&own_id, charge, &plan);
        let state = state.map_err(|()| other_before())?;
        Ok(state.map(|state| ChargeReport { provider_id: own_id, state }))
    }

    async fn refund(&self, refund: &Refund) -> Result<RefundState, ProviderError> {
        check(&refund.key, &refund.reference)?;
        let plan = Plan::of_key(&self.shared.options, &refund.key);
        tokio::time::sleep(plan.latency / 2).await;
        let Some(refund_fails) = plan::read_id(&refund.provider_id) else {
            return Ok(RefundState::Failed { reason: "no_such_charge".to_owned() });
        };
        let asked = self.shared.ledger().refund(refund, &plan, refund_fails);
        if let Asked::Done { state, .. } = &asked {
            self.shared.follow_refund(refund, &plan, state);
        }
        self.answer(asked, &plan).await
    }

    async fn look_up_refund(&self, refund: &Refund) -> Result<Option<RefundState>, ProviderError> {
        check(&refund.key, &refund.reference)?;
        tokio::time::sleep(Plan::of_key(&self.shared.options, &refund.key).latency).await;
        Ok(self.shared.ledger().look_up_refund(refund))
    }

    async fn answer<S>(&self, asked: Asked<S>, plan: &Plan) -> Result<S, ProviderError> {
        match asked {
            Asked::Done { state, is_lost: false } | Asked::Again(state) => {
                tokio::time::sleep(plan.latency / 2).await;
                Ok(state)
            }
            Asked::Done { is_lost: true, .. } | Asked::Lost => {
                tokio::time::sleep(self.shared.options.timeout).await;
                Err(ProviderError::unknown("time-out"))
            }
            Asked::OtherBefore => Err(other_before()),
        }
    }
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Nothing in there can panic between two of its lines.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes after a charge was made: webhooks, and the end of what is under way.
    fn follow_charge(
        self: &Arc<Self>,
        provider_id: &str,
        charge: &Charge,
        plan: &Plan,
        state: &ChargeState,
    ) {
        self.announce(Event::charge(&charge.reference, provider_id, state), plan, plan.is_late);
        if *state == ChargeState::Processing {
            let (id, reference) = (provider_id.to_owned(), charge.reference.clone());
            let plan = *plan;
            self.later(self.options.settles_after, move |shared| {
                let end = plan.end();
                if shared.ledger().settle(&id, &end) {
                    shared.announce(Event::charge(&reference, &id, &end), &plan, false);
                }
            });
        }
    }

    fn follow_refund(self: &Arc<Self>, refund: &Refund, plan: &Plan, state: &RefundState) {
        let event = |refund: &Refund, state: &RefundState| {
            Event::refund(&refund.reference, &refund.provider_id, &refund.key, state)
        };
        self.announce(event(refund, state), plan, plan.is_late);
        if *state == RefundState::Pending {
            let (refund, plan) = (refund.clone(), *plan);
            self.later(self.options.settles_after, move |shared| {
                if shared.ledger().settle_refund(&refund) {
                    shared.announce(event(&refund, &RefundState::Succeeded), &plan, false);
                }
            });
        }
    }

    fn announce(self: &Arc<Self>, event: Event, plan: &Plan, is_late: bool) {
        let times = if plan.is_duplicate { 2 } else { 1 };
        let delay = if is_late { self.options.late_by } else { Duration::ZERO };
        self.later(delay, move |shared| {
            for _ in 0..times {
                let webhook = event.sign(&shared.options.webhook_secret, (shared.now)());
                if shared.webhooks.try_send(webhook).is_err() {
                    shared.webhooks_lost.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }

    fn later(self: &Arc<Self>, delay: Duration, work: impl FnOnce(&Arc<Self>) + Send + 'static) {
        if delay.is_zero() || TIMERS_MAX <= self.timers.fetch_add(1, Ordering::Relaxed) {
            if !delay.is_zero() {
                self.timers.fetch_sub(1, Ordering::Relaxed);
            }
            work(self);
            return;
        }
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            work(&shared);
            shared.timers.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

fn other_before() -> ProviderError {
    ProviderError::unknown("the key came before, with another charge or refund")
}

const METHODS: &[&str] = &["card"];

impl PaymentProvider for Simulated {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn methods(&self) -> &'static [&'static str] {
        METHODS
    }

    fn charge<'a>(&'a self, charge: &'a Charge) -> Later<'a, Result<ChargeReport, ProviderError>> {
        Box::pin(self.charge(charge))
    }

    fn look_up<'a>(
        &'a self,
        charge: &'a Charge,
        provider_id: Option<&'a str>,
    ) -> Later<'a, Result<Option<ChargeReport>, ProviderError>> {
        Box::pin(self.look_up(charge, provider_id))
    }

    fn look_up_lag(&self) -> Duration {
        Duration::ZERO
    }

    fn refund<'a>(&'a self, refund: &'a Refund) -> Later<'a, Result<RefundState, ProviderError>> {
        Box::pin(self.refund(refund))
    }

    fn look_up_refund<'a>(
        &'a self,
        refund: &'a Refund,
    ) -> Later<'a, Result<Option<RefundState>, ProviderError>> {
        Box::pin(self.look_up_refund(refund))
    }

    fn webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: UnixMillis,
    ) -> Result<WebhookEvent, WebhookError> {
        event::read(&self.shared.options.webhook_secret, headers, body, now)
    }
}
