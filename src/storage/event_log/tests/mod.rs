//! Every entry is told once, in its place, from wherever it lies.

mod segments;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;
use crate::domain::booking::{Book, Contact, PaymentOutcome, PaymentTerms};
use crate::domain::ids::{CustomerId, EventId, PoolId, ReservationId, ShardId};
use crate::domain::inventory::{
    BookingTerms, Command, Create, Decision, EventTerms, Inventory, Line, PoolTerms, Reserve,
    SaleState, SaleTerms, apply, create, decide,
};
use crate::domain::money::{Currency, Money};
use crate::domain::quantity::Quantity;
use crate::domain::time::{HoldLength, UnixMillis};
use crate::storage::compactor::checkpoint;
use crate::storage::frame::write_frame;
use crate::storage::journal::Journal;
use crate::storage::memory_journal::{MemoryJournal, MemoryStore};
use crate::storage::record::{encode_created, encode_fact};
use crate::storage::sled_journal::SledJournal;

/// Some events that sell into a journal, and what happened to each.
struct World<J: Journal> {
    journal: J,
    events: BTreeMap<EventNumber, (Inventory, Vec<Entry>)>,
    now: u64,
}

impl<J: Journal> World<J> {
    fn new(journal: J, events: u64) -> Self {
        let mut world = Self { journal, events: BTreeMap::new(), now: 1_000 };
        for event in 1..=events {
            world.create(EventNumber(event));
        }
        world
    }

    fn create(&mut self, event: EventNumber) {
        let ask = Create {
            event,
            terms: terms(event).into(),
            capacities: vec![1_000_000],
            key: None,
            organizer: None,
        };
        let created = create(None, &ask).expect("it may be").expect("it is new");
        let mut frames = Vec::new();
        encode_created(&mut frames, ShardId(0), &created);
        self.journal.append(&[&frames]).expect("appends");
        let inventory = Inventory::created(&created);
        self.events.insert(event, (inventory, vec![Entry::created(created)]));
    }

    fn ask(&mut self, event: u64, command: &Command) -> Vec<u8> {
        let (inventory, entries) = self.events.get_mut(&EventNumber(event)).expect("created");
        let now = UnixMillis(self.now);
        let mut frames = Vec::new();
        if let Decision::Happens(fact) = decide(inventory, command, now).expect("it may be") {
            let names = inventory.names(&fact);
            apply(inventory, &fact);
            encode_fact(&mut frames, inventory, &fact, &names);
            entries.push(Entry::of(inventory.version(), fact, names));
        }
        frames
    }

    /// One step of the life of this event, the `n`-th of the world.
    fn step(&mut self, event: u64, n: u64) {
        // Holds of a second end two rounds later.
        self.now += if n % 7 == 5 { 500 } else { 1 };
        let frames = match n % 7 {
            0..4 => self.ask(event, &reserve(n)),
            4 => self.ask(event, &Command::Release { reservation: id(self.newest(event), n - 1) }),
            5 => self.ask(event, &Command::ExpireDue),
            _ => {
                let booking = id(self.newest(event) - 1, n - 4);
                let mut frames = self.ask(event, &book(booking));
                let provider_id = Some("pi".into());
                let outcome = PaymentOutcome::Succeeded;
                frames.extend(self.ask(event, &Command::Hear { booking, outcome, provider_id }));
                frames
            }
        };
        if !frames.is_empty() {
            self.journal.append(&[&frames]).expect("appends");
        }
    }

    fn newest(&self, event: u64) -> u64 {
        self.events[&EventNumber(event)].0.next_sequence() - 1
    }

    fn fold(&mut self, log: &EventLog) {
        let closed = self.journal.rotate().expect("rotates") - 1;
        log.keep(closed);
        checkpoint(&*self.journal.reader(), closed).expect("folds");
    }

    /// Every page from every place is what happened.
    fn check(&self, log: &EventLog) {
        for (event, (inventory, entries)) in &self.events {
            let until = inventory.version();
            assert_eq!(until, entries.len() as u64);
            for limit in [1, 3, 1_000] {
                let (mut told, mut after) = (Vec::new(), 0);
                while after < until {
                    let page = log.page(*event, after, until, limit).expect("it is kept");
                    assert!((1..=limit).contains(&page.len()));
                    after = page.last().expect("not empty").number;
                    told.extend(page);
                }
                assert_eq!(told, *entries, "event {event:?} by {limit}");
            }
            assert_eq!(log.page(*event, until, until, 10).expect("nothing"), []);
            assert_eq!(log.page(*event, until + 5, until, 10).expect("nothing"), []);
        }
    }
}

