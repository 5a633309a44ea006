//! A stand-in for Stripe's API that lives in the test's own process, so that a server under test can be
//! killed while this remembers what was charged. It is as strict as Stripe or stricter: what it does not like
//! about a request it refuses and keeps as a complaint.
//!
//! Tokens of its own decide like Stripe's test cards, [`Fault`]s are scripted for the calls to come.

#![allow(dead_code, reason = "each test binary uses some of it")]

mod doors;
mod requests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

pub const SECRET_KEY: &str = "sk_test_stand_in";
pub const WEBHOOK_SECRET: &str = "whsec_stand_in";
const API_VERSION: &str = "2025-03-31.basil";

/// What goes wrong with the next POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done, and nothing ever answered.
    HangBefore,
    /// It is done, and nothing ever answered.
    HangAfter,
    /// It is done, and the connection is cut within the answer.
    CutAfter,
    /// It is done, and the answer is no JSON.
    GarbageAfter,
    /// Nothing is done and this status is answered, with an error of Stripe's. 500 is remembered for
    /// the key as Stripe does; others are not.
    Status(u16),
    /// It is done, and 500 is answered and remembered for the key: asking again with it tells no more.
    StoredErrorAfter,
    /// Nothing is done, and something on the way answers 502 with a page.
    BadGateway,
    /// It is done, and the answer takes this long.
    Slow(Duration),
}

/// A payment that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub id: String,
    pub token: String,
    pub key: String,
    /// Minor units.
    pub amount: u64,
    pub currency: String,
    pub status: &'static str,
    pub decline_code: Option<&'static str>,
    /// `event`, `booking`, `attempt`.
    pub metadata: BTreeMap<String, String>,
    /// Minor units.
    pub refunded: u64,
}

/// A webhook as it is sent.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub signature: String,
    pub body: String,
}

/// Runs until it is dropped.
pub struct StripeStandIn {
    /// What the server under test is given as base URL.
    pub url: String,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

struct Shared {
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    intents: Vec<Intent>,
    refunds: Vec<Value>,
    keys: BTreeMap<String, Seen>,
    faults: VecDeque<Fault>,
    card_faults: BTreeMap<String, VecDeque<Fault>>,
    /// Whether a search finds nothing: Stripe's index lags behind.
    is_search_blind: bool,
    complaints: Vec<String>,
    webhooks: Vec<Value>,
    /// Where webhooks are posted to, and how often each.
    door: Option<(String, usize)>,
    calls: usize,
    /// How often each path was posted to.
    posts: BTreeMap<String, usize>,
}

/// What an idempotency key was used for.
struct Seen {
    path: String,
    form: Form,
    /// None while the first call is at it.
    answer: Option<(u16, Value)>,
}

type Form = BTreeMap<String, String>;

impl StripeStandIn {
    pub async fn start() -> Self {
        let shared = Arc::new(Shared { books: Mutex::default() });
        let routes = doors::routes(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let server = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("serving never ends by itself");
        });
        Self { url, shared, server }
    }

