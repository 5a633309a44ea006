//! Random histories: the real rules against a naive inventory of a few lines, with a crash and a replay
//! of the journal as one of the operations.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use onsale::domain::idempotency::{Fingerprint, KeyDigest, RememberedKey};
use onsale::domain::ids::{CustomerId, EventId, EventNumber, PoolId, ReservationId, ShardId};
use onsale::domain::inventory::{
    Amend, BookingTerms, Command, Create, Decision, EventTerms, Fact, Inventory, Line, Lines,
    PoolTerms, Refusal, Reserve, SaleState, SaleTerms, apply, create, decide,
};
use onsale::domain::money::{Currency, Money};
use onsale::domain::quantity::Quantity;
use onsale::domain::time::{HoldLength, UnixMillis};
use onsale::storage::books::Books;
use onsale::storage::frame::read_frames;
use onsale::storage::record::{CheckpointPart, decode, encode_created, encode_fact};
use proptest::prelude::*;

const HOLD_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;
const LIMIT: u32 = 5;

#[derive(Debug, Clone)]
enum Step {
    Reserve { customer: u8, units: [u32; 2], key: Option<u8> },
    Release { nth: usize },
    Wait { ms: u64 },
    Resize { pool: u16, capacity: u32 },
    CrashAndReplay,
    CheckpointAndRestore,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..4_u8, [0..4_u32, 0..3_u32], proptest::option::of(0..12_u8))
            .prop_map(|(customer, units, key)| Step::Reserve { customer, units, key }),
        2 => (0..20_usize).prop_map(|nth| Step::Release { nth }),
        2 => prop_oneof![0..HOLD_MS, Just(HOLD_MS), Just(DAY_MS)].prop_map(|ms| Step::Wait { ms }),
        1 => (0..2_u16, 0..12_u32).prop_map(|(pool, capacity)| Step::Resize { pool, capacity }),
        1 => Just(Step::CrashAndReplay),
        1 => Just(Step::CheckpointAndRestore),
    ];
    proptest::collection::vec(step, 1..200)
}

/// The naive inventory: a list of holds, counted anew each time.
#[derive(Default)]
struct Naive {
    capacity: [u32; 2],
    /// Live holds by sequence: customer, units, end.
    holds: BTreeMap<u64, (u8, [u32; 2], u64)>,
    /// Key to sequence, what was asked, and when.
    keys: BTreeMap<u8, (u64, u8, [u32; 2], u64)>,
}

impl Naive {
    fn held(&self, pool: usize) -> u32 {
        self.holds.values().map(|(_, units, _)| units[pool]).sum()
    }

    fn expire(&mut self, now: u64) {
        self.holds.retain(|_, (_, _, end)| now < *end);
        self.keys.retain(|_, (_, _, _, at)| now < *at + DAY_MS);
    }

    /// The code of the refusal, or the sequence that the real one should give (`None`: the next).
    fn reserve(
        &self,
        customer: u8,
        units: [u32; 2],
        key: Option<u8>,
    ) -> Result<Option<u64>, &'static str> {
        if let Some((sequence, by, asked, _)) = key.and_then(|key| self.keys.get(&key)) {
            let same = (*by, *asked) == (customer, units);
            return if same { Ok(Some(*sequence)) } else { Err("idempotency_key_reused") };
        }
        for (pool, asked) in units.into_iter().enumerate() {
            if self.capacity[pool] < asked + self.held(pool) {
                let coming = asked <= self.capacity[pool];
                return Err(if coming { "all_held" } else { "sold_out" });
            }
        }
        let owned: u32 =
            self.holds.values().filter(|h| h.0 == customer).map(|h| h.1[0] + h.1[1]).sum();
        if LIMIT < owned + units[0] + units[1] { Err("over_customer_limit") } else { Ok(None) }
    }
}

fn created() -> onsale::domain::inventory::Created {
    let pool = |id: &str| PoolTerms {
        id: PoolId::parse(id).expect("a slug"),
        name: id.into(),
        price: Money { amount: 100, currency: Currency::parse("EUR").expect("EUR") },
    };
    let terms = EventTerms {
        id: EventId::parse("event").expect("a slug"),
        name: "Event".into(),
        starts_at: None,
        sale: SaleTerms {
            state: SaleState::Open,
            opens_at: None,
            closes_at: None,
            hold: HoldLength::from_seconds(60).expect("in bounds"),
            customer_limit: NonZeroU32::new(LIMIT),
        },
        booking: BookingTerms::default(),
        pools: vec![pool("a"), pool("b")],
        created_at: UnixMillis(1),
        revision: 1,
    };
    let ask = Create {
        event: EventNumber(1),
        terms: Arc::new(terms),
        capacities: vec![8, 5],
        key: None,
        organizer: None,
    };
    create(None, &ask).expect("not refused").expect("new")
}

