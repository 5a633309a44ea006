//! INV-11 under random shopping, judged by the journal: a reader that counts for itself, in the order in
//! which things became durable, never sees more passes out and shoppers with one than the terms allow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use onsale::actors::{Answer, EventEntry, Gate, PassError, RoomView, Router, SubmitError};
use onsale::clock::Clock;
use onsale::domain::booking::{Book, Contact, PaymentOutcome, PaymentTerms};
use onsale::domain::ids::{CustomerId, ReservationId};
use onsale::domain::inventory::{Command, Fact, Line, Pass, Refusal, Reserve};
use onsale::domain::quantity::Quantity;
use onsale::domain::time::UnixMillis;
use onsale::domain::waiting_room::token::Who;
use onsale::domain::waiting_room::{Method, RoomCommand, RoomFact, State};
use onsale::storage::journal::Journal;
use onsale::storage::memory_journal::MemoryStore;
use onsale::storage::record::{Record, decode};
use tokio::task::JoinSet;

use crate::world::{FastClock, join, open_room, pulse, put_on_sale, start_with};

const ACTIVE_MAX: u32 = 12;
const FANS: u64 = 150;
/// The sale runs so much faster than the machine.
const TIMES: u64 = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_are_more_let_in_than_may_shop() {
    let seed: Option<u64> =
        std::env::var("ONSALE_LAW_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("repeat with ONSALE_LAW_SEED={seed}");
    let store = MemoryStore::default();
    let clock: Arc<dyn Clock> = Arc::new(FastClock::new(TIMES));
    let engine = start_with(Box::new(store.open()), clock, 1 << 30).await;
    let router = Arc::clone(engine.router());
    let entry = put_on_sale(&router, "e", 10_000, 3).await;
    let view = open_room(&router, &entry, |ask| {
        ask.method = Some(Method::Fifo);
        ask.rate_per_minute = Some(1_000_000);
        ask.active_max = Some(ACTIVE_MAX);
        ask.pass_seconds = Some(10);
        ask.absent_seconds = Some(10);
        ask.return_seconds = Some(60);
        ask.units_per_pass_hundredths = Some(100);
    })
    .await;
    let pulse = pulse(&engine, Duration::from_millis(2));
    let twice = Arc::new(AtomicU64::new(0));
    let mut fans = JoinSet::new();
    for fan in 0..FANS {
        let world = Fan {
            router: Arc::clone(&router),
            entry: Arc::clone(&entry),
            view: Arc::clone(&view),
            name: format!("fan-{fan}"),
            random: (seed ^ (fan + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1,
            twice: Arc::clone(&twice),
        };
        fans.spawn(world.live());
    }
    while let Some(fan) = fans.join_next().await {
        fan.expect("a fan");
    }
    pulse.abort();
    let totals = view.snapshot().totals;
    engine.drain().await;
    let seen = judge(&store);
    println!("{totals:?}");
    let Seen { used, lapsed, left, broken, .. } = &seen;
    println!("{used} used, {lapsed} lapsed, {left} given back, at most {} active", seen.most);
    assert!(broken.is_empty(), "{} times, first: {}", broken.len(), broken[0]);
    // Few on a machine that is busy otherwise; each way must have been gone, or nothing was shown.
    assert!(10 < *used && 0 < *lapsed && 0 < *left, "nothing was tried");
    assert_eq!(seen.most, ACTIVE_MAX, "the cap was never reached");
    assert!(0 < twice.load(Ordering::Relaxed), "nobody used a pass twice");
}

struct Fan {
    router: Arc<Router>,
    entry: Arc<EventEntry>,
    view: Arc<RoomView>,
    name: String,
    random: u64,
    /// Second uses that were refused.
    twice: Arc<AtomicU64>,
}

impl Fan {
    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % end
    }

    /// Unit: milliseconds of the sale.
    async fn wait(&self, ms: u64) {
        tokio::time::sleep(Duration::from_micros(ms * 1_000 / TIMES)).await;
    }

    async fn live(mut self) {
        let fingerprint = self.view.keys().fingerprint(Who::Customer(&self.name));
        let delay = self.below(3_000);
        self.wait(delay).await;
        let place = join(&self.router, &self.entry, fingerprint).await.expect("a place");
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            let now = self.router.now();
            self.view.expect_poll(place.number, now, 1_000);
            let seen = self.view.place(place.number, &self.view.snapshot(), now);
            match seen.expect("it was given out").state {
                State::Ready => self.turn(place.number, fingerprint).await,
                State::Skipped => {
                    let back = RoomCommand::Return { number: place.number };
                    drop(self.router.room_submit(&self.entry, back).await);
                }
                State::Used | State::Left | State::Expired => return,
                State::Waiting | State::Returning => {}
            }
            // Some stay away for so long that they miss their turn.
            let pause = if self.below(20) == 0 { 25_000 } else { 200 + self.below(800) };
            self.wait(pause).await;
        }
    }

    /// It is this fan's turn: buy, hesitate, give up, or do nothing until it is too late.
    async fn turn(&mut self, number: u32, fingerprint: u64) {
        let Some((token, _)) = self.view.pass_token(number, fingerprint) else { return };
        match self.below(10) {
            0 => {
                let leave = RoomCommand::Leave { number, in_flight_ms: 1_000 };
                drop(self.router.room_submit(&self.entry, leave).await);
                return;
            }
            1 | 2 => return self.wait(12_000).await,
            // Right around its end.
            3 => self.wait(9_000 + self.random % 2_000).await,
            _ => {
                let hesitates = self.below(3_000);
                self.wait(hesitates).await;
            }
        }
        assert!(matches!(self.entry.gate(), Gate::NeedsPass(_)));
        let pass = match self.view.check_pass(&token, Who::Customer(&self.name)) {
            Ok(pass) => pass,
            Err(PassError::Ended) => return,
            Err(error) => panic!("{error}"),
        };
        let stranger = self.view.check_pass(&token, Who::Customer("somebody else"));
        assert_eq!(stranger, Err(PassError::OtherCustomer));
        let (one, other) = tokio::join!(self.reserve(pass, 1), self.reserve(pass, 2));
        let reserved = match (one, other) {
            (Ok(id), Err(Refusal::PassUsed)) | (Err(Refusal::PassUsed), Ok(id)) => {
                self.twice.fetch_add(1, Ordering::Relaxed);
                id
            }
            (Err(Refusal::PassEnded), Err(Refusal::PassEnded)) => return,
            other => panic!("one pass, two reservations: {other:?}"),
        };
        self.shop(reserved).await;
    }

    async fn reserve(&self, pass: Pass, salt: u32) -> Result<ReservationId, Refusal> {
        let line = Line { pool: 0, quantity: Quantity::new(1).expect("in bounds") };
        let ask = Reserve {
            customer: CustomerId::parse(&self.name).expect("printable"),
            lines: [line].into_iter().collect(),
            key: None,
            salt,
            pass: Some(pass),
        };
        match self.router.submit(&self.entry, Command::Reserve(ask)).await {
            Ok(Answer::Reservation { receipt, .. }) => Ok(receipt.id),
            Err(SubmitError::Refused(refusal)) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    /// Every way in which a reservation may go on. Refusals are other ways.
    async fn shop(&mut self, reservation: ReservationId) {
        let way = self.below(7);
        let pause = self.below(2_500);
        self.wait(pause).await;
        if way == 0 {
            return;
        }
        if way == 1 {
            return self.ask(Command::Release { reservation }).await;
        }
        let payment = PaymentTerms { method: "card".into(), token: "tok".into() };
        let (contact, key) = (Contact::default(), None);
        self.ask(Command::Book(Box::new(Book { reservation, payment, contact, key }))).await;
        let pause = self.below(4_000);
        self.wait(pause).await;
        let hear = |outcome| Command::Hear { booking: reservation, outcome, provider_id: None };
        match way {
            2 => self.ask(hear(PaymentOutcome::Declined)).await,
            3 => self.ask(Command::Cancel { booking: reservation }).await,
            // Not paid in time, and late money perhaps.
            4 => self.wait(11_000).await,
            _ => {}
        }
        if 4 <= way {
            self.ask(hear(PaymentOutcome::Succeeded)).await;
        }
        if way == 6 {
            self.ask(Command::Cancel { booking: reservation }).await;
        }
    }

    async fn ask(&self, command: Command) {
        match self.router.submit(&self.entry, command).await {
            Ok(_) | Err(SubmitError::Refused(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// What a reader of the journal has seen.
#[derive(Debug, Default)]
struct Seen {
    /// When each pass that is out and unused counts no more, if that is known.
    out: BTreeMap<u32, Option<UnixMillis>>,
    ends: BTreeMap<u32, UnixMillis>,
    shopping: BTreeSet<u64>,
    used: u64,
    lapsed: u64,
    left: u64,
    most: u32,
    broken: Vec<String>,
}

fn judge(store: &MemoryStore) -> Seen {
    let reader = store.open().reader();
    let mut seen = Seen::default();
    assert_eq!(reader.checkpoint_epoch().expect("it reads"), None, "facts were folded away");
    for epoch in reader.epochs().expect("it reads") {
        let mut visit = |frame: onsale::storage::frame::Frame<'_>| {
            match decode(&frame).expect("a record") {
                Record::Room { fact, .. } => seen.room(&fact),
                Record::Happened { fact, .. } => seen.inventory(&fact),
                Record::Created { .. } | Record::Placed { .. } | Record::Audit(_) => {}
            }
            Ok(())
        };
        reader.read_epoch(epoch, &mut visit).expect("it reads");
    }
    seen
}

impl Seen {
    fn room(&mut self, fact: &RoomFact) {
        match fact {
            RoomFact::Admitted(admitted) => {
                self.out.retain(|_, frees_at| frees_at.is_none_or(|at| admitted.at < at));
                for number in &admitted.numbers {
                    self.out.insert(*number, None);
                    self.ends.insert(*number, admitted.expires_at);
                }
                let active = u32::try_from(self.out.len() + self.shopping.len()).expect("few");
                self.most = self.most.max(active);
                if ACTIVE_MAX < active {
                    let (out, shopping) = (self.out.len(), self.shopping.len());
                    self.broken.push(format!("INV-11: {out} passes out, {shopping} shop"));
                }
            }
            RoomFact::Lapsed { numbers, .. } => {
                for number in numbers {
                    self.lapsed += 1;
                    if self.out.remove(number).is_none() {
                        self.broken.push(format!("{number} lapsed and was not out"));
                    }
                }
            }
            RoomFact::Left { number, frees_at, .. } => {
                if let Some(out) = self.out.get_mut(number) {
                    *out = Some(*frees_at);
                    self.left += 1;
                }
            }
            _ => {}
        }
    }

    fn inventory(&mut self, fact: &Fact) {
        match fact {
            Fact::Reserved(reserved) => {
                let Some(pass) = reserved.pass else { return };
                self.used += 1;
                self.shopping.insert(reserved.id.sequence);
                let ends_at = self.ends.get(&pass).copied().unwrap_or_default();
                if self.out.remove(&pass).is_none() || ends_at <= reserved.created_at {
                    self.broken.push(format!("pass {pass} was used and was not out"));
                }
            }
            Fact::Released { sequence, .. }
            | Fact::Confirmed { sequence, .. }
            | Fact::BookingFailed { sequence, .. } => {
                self.shopping.remove(sequence);
            }
            Fact::Expired { sequences, .. } => {
                self.shopping.retain(|sequence| !sequences.contains(sequence));
            }
            _ => {}
        }
    }
}