    /// What goes wrong with the POSTs to come, one each.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.books().faults.extend(faults);
    }

    /// What goes wrong with the payments of one card, one each.
    pub fn script_card(&self, token: &str, faults: impl IntoIterator<Item = Fault>) {
        self.shared.books().card_faults.entry(token.to_owned()).or_default().extend(faults);
    }

    /// From now on a search finds nothing, as for a while at Stripe, or everything again.
    pub fn blind_search(&self, is_blind: bool) {
        self.shared.books().is_search_blind = is_blind;
    }

    /// From now on webhooks are kept and not posted.
    pub fn keep_webhooks(&self) {
        self.shared.books().door = None;
    }

    /// From now on each webhook is posted there so many times, signed.
    pub fn send_webhooks_to(&self, url: impl Into<String>, times: usize) {
        self.shared.books().door = Some((url.into(), times));
    }

    /// Everything that was asked for, taken or declined, in order.
    pub fn intents(&self) -> Vec<Intent> {
        self.shared.books().intents.clone()
    }

    /// Payments that were taken.
    pub fn captured(&self) -> Vec<Intent> {
        let intents = self.intents();
        intents.into_iter().filter(|intent| intent.status == "succeeded").collect()
    }

    /// How often money was taken from this card.
    pub fn times_charged(&self, token: &str) -> usize {
        self.captured().iter().filter(|intent| intent.token == token).count()
    }

    /// Taken and not given back from this card. Minor units.
    pub fn kept(&self, token: &str) -> u64 {
        let captured = self.captured();
        let of_card = captured.iter().filter(|intent| intent.token == token);
        of_card.map(|intent| intent.amount - intent.refunded).sum()
    }

    /// How many refunds were made of what was taken from this card.
    pub fn times_refunded(&self, token: &str) -> usize {
        let ids: Vec<String> = self
            .captured()
            .into_iter()
            .filter(|i| i.token == token)
            .map(|intent| intent.id)
            .collect();
        let books = self.shared.books();
        let intent_of = |refund: &Value| refund["payment_intent"].as_str().map(str::to_owned);
        books.refunds.iter().filter_map(intent_of).filter(|id| ids.contains(id)).count()
    }

    /// What it did not like about requests; a right client leaves it empty.
    pub fn complaints(&self) -> Vec<String> {
        self.shared.books().complaints.clone()
    }

    /// How many requests came at all.
    pub fn calls(&self) -> usize {
        self.shared.books().calls
    }

    /// How often this path was posted to.
    pub fn posts(&self, path: &str) -> usize {
        self.shared.books().posts.get(path).copied().unwrap_or_default()
    }

    /// Ends the refund of what was taken from this card, with its webhook.
    pub fn settle_refund(&self, token: &str, succeeds: bool) {
        let mut books = self.shared.books();
        let intent = books.intents.iter_mut().find(|intent| intent.token == token);
        let intent = intent.expect("such an intent");
        let id = intent.id.clone();
        if !succeeds {
            intent.refunded = 0;
        }
        let of_it = |refund: &&mut Value| {
            refund["payment_intent"] == id.as_str() && refund["status"] == "pending"
        };
        let refund = books.refunds.iter_mut().find(of_it).expect("a refund that is under way");
        refund["status"] = json!(if succeeds { "succeeded" } else { "failed" });
        if !succeeds {
            refund["failure_reason"] = json!("lost_or_stolen_card");
        }
        let refund = refund.clone();
        drop(books);
        self.shared.send_event("refund.updated", refund);
    }

    /// Ends a payment that is under way, with its webhook.
    pub fn settle(&self, id: &str, succeeds: bool) {
        let intent = {
            let mut books = self.shared.books();
            let intent = books.intents.iter_mut().find(|intent| intent.id == id);
            let intent = intent.expect("such an intent");
            assert_eq!(intent.status, "processing");
            intent.status = if succeeds { "succeeded" } else { "requires_payment_method" };
            intent.decline_code = (!succeeds).then_some("insufficient_funds");
            intent.clone()
        };
        self.shared.announce(&intent);
    }

    /// All webhooks so far, signed for this second (Unix).
    pub fn webhooks(&self, now_s: u64) -> Vec<Webhook> {
        let webhooks = self.shared.books().webhooks.clone();
        webhooks.iter().map(|event| sign(event, now_s)).collect()
    }
}

impl Drop for StripeStandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Stripe's scheme, written anew: with the code under test it would agree with any mistake.
pub fn sign(event: &Value, now_s: u64) -> Webhook {
    let body = serde_json::to_string_pretty(event).expect("JSON");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).expect("a key");
    mac.update(format!("{now_s}.{body}").as_bytes());
    let tag: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    Webhook { signature: format!("t={now_s},v1={tag}"), body }
}

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("no test panics while holding it")
    }

    fn announce(&self, intent: &Intent) {
        let kind = match intent.status {
            "succeeded" => "payment_intent.succeeded",
            "processing" => "payment_intent.processing",
            _ => "payment_intent.payment_failed",
        };
        self.send_event(kind, intent.to_json());
    }

    fn send_event(&self, kind: &str, object: Value) {
        let mut books = self.books();
        let id = format!("evt_{}", books.webhooks.len() + 1);
        let event = json!({"id": id, "object": "event", "api_version": API_VERSION, "type": kind,
            "livemode": false, "data": {"object": object}});
        books.webhooks.push(event.clone());
        let Some((door, times)) = books.door.clone() else { return };
        drop(books);
        tokio::spawn(async move {
            let since_1970 = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
            let webhook = sign(&event, since_1970.as_secs());
            let client = plain_client();
            for _ in 0..times {
                let request = client.post(&door).header("Stripe-Signature", &webhook.signature);
                // The server may be dead at the moment, which is what the test is about.
                drop(request.body(webhook.body.clone()).send().await);
            }
        });
    }
}

fn plain_client() -> reqwest::Client {
    use onsale::providers::outbound::{Patience, base_url, client};
    let limit = Duration::from_secs(10);
    let base = base_url("http://127.0.0.1").expect("loopback");
    client(&base, Patience { connect: limit, total: limit }).expect("no TLS, no certificates")
}

impl Intent {
    fn to_json(&self) -> Value {
        let error = self.decline_code.map(|code| {
            json!({"type": "card_error", "code": "card_declined", "decline_code": code,
                "message": "Your card was declined."})
        });
        json!({"id": self.id, "object": "payment_intent", "amount": self.amount,
            "amount_received": if self.status == "succeeded" { self.amount } else { 0 },
            "currency": self.currency, "status": self.status, "metadata": self.metadata,
            "capture_method": "automatic", "confirmation_method": "automatic",
            "payment_method_types": ["card"], "cancellation_reason": null,
            "last_payment_error": error, "livemode": false})
    }
}
