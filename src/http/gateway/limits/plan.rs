//! Policies made ready for requests: what applies to whom, and the texts of the fields.

use std::fmt::Write;
use std::net::{IpAddr, Ipv6Addr};

use axum::http::HeaderValue;

use super::{Change, Subject, Told};
use crate::domain::limits::{Class, Key, Pace, Policies, Policy, TICKS_PER_SECOND};

/// All that holds at one time.
pub(super) struct Plan {
    pub change: Change,
    /// Since the settings were read.
    pub is_changed: bool,
    /// By class.
    classes: [OfClass; 6],
}

/// Of one class.
pub(super) struct OfClass {
    customer: Option<Row>,
    organizer: Option<Row>,
    address: Option<Row>,
    net64: Option<Row>,
    net48: Option<Row>,
    /// `RateLimit-Policy`: every policy of the class. `None`: there are none.
    field: Option<HeaderValue>,
}

/// A policy with its arithmetic.
pub(super) struct Row {
    pub policy: Policy,
    pub pace: Pace,
}

impl Row {
    /// Whether it counts addresses, which anybody may have as many of as they rent.
    pub fn is_of_stranger(&self) -> bool {
        match self.policy.key {
            Key::Customer | Key::Organizer => false,
            Key::Address | Key::Net64 | Key::Net48 => true,
        }
    }

    /// Adds an item of `RateLimit`. `until` in ticks.
    pub fn tell(&self, list: &mut String, left: u32, until: u64) {
        let comma = if list.is_empty() { "" } else { ", " };
        let (name, seconds) = (self.policy.name(), until.div_ceil(TICKS_PER_SECOND));
        let _ = write!(list, "{comma}\"{name}\";r={left};t={seconds}");
    }
}

impl Plan {
    pub fn new(change: &Change, is_changed: bool) -> Self {
        let classes = Class::ALL.map(|class| OfClass::new(&change.policies, class));
        Self { change: change.clone(), is_changed, classes }
    }

    pub fn class(&self, class: Class) -> &OfClass {
        &self.classes[class as usize]
    }

    pub fn exempts(&self, address: IpAddr) -> bool {
        self.change.exempt.iter().any(|net| net.contains(&address))
    }
}

impl OfClass {
    fn new(policies: &Policies, class: Class) -> Self {
        let row = |key| {
            let policy = *policies.of(class, key)?;
            Some(Row { policy, pace: policy.pace() })
        };
        let items: Vec<String> = policies
            .iter()
            .filter(|policy| policy.class == class)
            .map(|policy| {
                format!("\"{}\";q={};w={}", policy.name(), policy.quota, policy.window_seconds)
            })
            .collect();
        let field = HeaderValue::try_from(items.join(", ")).ok();
        Self {
            customer: row(Key::Customer),
            organizer: row(Key::Organizer),
            address: row(Key::Address),
            net64: row(Key::Net64),
            net48: row(Key::Net48),
            field: field.filter(|_| !items.is_empty()),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.field.is_none()
    }

    /// What applies to somebody, the narrowest first, each with the key of its cell.
    pub fn rows<'a>(
        &'a self,
        subject: &Subject<'_>,
        seed: &[u8; 32],
    ) -> impl Iterator<Item = (&'a Row, u64)> {
        let named = |row: &'a Option<Row>, names: [Option<&str>; 2]| {
            row.as_ref().map(|row| (row, hash(seed, row, &names)))
        };
        // A customer's name is the organizer's to give: two may have the same one.
        let customer = subject.customer.map(|customer| [subject.organizer, Some(customer)]);
        let customer = customer.and_then(|names| named(&self.customer, names));
        let organizer = subject.organizer.map(|organizer| [Some(organizer), None]);
        let organizer = organizer.and_then(|names| named(&self.organizer, names));
        // All that a shop's own server asks comes from one address; it has shown who it is.
        let is_server = subject.organizer.is_some() && subject.customer.is_none();
        let nets = if is_server { [None, None] } else { self.nets(subject.address, seed) };
        [customer, organizer].into_iter().chain(nets).flatten()
    }

    fn nets(&self, address: IpAddr, seed: &[u8; 32]) -> [Option<(&Row, u64)>; 2] {
        let counted = |row: &'_ Row, bits: u128| {
            let bits = bits.to_be_bytes();
            digest(seed, row, &[&bits])
        };
        match address {
            IpAddr::V4(address) => {
                let bits = u128::from(address.to_bits()) | 0xffff << 32;
                [self.address.as_ref().map(|row| (row, counted(row, bits))), None]
            }
            IpAddr::V6(address) => {
                let net = |row: &'_ Row, bits: u32| counted(row, network(address, bits));
                let net64 = self.net64.as_ref().or(self.address.as_ref());
                [
                    net64.map(|row| (row, net(row, 64))),
                    self.net48.as_ref().map(|row| (row, net(row, 48))),
                ]
            }
        }
    }

    /// `None`: nothing was counted.
    pub fn told(&self, left: &str) -> Option<Told> {
        let policy = self.field.clone().filter(|_| !left.is_empty())?;
        Some(Told { policy, left: HeaderValue::try_from(left).ok()? })
    }
}

fn network(address: Ipv6Addr, bits: u32) -> u128 {
    address.to_bits() & u128::MAX << (128 - bits)
}

fn hash(seed: &[u8; 32], row: &Row, names: &[Option<&str>; 2]) -> u64 {
    // No name has a line break in it, and none is a name of its own.
    let parts = names.map(|name| name.unwrap_or("\n").as_bytes());
    digest(seed, row, &[parts[0], b"\n", parts[1]])
}

/// Nobody outside may choose whose cell they share, hence a keyed hash.
fn digest(seed: &[u8; 32], row: &Row, parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new_keyed(seed);
    hasher.update(&[row.policy.number()]);
    parts.iter().for_each(|part| {
        hasher.update(part);
    });
    let hash = hasher.finalize();
    let (head, _) = hash.as_bytes().split_at(8);
    head.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}
