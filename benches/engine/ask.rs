//! What the benches ask for: one unit each, every customer and key another one.

use std::sync::Arc;

use onsale::domain::idempotency::{Fingerprint, KeyDigest, RememberedKey};
use onsale::domain::ids::{CustomerId, EventId, EventNumber, PoolId};
use onsale::domain::inventory::{
    BookingTerms, Command, Create, Created, EventTerms, Line, PoolTerms, Reserve, SaleState,
    SaleTerms, create,
};
use onsale::domain::money::{Currency, Money};
use onsale::domain::quantity::Quantity;
use onsale::domain::time::{HoldLength, UnixMillis};

pub const NOW: UnixMillis = UnixMillis(1_000_000);
pub const UNITS: u32 = 1_000_000_000;

pub fn terms() -> EventTerms {
    let price = Money { amount: 4_500, currency: Currency::parse("EUR").expect("EUR") };
    let id = PoolId::parse("standing").expect("a slug");
    EventTerms {
        id: EventId::parse("concert-a").expect("a slug"),
        name: "Concert A".into(),
        starts_at: None,
        sale: SaleTerms {
            state: SaleState::Open,
            opens_at: None,
            closes_at: None,
            hold: HoldLength::from_seconds(86_400).expect("in bounds"),
            customer_limit: None,
        },
        booking: BookingTerms::default(),
        pools: vec![PoolTerms { id, name: "Standing".into(), price }],
        created_at: NOW,
        revision: 1,
    }
}

pub fn created() -> Created {
    let terms = Arc::new(terms());
    let ask = Create {
        event: EventNumber(1),
        terms,
        capacities: vec![UNITS],
        key: None,
        organizer: None,
    };
    create(None, &ask).expect("not refused").expect("new")
}

pub fn reserve(number: u64) -> Command {
    let customer = CustomerId::parse(&format!("fan-{number}")).expect("printable");
    let line = Line { pool: 0, quantity: Quantity::new(1).expect("in bounds") };
    let key = RememberedKey {
        digest: KeyDigest::of(&format!("key-{number}")),
        fingerprint: Fingerprint::of([customer.as_str().as_bytes(), &[1]]),
    };
    let lines = [line].into_iter().collect();
    Command::Reserve(Reserve { customer, lines, key: Some(key), salt: 7, pass: None })
}
