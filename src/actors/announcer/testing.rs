//! Events, a log and a receiver for the tests of this folder.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::source::{Found, News, Source, SourceError};
use super::topics::Topics;
use crate::actors::directory::{EventEntry, Published};
use crate::domain::ids::{EventId, EventNumber, PoolId, ShardId};
use crate::domain::inventory::{
    BookingTerms, Created, EventTerms, Inventory, PoolTerms, SaleState, SaleTerms,
};
use crate::domain::money::{Currency, Money};
use crate::domain::time::{HoldLength, UnixMillis};
use crate::providers::send::{Later, SendError};
use crate::providers::webhook::{Webhook, WebhookChannel};

/// The event with this number, of which so many entries are published.
pub fn event(number: u64, version: u64) -> Arc<EventEntry> {
    let price = Money { amount: 1, currency: Currency::parse("EUR").expect("EUR") };
    let pool = PoolTerms { id: PoolId::parse("a").expect("a pool"), name: "A".into(), price };
    let terms = EventTerms {
        id: EventId::parse(&format!("event-{number:06}")).expect("an id"),
        name: "Concert".into(),
        starts_at: None,
        sale: SaleTerms {
            state: SaleState::Open,
            opens_at: None,
            closes_at: None,
            hold: HoldLength::from_seconds(600).expect("a hold"),
            customer_limit: None,
        },
        booking: BookingTerms::default(),
        pools: vec![pool],
        created_at: UnixMillis(0),
        revision: 1,
    };
    let created = Created {
        event: EventNumber(number),
        terms: terms.into(),
        capacities: vec![1],
        key: None,
        organizer: None,
    };
    let event = EventEntry::new(ShardId(0), &Inventory::created(&created));
    publish(&event, version);
    Arc::new(event)
}

pub fn publish(event: &EventEntry, version: u64) {
    let state = event.published();
    event.publish(Arc::new(Published { version, ..Published::clone(&state) }));
}

pub fn news(entry: u64) -> News {
    let body = Bytes::from(format!("entry {entry}"));
    News { entry, kind: "reservation.held", body, purchase: None }
}

/// Every entry of every event is there, and says only its number; entry 1 is of another type.
#[derive(Default)]
pub struct Log {
    /// Older ones are not kept any more.
    pub oldest: Mutex<u64>,
    /// Reads that fail, before the others do not.
    pub faults: AtomicUsize,
}

impl Source for Arc<Log> {
    fn read(
        &self,
        event: &EventEntry,
        after: u64,
        limit: usize,
        wanted: &Topics,
    ) -> Result<Found, SourceError> {
        let left = self.faults.load(Ordering::SeqCst);
        if 0 < left {
            self.faults.store(left - 1, Ordering::SeqCst);
            return Err(SourceError::Fault("planned".to_owned()));
        }
        let oldest = *self.oldest.lock().expect("a number");
        if after + 1 < oldest {
            return Err(SourceError::Gone { oldest });
        }
        let read_to = event.published().version.min(after + limit as u64);
        let kind = |entry: u64| if entry == 1 { "event.created" } else { "reservation.held" };
        let news = (after + 1..=read_to).filter(|entry| wanted.want(kind(*entry))).map(news);
        Ok(Found { after, read_to, news: news.collect(), lost: 0 })
    }
}

/// A receiver that takes what it is not told to refuse.
#[derive(Default)]
pub struct Stand {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Ids in the order of the tries.
    tries: Vec<String>,
    bodies: BTreeMap<String, Bytes>,
    refused: BTreeSet<String>,
    is_down: bool,
    is_gone: bool,
    under_way: usize,
    under_way_max: usize,
}

impl Stand {
    /// Answers 500 to these from now on.
    pub fn refuse(&self, ids: &[&str]) {
        self.kept.lock().expect("kept").refused = ids.iter().map(|id| (*id).to_owned()).collect();
    }

    pub fn set_down(&self, is_down: bool) {
        self.kept.lock().expect("kept").is_down = is_down;
    }

    /// Answers 410 to everything from now on.
    pub fn set_gone(&self, is_gone: bool) {
        self.kept.lock().expect("kept").is_gone = is_gone;
    }

    pub fn tries(&self) -> Vec<String> {
        self.kept.lock().expect("kept").tries.clone()
    }

    /// Ids that were taken, and the bodies.
    pub fn taken(&self) -> BTreeMap<String, Bytes> {
        self.kept.lock().expect("kept").bodies.clone()
    }

    /// Tries under way together at the most.
    pub fn under_way_max(&self) -> usize {
        self.kept.lock().expect("kept").under_way_max
    }
}

pub struct ToStand(pub Arc<Stand>);

impl WebhookChannel for ToStand {
    fn send<'a>(
        &'a self,
        webhook: &'a Webhook,
        _now: UnixMillis,
    ) -> Later<'a, Result<(), SendError>> {
        Box::pin(async move {
            {
                let mut kept = self.0.kept.lock().expect("kept");
                kept.under_way += 1;
                kept.under_way_max = kept.under_way_max.max(kept.under_way);
                kept.tries.push(webhook.id.clone());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            let mut kept = self.0.kept.lock().expect("kept");
            kept.under_way -= 1;
            if kept.is_gone {
                return Err(SendError::Never { reason: "answered 410 Gone".to_owned() });
            }
            if kept.is_down || kept.refused.contains(&webhook.id) {
                let reason = "answered 500 Internal Server Error".to_owned();
                return Err(SendError::Later { reason, retry_after: None });
            }
            kept.bodies.insert(webhook.id.clone(), webhook.body.clone());
            Ok(())
        })
    }
}