fn terms(event: EventNumber) -> EventTerms {
    let sale = SaleTerms {
        state: SaleState::Open,
        opens_at: None,
        closes_at: None,
        hold: HoldLength::from_seconds(1).expect("in bounds"),
        customer_limit: None,
    };
    let price = Money { amount: 4_500, currency: Currency::parse("EUR").expect("valid") };
    let id = PoolId::parse("standing").expect("valid");
    EventTerms {
        id: EventId::parse(&format!("event-{}", event.0)).expect("valid"),
        name: "Concert".into(),
        starts_at: None,
        sale,
        booking: BookingTerms::default(),
        pools: vec![PoolTerms { id, name: "Standing".into(), price }],
        created_at: UnixMillis(1_000),
        revision: 1,
    }
}

fn reserve(n: u64) -> Command {
    let line = Line { pool: 0, quantity: Quantity::new(2).expect("in bounds") };
    let customer = CustomerId::parse(&format!("fan-{n}")).expect("printable");
    let salt = u32::try_from(n).expect("small");
    Command::Reserve(Reserve {
        customer,
        lines: [line].into_iter().collect(),
        key: None,
        salt,
        pass: None,
    })
}

fn book(reservation: ReservationId) -> Command {
    let payment = PaymentTerms { method: "card".into(), token: "tok_secret".into() };
    let contact = Contact { email: Some("ada@secret.example".into()), ..Contact::default() };
    Command::Book(Box::new(Book { reservation, payment, contact, key: None }))
}

fn id(sequence: u64, salt: u64) -> ReservationId {
    ReservationId { sequence, salt: u32::try_from(salt).expect("small") }
}

/// Each event takes its steps in a row, so that the step before made what the next one ends.
fn run<J: Journal>(world: &mut World<J>, log: &EventLog, rounds: u64, fold_every: u64) {
    let events = world.events.len() as u64;
    for round in 0..rounds {
        for n in round * 7..round * 7 + 7 {
            world.step(1 + round % events, n);
        }
        if fold_every > 0 && round % fold_every == fold_every - 1 {
            world.fold(log);
        }
    }
}

fn on_disk(dir: &Path, bytes_max: u64) -> (SledJournal, EventLog) {
    let (journal, _) = SledJournal::open(dir).expect("opens");
    let log = EventLog::open(journal.reader(), dir.join("log"), bytes_max).expect("opens");
    (journal, log)
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("log")).expect("a directory");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// Everything that a reader may be told of one event.
fn read_all(log: &EventLog, event: EventNumber, until: u64) -> Result<Vec<Entry>, LogError> {
    let (mut told, mut after) = (Vec::new(), 0);
    while after < until {
        let page = log.page(event, after, until, 1_000)?;
        after = page.last().expect("not empty").number;
        told.extend(page);
    }
    Ok(told)
}

#[test]
fn entries_are_told_in_order_wherever_they_lie() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (journal, log) = on_disk(dir.path(), 1 << 30);
    let mut world = World::new(journal, 5);
    world.check(&log);
    // In the journal, in segments, in both, and with followers that come before and after a fold.
    for (rounds, fold_every) in [(20, 0), (10, 3), (15, 0), (40, 1), (3, 0)] {
        run(&mut world, &log, rounds, fold_every);
        world.check(&log);
    }
    // Another process knows no more than the directory.
    drop(log);
    let World { journal, events, now } = world;
    drop(journal);
    let (journal, log) = on_disk(dir.path(), 1 << 30);
    let mut world = World { journal, events, now };
    world.check(&log);
    run(&mut world, &log, 10, 4);
    world.check(&log);
}

#[test]
fn an_event_that_rested_for_many_epochs_is_told_where_it_goes_on() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (journal, log) = on_disk(dir.path(), 1 << 30);
    let mut world = World::new(journal, 2);
    for n in 0..7 {
        world.step(1, n);
    }
    for epoch in 0..10 {
        for n in 0..70 {
            world.step(2, 70 * epoch + n);
        }
        world.fold(&log);
    }
    world.check(&log);
    for n in 0..7 {
        world.step(1, n);
    }
    world.check(&log);
}