fn reserve_command(customer: u8, units: [u32; 2], key: Option<u8>) -> Option<Command> {
    let lines = (0..2_u16).zip(units).filter(|(_, units)| 0 < *units);
    let lines: Vec<Line> = lines
        .map(|(pool, units)| Line { pool, quantity: Quantity::new(units).expect("in bounds") })
        .collect();
    if lines.is_empty() {
        return None;
    }
    let meaning = [customer, units[0] as u8, units[1] as u8];
    let key = key.map(|key| RememberedKey {
        digest: KeyDigest::of(&format!("key-{key}")),
        fingerprint: Fingerprint::of([&meaning[..]]),
    });
    let customer = CustomerId::parse(&format!("fan-{customer}")).expect("printable");
    let lines: Lines = lines.into_iter().collect();
    Some(Command::Reserve(Reserve { customer, lines, key, salt: 7, pass: None }))
}

struct Real {
    inventory: Inventory,
    journal: Vec<u8>,
}

impl Real {
    fn happen(&mut self, fact: &Fact) {
        let names = self.inventory.names(fact);
        apply(&mut self.inventory, fact);
        encode_fact(&mut self.journal, &self.inventory, fact, &names);
    }

    fn run(&mut self, command: &Command, now: u64) -> Result<Decision, Refusal> {
        while let Ok(Decision::Happens(fact)) =
            decide(&self.inventory, &Command::ExpireDue, UnixMillis(now))
        {
            self.happen(&fact);
        }
        let decision = decide(&self.inventory, command, UnixMillis(now))?;
        if let Decision::Happens(fact) = &decision {
            self.happen(fact);
        }
        Ok(decision)
    }

    fn replay(&self) -> Books {
        let mut books = Books::default();
        for frame in read_frames(&self.journal) {
            let record = decode(&frame.expect("whole")).expect("understood");
            books.fold(record).expect("folds");
        }
        books
    }
}

fn step(real: &mut Real, naive: &mut Naive, now: &mut u64, step: &Step) {
    match step {
        Step::Wait { ms } => *now += ms,
        Step::Reserve { customer, units, key } => {
            naive.expire(*now);
            let Some(command) = reserve_command(*customer, *units, *key) else { return };
            let expected = naive.reserve(*customer, *units, *key);
            let next = real.inventory.next_sequence();
            match real.run(&command, *now) {
                Ok(Decision::Repeats { sequence }) => assert_eq!(expected, Ok(Some(sequence))),
                Ok(Decision::Happens(_)) => {
                    assert_eq!(expected, Ok(None));
                    naive.holds.insert(next, (*customer, *units, *now + HOLD_MS));
                    if let Some(key) = key {
                        naive.keys.insert(*key, (next, *customer, *units, *now));
                    }
                }
                Ok(Decision::Unchanged) => panic!("a reservation changes something"),
                Err(refusal) => assert_eq!(expected, Err(refusal.code())),
            }
        }
        Step::Release { nth } => {
            naive.expire(*now);
            let Some(sequence) = naive.holds.keys().nth(*nth).copied() else { return };
            let reservation = ReservationId { sequence, salt: 7 };
            let decision = real.run(&Command::Release { reservation }, *now);
            assert!(matches!(decision, Ok(Decision::Happens(_))), "{decision:?}");
            naive.holds.remove(&sequence);
        }
        Step::Resize { pool, capacity } => {
            naive.expire(*now);
            let amend = Amend { capacities: vec![(*pool, *capacity)], ..Amend::default() };
            let place = usize::from(*pool);
            let fits = naive.held(place) <= *capacity;
            assert_eq!(real.run(&Command::Amend(amend), *now).is_ok(), fits);
            if fits {
                naive.capacity[place] = *capacity;
            }
        }
        Step::CrashAndReplay => {
            let digest = real.inventory.digest();
            let mut books = real.replay();
            let placed = books.events.remove(&EventNumber(1)).expect("the event");
            assert_eq!(placed.inventory.digest(), digest, "INV-6");
            real.inventory = placed.inventory;
        }
        Step::CheckpointAndRestore => {
            let books = real.replay();
            let (mut frames, mut bytes) = (books.checkpoint_frames(), Vec::new());
            while frames(&mut bytes) {}
            let mut restored = Books::default();
            for frame in read_frames(&bytes) {
                let part = CheckpointPart::decode(&frame.expect("whole")).expect("understood");
                restored.restore(part).expect("adds up");
            }
            let placed = restored.events.remove(&EventNumber(1)).expect("the event");
            real.inventory = placed.inventory;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_agree_with_a_naive_inventory_through_crashes(steps in steps()) {
        let created = created();
        let mut journal = Vec::new();
        encode_created(&mut journal, ShardId(0), &created);
        let mut real = Real { inventory: Inventory::created(&created), journal };
        let mut naive = Naive { capacity: [8, 5], ..Naive::default() };
        let mut now = 1_000;
        for each in &steps {
            step(&mut real, &mut naive, &mut now, each);
            prop_assert_eq!(real.inventory.audit(), vec![]);
        }
        naive.expire(now);
        real.run(&Command::ExpireDue, now).expect("never refused");
        for (pool, counts) in real.inventory.pools().iter().enumerate() {
            prop_assert_eq!(counts.held, naive.held(pool));
            prop_assert_eq!(counts.capacity, naive.capacity[pool]);
        }
    }
}
