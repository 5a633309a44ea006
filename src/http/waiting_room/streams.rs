//! Who is told their place as it changes: at most so many, and no fan twice over what two tabs need.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::EventNumber;

/// A fan: event and number.
type Fan = (EventNumber, u32);

/// Streams of one fan at one time: a second tab, not a thousand.
const OF_ONE_FAN_MAX: u8 = 2;

/// See the module. Locked only when a stream begins or ends.
pub struct Streams {
    max: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    all: usize,
    of_fan: BTreeMap<Fan, u8>,
}

impl Streams {
    pub fn new(max: u32) -> Self {
        Self { max: max as usize, open: Arc::default() }
    }

    /// Room for one more; `None`: poll instead.
    pub fn hold(&self, event: EventNumber, number: u32) -> Option<Held> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_fan = open.of_fan.get(&(event, number)).copied().unwrap_or(0);
        if self.max <= open.all || OF_ONE_FAN_MAX <= of_fan {
            return None;
        }
        open.all += 1;
        open.of_fan.insert((event, number), of_fan + 1);
        Some(Held { fan: (event, number), open: Arc::clone(&self.open) })
    }

    /// Streams that are open.
    pub fn open(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

/// The room of one stream, given back when dropped.
pub struct Held {
    fan: Fan,
    open: Arc<Mutex<Open>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        match open.of_fan.remove(&self.fan) {
            None | Some(0 | 1) => {}
            Some(more) => {
                open.of_fan.insert(self.fan, more - 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_than_allowed_and_what_ends_makes_room() {
        let streams = Streams::new(3);
        let event = EventNumber(1);
        let mut held: Vec<Held> = (0..3).filter_map(|n| streams.hold(event, n)).collect();
        assert_eq!((held.len(), streams.open()), (3, 3));
        assert!(streams.hold(event, 9).is_none());
        held.pop();
        assert!(streams.hold(event, 9).is_some(), "and is given back at once");
        assert_eq!(streams.open(), 2);
    }

    #[test]
    fn one_fan_holds_two_and_no_more() {
        let streams = Streams::new(100);
        let (one, two) = (streams.hold(EventNumber(1), 5), streams.hold(EventNumber(1), 5));
        assert!(one.is_some() && two.is_some());
        assert!(streams.hold(EventNumber(1), 5).is_none());
        assert!(streams.hold(EventNumber(2), 5).is_some(), "another event's number 5");
        drop(one);
        assert!(streams.hold(EventNumber(1), 5).is_some());
        drop(two);
        assert_eq!(streams.open(), 0);
        assert!(streams.open.lock().unwrap().of_fan.is_empty());
    }
}