/// P8: what is appended is not told before it is published.
#[test]
fn nothing_is_told_beyond_what_is_published() {
    let store = MemoryStore::default();
    let log = EventLog::of_journal(store.open().reader());
    let mut world: World<MemoryJournal> = World::new(store.open(), 1);
    run(&mut world, &log, 5, 0);
    let (event, (_, entries)) = world.events.first_key_value().expect("one");
    for until in 0..entries.len() {
        for after in 0..=until {
            let page = log.page(*event, after as u64, until as u64, 1_000).expect("kept");
            assert_eq!(page, entries[after..until]);
        }
    }
}

#[test]
fn without_segments_what_is_folded_is_gone_and_what_is_left_is_told() {
    let store = MemoryStore::default();
    let log = EventLog::of_journal(store.open().reader());
    let mut world: World<MemoryJournal> = World::new(store.open(), 2);
    run(&mut world, &log, 10, 0);
    world.fold(&log);
    let until = world.events[&EventNumber(1)].0.version();
    let gone = |after| log.page(EventNumber(1), after, until, 10).expect_err("gone");
    assert!(matches!(gone(0), LogError::Gone { oldest } if oldest == until + 1));
    assert!(matches!(gone(until - 1), LogError::Gone { oldest } if oldest == until + 1));
    run(&mut world, &log, 2, 0);
    let (inventory, entries) = &world.events[&EventNumber(1)];
    let more = log.page(EventNumber(1), until, inventory.version(), 1_000).expect("kept");
    assert_eq!(more, entries[until as usize..]);
    let gone = log.page(EventNumber(1), 3, inventory.version(), 10).expect_err("gone");
    assert!(matches!(gone, LogError::Gone { oldest } if oldest == until + 1));
}

/// Facts of versions 1 and 2 have no number.
#[test]
fn a_log_goes_on_after_facts_that_cannot_be_told() {
    for fold in [false, true] {
        let dir = tempfile::tempdir().expect("temp dir");
        let (journal, log) = on_disk(dir.path(), 1 << 30);
        let mut world = World::new(journal, 1);
        let untold = world.ask(1, &reserve(1));
        let frame = crate::storage::frame::read_frames(&untold).next().expect("one");
        let frame = frame.expect("whole");
        // The shape of version 1 ends where the number begins: two bytes, number and no names.
        let (mut old, shape) = (Vec::new(), &frame.payload[..frame.payload.len() - 2]);
        write_frame(&mut old, frame.kind, 1, |out| out.extend_from_slice(shape));
        world.journal.append(&[&old]).expect("appends");
        run(&mut world, &log, 2, 0);
        if fold {
            world.fold(&log);
        }
        let (inventory, entries) = &world.events[&EventNumber(1)];
        let until = inventory.version();
        let created = log.page(EventNumber(1), 0, until, 1_000).expect("kept");
        assert_eq!(created, entries[..1]);
        let gone = log.page(EventNumber(1), 1, until, 1_000).expect_err("untold");
        assert!(matches!(gone, LogError::Gone { oldest: 3 }), "{gone:?}");
        let page = log.page(EventNumber(1), 2, until, 1_000).expect("kept");
        assert_eq!(page, entries[2..]);
    }
}

#[test]
fn blocks_are_split_and_found_again_among_many_events() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (journal, log) = on_disk(dir.path(), 1 << 30);
    let mut world = World::new(journal, 300);
    let mut frames = Vec::new();
    for n in 0..90_000 {
        // One event sells most; all fill more than one run.
        let event = if n % 3 == 0 { 1 + n / 3 % 300 } else { 7 };
        world.now += 1;
        frames.extend(world.ask(event, &reserve(n)));
        if n % 1_000 == 999 {
            world.journal.append(&[&frames]).expect("appends");
            frames.clear();
        }
    }
    let hot = |log: &EventLog, after: u64| {
        let (inventory, entries) = &world.events[&EventNumber(7)];
        let page = log.page(EventNumber(7), after, inventory.version(), 50).expect("kept");
        assert_eq!(page, entries[after as usize..][..50.min(entries.len() - after as usize)]);
    };
    let places = [0, 1, 700, 30_000, 59_999, 60_090];
    places.into_iter().for_each(|after| hot(&log, after));
    let closed = world.journal.rotate().expect("rotates") - 1;
    log.keep(closed);
    checkpoint(&*world.journal.reader(), closed).expect("folds");
    places.into_iter().for_each(|after| hot(&log, after));
    for (event, (inventory, entries)) in &world.events {
        let told = read_all(&log, *event, inventory.version()).expect("kept");
        assert!(told == *entries, "event {event:?}");
    }
}
