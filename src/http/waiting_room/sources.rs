//! From where people join, to see that hundreds come from one place. Counts, nothing else: places are never
//! decided by an address, only whether somebody is a suspect.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use crate::config::WaitingRoomConfig;
use crate::domain::ids::EventNumber;

/// An address, or of IPv6 the /64 that one household has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl Source {
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
            }
        })
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

/// Joins by event and source.
pub struct Sources {
    /// More than so many are suspect; `None`: nothing is counted.
    joins_max: Option<NonZeroU32>,
    sources_max: usize,
    joins: Mutex<BTreeMap<(EventNumber, Source), u32>>,
}

impl Sources {
    pub fn new(config: &WaitingRoomConfig) -> Self {
        let joins = Mutex::default();
        Self { joins_max: config.joins_per_source_max, sources_max: config.sources_max, joins }
    }

    /// Joins after which the next one is suspect.
    pub fn joins_max(&self) -> Option<NonZeroU32> {
        self.joins_max
    }

    /// Whether the next one from there is suspect.
    pub fn is_suspect(&self, event: EventNumber, source: Source) -> bool {
        let Some(max) = self.joins_max else { return false };
        let joins = self.joins.lock().unwrap_or_else(PoisonError::into_inner);
        joins.get(&(event, source)).is_some_and(|joins| max.get() <= *joins)
    }

    /// One has joined from there.
    pub fn count(&self, event: EventNumber, source: Source) {
        if self.joins_max.is_none() {
            return;
        }
        let mut joins = self.joins.lock().unwrap_or_else(PoisonError::into_inner);
        *joins.entry((event, source)).or_default() += 1;
        while self.sources_max < joins.len() {
            // Those who joined once are forgotten first; who joins by the hundred stays.
            joins.retain(|_, joins| {
                *joins /= 2;
                0 < *joins
            });
        }
    }

    /// Sources of suspects, most joins first, up to `limit`.
    pub fn suspects(&self, event: EventNumber, limit: usize) -> Vec<(Source, u32)> {
        let Some(max) = self.joins_max else { return Vec::new() };
        let joins = self.joins.lock().unwrap_or_else(PoisonError::into_inner);
        let first = (event, Source(IpAddr::from([0; 4])));
        let of_event = joins.range(first..).take_while(|((other, _), _)| *other == event);
        let mut found: Vec<(Source, u32)> = of_event
            .filter(|(_, joins)| max.get() < **joins)
            .map(|((_, source), joins)| (*source, *joins))
            .collect();
        found.sort_by_key(|(source, joins)| (std::cmp::Reverse(*joins), *source));
        found.truncate(limit);
        found
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const EVENT: EventNumber = EventNumber(7);

    fn sources(joins_max: u32, sources_max: usize) -> Sources {
        Sources::new(&WaitingRoomConfig {
            joins_per_source_max: NonZeroU32::new(joins_max),
            sources_max,
            challenge_life: Duration::from_secs(60),
            challenge_cost_min: 1,
            challenge_cost_max: 1,
            challenge_joins_per_second: 1,
            challenges_used_max: 1_000,
        })
    }

    fn source(text: &str) -> Source {
        Source::of(text.parse().unwrap())
    }

    #[test]
    fn one_household_is_one_source_however_it_is_written() {
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_eq!(source("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
        assert_eq!(source("192.0.2.1").to_string(), "192.0.2.1");
    }

    #[test]
    fn who_joins_beyond_the_bound_is_suspect_for_that_event_and_listed() {
        let sources = sources(2, 100);
        for (address, joins) in [("192.0.2.1", 5), ("192.0.2.2", 2), ("2001:db8::1", 3)] {
            (0..joins).for_each(|_| sources.count(EVENT, source(address)));
        }
        assert!(sources.is_suspect(EVENT, source("192.0.2.1")));
        assert!(sources.is_suspect(EVENT, source("192.0.2.2")), "the third one would be");
        assert!(!sources.is_suspect(EVENT, source("192.0.2.3")));
        assert!(!sources.is_suspect(EventNumber(8), source("192.0.2.1")));
        let listed = [(source("192.0.2.1"), 5), (source("2001:db8::1"), 3)];
        assert_eq!(sources.suspects(EVENT, 10), listed);
        assert_eq!(sources.suspects(EVENT, 1), listed[..1]);
        assert_eq!(sources.suspects(EventNumber(8), 10), []);
        assert_eq!(sources.suspects(EventNumber(6), 10), []);
    }

    #[test]
    fn a_flood_of_addresses_is_forgotten_and_the_heavy_one_stays() {
        let sources = sources(10, 1_000);
        (0..100).for_each(|_| sources.count(EVENT, source("192.0.2.1")));
        for address in 0..3_000_u32 {
            sources.count(EVENT, Source::of(IpAddr::from((10 << 24 | address).to_be_bytes())));
        }
        assert!(sources.is_suspect(EVENT, source("192.0.2.1")));
        assert!(sources.joins.lock().unwrap().len() <= 1_000);
    }

    #[test]
    fn nothing_is_kept_of_anybody_while_it_is_off() {
        let sources = sources(0, 1_000);
        (0..100).for_each(|_| sources.count(EVENT, source("192.0.2.1")));
        assert!(!sources.is_suspect(EVENT, source("192.0.2.1")));
        assert!(sources.joins.lock().unwrap().is_empty());
    }
}
