//! What a shard says that its events owe stays true, whatever happens to them.

use super::batch::Batch;
use super::message::{Answer, Ask, Owed, Page, Unsent};
use super::stock::Stock;
use crate::domain::booking::{Book, Channel, Contact, Delivery, PaymentOutcome, PaymentTerms};
use crate::domain::ids::{CustomerId, EventId, EventNumber, PoolId, ReservationId, ShardId};
use crate::domain::inventory::{
    BookingTerms, Command, Create, EventTerms, Line, PoolTerms, Reserve, SaleState, SaleTerms,
};
use crate::domain::money::{Currency, Money};
use crate::domain::quantity::Quantity;
use crate::domain::time::{HoldLength, UnixMillis};

const DAY_MS: u64 = 86_400_000;
const START: (EventNumber, u64) = (EventNumber(0), 0);

struct World {
    stock: Stock,
    batch: Batch,
    now: u64,
}

impl World {
    fn open(events: u64) -> Self {
        let mut world = Self { stock: Stock::new(ShardId(0)), batch: Batch::default(), now: 1_000 };
        for number in 1..=events {
            let sale = SaleTerms {
                state: SaleState::Open,
                opens_at: None,
                closes_at: None,
                hold: HoldLength::from_seconds(60).unwrap(),
                customer_limit: None,
            };
            let price = Money { amount: 1, currency: Currency::parse("EUR").unwrap() };
            let terms = EventTerms {
                id: EventId::parse(&format!("e-{number}")).unwrap(),
                name: "E".into(),
                starts_at: None,
                sale,
                booking: BookingTerms::default(),
                pools: vec![PoolTerms { id: PoolId::parse("p").unwrap(), name: "P".into(), price }],
                created_at: UnixMillis(1),
                revision: 1,
            };
            let (event, terms) = (EventNumber(number), terms.into());
            world.ask(Ask::Create(Create {
                event,
                terms,
                capacities: vec![100],
                key: None,
                organizer: None,
            }));
        }
        world
    }

    fn ask(&mut self, ask: Ask) -> Answer {
        self.stock.answer(ask, UnixMillis(self.now), &mut self.batch).unwrap()
    }

    fn command(&mut self, event: u64, command: Command) -> Answer {
        self.ask(Ask::Command { event: EventNumber(event), command })
    }

    fn reserve(&mut self, event: u64) -> ReservationId {
        let line = Line { pool: 0, quantity: Quantity::new(1).unwrap() };
        let (customer, lines) = (CustomerId::parse("fan").unwrap(), [line].into_iter().collect());
        let answer = self.command(
            event,
            Command::Reserve(Reserve { customer, lines, key: None, salt: 7, pass: None }),
        );
        let Answer::Reservation { receipt, .. } = answer else { panic!("{answer:?}") };
        receipt.id
    }

    /// A booking that is declined, by a buyer with an address and a number.
    fn declined(&mut self, event: u64) {
        let reservation = self.reserve(event);
        let payment = PaymentTerms { method: "card".into(), token: "tok".into() };
        let (email, phone) = (Some("a@example.org".into()), Some("+4930123456".into()));
        let contact = Contact { email, phone, name: None };
        self.command(
            event,
            Command::Book(Box::new(Book { reservation, payment, contact, key: None })),
        );
        let outcome = PaymentOutcome::Declined;
        self.command(event, Command::Hear { booking: reservation, outcome, provider_id: None });
    }

    fn page(&mut self, ask: Ask) -> Page<Unsent> {
        match self.ask(ask) {
            Answer::Messages(page) => page,
            answer => panic!("{answer:?}"),
        }
    }

    fn by(&mut self, channel: Channel) -> Page<Unsent> {
        self.page(Ask::Messages { channel, after: START })
    }

    fn dead(&mut self, limit: usize) -> Page<Unsent> {
        self.page(Ask::DeadMessages { after: START, limit })
    }

    fn owed(&mut self) -> [Owed; 2] {
        Channel::ALL.map(|channel| self.by(channel).owed)
    }

    fn give_up(&mut self, channel: Channel) {
        for unsent in self.by(channel).entries {
            let (event, message) = (unsent.event.0, unsent.number);
            let delivery = Delivery::GivenUp { reason: "full".into() };
            self.command(event, Command::Told { message, delivery });
        }
    }
}

fn owed(waiting: usize, dead: usize) -> Owed {
    Owed { waiting, dead }
}

/// An event that owed nothing but dead letters was not counted at all.
#[test]
fn what_was_given_up_counts_until_it_is_sent_again_or_forgotten() {
    let mut world = World::open(3);
    for event in [1, 2, 2] {
        world.declined(event);
    }
    assert_eq!(world.owed(), [owed(3, 0); 2]);
    world.give_up(Channel::Sms);
    assert_eq!(world.owed(), [owed(3, 0), owed(0, 3)]);
    world.give_up(Channel::Mail);
    assert_eq!(world.owed(), [owed(0, 3); 2]);
    let dead = world.dead(4);
    let places: Vec<u64> = dead.entries.iter().map(|unsent| unsent.event.0).collect();
    assert_eq!((places, dead.owed), (vec![1, 1, 2, 2], owed(0, 6)));
    let (event, message) = (dead.entries[0].event.0, dead.entries[0].number);
    let Answer::Message(again) = world.command(event, Command::Revive { message }) else {
        panic!("no message")
    };
    assert_eq!((again.number, again.message.is_dead), (message, false));
    assert_eq!(world.owed(), [owed(1, 2), owed(0, 3)]);
    world.command(event, Command::Told { message, delivery: Delivery::Sent });
    assert_eq!(world.owed(), [owed(0, 2), owed(0, 3)]);
    // A day later they go with their bookings, by a fact that is about something else.
    world.now += DAY_MS;
    world.reserve(2);
    assert_eq!((world.owed(), world.dead(9).entries.len()), ([owed(0, 0), owed(0, 1)], 1));
    world.reserve(1);
    assert_eq!((world.owed(), world.dead(9).entries.len()), ([owed(0, 0); 2], 0));
}
