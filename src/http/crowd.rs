//! How many connections each address has open, so that one of them cannot take all.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use super::waiting_room::Source;
use crate::metrics;

/// See the module. Clones count together. Looked at once for each connection, never for a request.
#[derive(Clone)]
pub(super) struct Crowd {
    max: Option<NonZeroU32>,
    /// As many as there are open connections at the most.
    open: Arc<Mutex<BTreeMap<Source, u32>>>,
}

/// An open connection, until it is dropped.
pub(super) struct Seat(Option<(Crowd, Source)>);

/// The address has as many as it may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Crowded;

impl Crowd {
    pub fn new(max: Option<NonZeroU32>) -> Self {
        Self { max, open: Arc::default() }
    }

    /// A seat for one more connection from there; `is_counted` is asked when there is a bound.
    pub fn seat(&self, peer: IpAddr, is_counted: impl Fn() -> bool) -> Result<Seat, Crowded> {
        let Some(max) = self.max.filter(|_| is_counted()) else { return Ok(Seat(None)) };
        let source = Source::of(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let here = open.entry(source).or_default();
        if max.get() <= *here {
            metrics::count_refused_connection();
            return Err(Crowded);
        }
        *here += 1;
        Ok(Seat(Some((self.clone(), source))))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some((crowd, source)) = self.0.take() else { return };
        let mut open = crowd.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = open.get_mut(&source) {
            *here -= 1;
            if *here == 0 {
                open.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_seats_and_gets_them_back() {
        let crowd = Crowd::new(NonZeroU32::new(2));
        let seat = |address: &str| crowd.seat(address.parse().unwrap(), || true);
        let held = [seat("2001:db8::1").unwrap(), seat("2001:db8::2").unwrap()];
        assert_eq!(seat("2001:db8::3").err(), Some(Crowded), "one household");
        assert!(seat("2001:db8:0:1::3").is_ok() && seat("192.0.2.1").is_ok());
        drop(held);
        assert!(crowd.open.lock().unwrap().is_empty());
        let first = seat("::ffff:192.0.2.1").unwrap();
        let second = seat("192.0.2.1").unwrap();
        assert!(seat("192.0.2.1").is_err());
        drop((first, second));
    }

    #[test]
    fn whoever_is_not_counted_has_no_bound() {
        let crowd = Crowd::new(NonZeroU32::new(1));
        let seats = [(); 5].map(|()| crowd.seat(IpAddr::from([192, 0, 2, 1]), || false));
        assert!(seats.iter().all(Result::is_ok));
    }
}
