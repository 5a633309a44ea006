//! What was taken and given back, as far as this process knows. Changes at once and total: no wait, no
//! network, and every way that money moves is one line here.

use std::collections::{BTreeMap, VecDeque};

use super::super::{Charge, ChargeState, Refund, RefundState};
use super::plan::{Plan, Timeout};
use crate::domain::money::{Currency, Money};
use crate::metrics::count_simulated_money;

/// Money in one currency. Unit: minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    pub captured: u128,
    pub refunded: u128,
    /// How many charges were captured.
    pub captures: u64,
    /// How many refunds were made.
    pub refunds: u64,
}

#[derive(Debug)]
pub(super) struct Ledger {
    /// Charges by the provider's name of them.
    charges: BTreeMap<String, Entry>,
    /// The same names, oldest first.
    order: VecDeque<String>,
    charges_max: usize,
    balances: BTreeMap<String, Balance>,
}

#[derive(Debug)]
struct Entry {
    /// What was asked for; none if it was made before this process and only its refund was seen.
    asked: Option<blake3::Hash>,
    amount: Money,
    /// None while the question was lost.
    state: Option<ChargeState>,
    refunds: BTreeMap<String, Repaid>,
}

#[derive(Debug)]
struct Repaid {
    amount: u64,
    /// None while the question was lost.
    state: Option<RefundState>,
}

/// What became of a question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<S> {
    /// The first one; `is_lost`: the asker will not hear it.
    Done { state: S, is_lost: bool },
    /// The question was lost.
    Lost,
    /// It had been asked before.
    Again(S),
    /// Something else had been asked with this key.
    OtherBefore,
}

impl Ledger {
    pub fn new(charges_max: usize) -> Self {
        let (charges, order, balances) = (BTreeMap::new(), VecDeque::new(), BTreeMap::new());
        Self { charges, order, charges_max, balances }
    }

    pub fn charge(&mut self, id: &str, charge: &Charge, plan: &Plan) -> Asked<ChargeState> {
        let asked = fingerprint(charge);
        match self.charges.get(id) {
            Some(known) if known.asked.is_some_and(|before| before != asked) => {
                return Asked::OtherBefore;
            }
            Some(Entry { state: Some(state), .. }) => return Asked::Again(state.clone()),
            // Its first question was lost; this is the second.
            Some(Entry { state: None, .. }) => {}
            None => {
                let entry = Entry {
                    asked: Some(asked),
                    amount: charge.amount,
                    state: None,
                    refunds: BTreeMap::new(),
                };
                self.insert(id, entry);
                if plan.timeout == Some(Timeout::BeforeDoing) {
                    return Asked::Lost;
                }
            }
        }
        let state = if plan.is_async { ChargeState::Processing } else { plan.end() };
        self.set(id, state.clone());
        Asked::Done { state, is_lost: plan.timeout == Some(Timeout::AfterDoing) }
    }

    /// Ends what is under way. `false`: it has ended already, or is forgotten.
    pub fn settle(&mut self, id: &str, end: &ChargeState) -> bool {
        let state = self.charges.get(id).and_then(|entry| entry.state.as_ref());
        let is_under_way = state == Some(&ChargeState::Processing);
        if is_under_way {
            self.set(id, end.clone());
        }
        is_under_way
    }

    /// How a charge stands; `Ok(None)` if its question was lost, `Err` if it was another charge.
    ///
    /// One that is not known may have been made before this process began, so it was: what it said then
    /// is what the plan says.
    pub fn look_up(
        &mut self,
        id: &str,
        charge: &Charge,
        plan: &Plan,
    ) -> Result<Option<ChargeState>, ()> {
        let asked = fingerprint(charge);
        match self.charges.get(id) {
            Some(known) if known.asked.is_some_and(|before| before != asked) => Err(()),
            Some(known) => Ok(known.state.clone()),
            None => {
                let entry = Entry {
                    asked: Some(asked),
                    amount: charge.amount,
                    state: None,
                    refunds: BTreeMap::new(),
                };
                self.insert(id, entry);
                self.set(id, plan.end());
                Ok(Some(plan.end()))
            }
        }
    }

    /// `refund_fails` comes from the charge's name, `plan` from the refund's key.
    pub fn refund(
        &mut self,
        refund: &Refund,
        plan: &Plan,
        refund_fails: bool,
    ) -> Asked<RefundState> {
        let Refund { key, provider_id: id, amount, .. } = refund;
        if !self.charges.contains_key(id) {
            // Only a charge that succeeded is refunded, so it was, before this process began.
            let entry =
                Entry { asked: None, amount: *amount, state: None, refunds: BTreeMap::new() };
            self.insert(id, entry);
            self.set(id, ChargeState::Succeeded);
        }
        let failed = |reason: &str| RefundState::Failed { reason: reason.to_owned() };
        let entry = self.charges.get_mut(id).expect("it was there or was just put there");
        match entry.refunds.get(key) {
            Some(known) if known.amount != amount.amount => return Asked::OtherBefore,
            Some(Repaid { state: Some(state), .. }) => return Asked::Again(state.clone()),
            Some(Repaid { state: None, .. }) => {}
            None if plan.timeout == Some(Timeout::BeforeDoing) => {
                let lost = Repaid { amount: amount.amount, state: None };
                entry.refunds.insert(key.clone(), lost);
                return Asked::Lost;
            }
            None => {}
        }
        let given: u64 = entry.refunds.values().map(Repaid::given).sum();
        let state = if entry.state != Some(ChargeState::Succeeded) {
            failed("charge_not_captured")
        } else if entry.amount.currency != amount.currency {
            failed("currency_mismatch")
        } else if entry.amount.amount < given.saturating_add(amount.amount) {
            failed("charge_already_refunded")
        } else if refund_fails {
            failed("lost_or_stolen_card")
        } else if plan.is_async {
            RefundState::Pending
        } else {
            RefundState::Succeeded
        };
        entry
            .refunds
            .insert(key.clone(), Repaid { amount: amount.amount, state: Some(state.clone()) });
        if state == RefundState::Succeeded {
            self.give_back(*amount);
        }
        Asked::Done { state, is_lost: plan.timeout == Some(Timeout::AfterDoing) }
    }

    /// How a refund stands; `None` if its question was lost, or came before this process began.
    pub fn look_up_refund(&self, refund: &Refund) -> Option<RefundState> {
        self.charges.get(&refund.provider_id)?.refunds.get(&refund.key)?.state.clone()
    }

    /// Ends a refund that is under way. `false`: it has ended already, or is forgotten.
    pub fn settle_refund(&mut self, refund: &Refund) -> bool {
        let entry = self.charges.get_mut(&refund.provider_id);
        let Some(repaid) = entry.and_then(|entry| entry.refunds.get_mut(&refund.key)) else {
            return false;
        };
        let is_under_way = repaid.state == Some(RefundState::Pending);
        if is_under_way {
            repaid.state = Some(RefundState::Succeeded);
            self.give_back(refund.amount);
        }
        is_under_way
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.charges.len().max(self.order.len())
    }

    pub fn balance(&self, currency: Currency) -> Balance {
        self.balances.get(currency.as_str()).copied().unwrap_or_default()
    }

    fn insert(&mut self, id: &str, entry: Entry) {
        if self.charges_max <= self.charges.len()
            && let Some(oldest) = self.order.pop_front()
        {
            self.charges.remove(&oldest);
        }
        self.order.push_back(id.to_owned());
        self.charges.insert(id.to_owned(), entry);
    }

    /// The only place where money is taken.
    fn set(&mut self, id: &str, state: ChargeState) {
        let Some(entry) = self.charges.get_mut(id) else { return };
        if state == ChargeState::Succeeded {
            let Money { amount, currency } = entry.amount;
            let balance = self.balances.entry(currency.as_str().to_owned()).or_default();
            balance.captured += u128::from(amount);
            balance.captures += 1;
            count_simulated_money("captured", amount);
        }
        entry.state = Some(state);
    }

    /// The only place where money is given back.
    fn give_back(&mut self, Money { amount, currency }: Money) {
        let balance = self.balances.entry(currency.as_str().to_owned()).or_default();
        balance.refunded += u128::from(amount);
        balance.refunds += 1;
        count_simulated_money("refunded", amount);
    }
}

impl Repaid {
    /// What is given back or on its way.
    fn given(&self) -> u64 {
        match self.state {
            Some(RefundState::Succeeded | RefundState::Pending) => self.amount,
            Some(RefundState::Failed { .. }) | None => 0,
        }
    }
}

/// What the same key must always ask for.
fn fingerprint(charge: &Charge) -> blake3::Hash {
    let Charge { key, reference, amount, method, token } = charge;
    let mut hasher = blake3::Hasher::new();
    let words = [key, &reference.event, &reference.booking, method, token];
    for word in words.into_iter().map(String::as_str).chain([amount.currency.as_str()]) {
        hasher.update(&(word.len() as u64).to_le_bytes()).update(word.as_bytes());
    }
    hasher.update(&reference.attempt.to_le_bytes()).update(&amount.amount.to_le_bytes());
    hasher.finalize()
}
