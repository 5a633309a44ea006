//! What grows, how far, and what a server looks like at each place.

/// Load of 201s per second that pools of the axis `units` must outlast.
const RATE_MAX: u64 = 200_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    Events,
    Units,
    Shards,
    Connections,
    Journal,
}

impl Axis {
    pub const ALL: [Self; 5] =
        [Self::Events, Self::Units, Self::Shards, Self::Connections, Self::Journal];

    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Units => "units",
            Self::Shards => "shards",
            Self::Connections => "connections",
            Self::Journal => "journal",
        }
    }

    /// What people must know to read its curves.
    pub fn note(self) -> &'static str {
        match self {
            Self::Events => {
                "The same total load, over so many events in turn. Memory per event is the growth of \
                 RSS while they were created, over their number, before any sale."
            }
            Self::Units => {
                "Units per pool. A pool of a thousand would be sold out in milliseconds, so at every \
                 place of this axis the load goes in turn over the same number of events, enough to \
                 last; only the size of their pools differs."
            }
            Self::Shards => "Shard actors; the load goes in turn over 64 events.",
            Self::Connections => "Connections that each ask again when they have their answer.",
            Self::Journal => {
                "Reservations in the journal when the server is killed and started again, with its \
                 files in the page cache. Ready is from the call to the ready line, recovery is the \
                 server's own figure. Memory per reservation is the growth of RSS over their number: \
                 after they were taken in, and of a server that has recovered."
            }
        }
    }

    fn places(self, quick: bool) -> &'static [u64] {
        match (self, quick) {
            (Self::Events, false) => &[1, 10, 100, 1_000, 10_000, 100_000],
            (Self::Events, true) => &[1, 2_000],
            (Self::Units, false) => &[1_000, 10_000, 100_000, 1_000_000, 10_000_000],
            (Self::Units, true) => &[1_000, 10_000_000],
            (Self::Shards, false) => &[1, 2, 4, 8, 16],
            (Self::Shards, true) => &[1, 4],
            (Self::Connections, false) => &[1, 4, 16, 64, 256, 1_024, 4_096],
            (Self::Connections, true) => &[1, 128],
            (Self::Journal, false) => &[10_000, 100_000, 1_000_000],
            (Self::Journal, true) => &[10_000],
        }
    }
}

/// A place on an axis.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    pub axis: Axis,
    pub at: u64,
}

/// A server and its load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub events: u64,
    /// Of each event's one pool.
    pub units: u64,
    /// 0: as many as the server likes.
    pub shards: u64,
    pub connections: u32,
}

impl Point {
    pub fn of(axes: &[Axis], quick: bool) -> Vec<Self> {
        let points = |axis: &Axis| {
            let axis = *axis;
            axis.places(quick).iter().map(move |at| Self { axis, at: *at })
        };
        axes.iter().flat_map(points).collect()
    }

    /// `seconds`: how long pools must last.
    pub fn shape(self, seconds: u64) -> Shape {
        let usual = Shape { events: 1, units: 100_000_000, shards: 0, connections: 64 };
        match self.axis {
            Axis::Events => Shape { events: self.at, ..usual },
            Axis::Units => {
                let events = (RATE_MAX * seconds.max(1)).div_ceil(1_000);
                Shape { events, units: self.at, ..usual }
            }
            Axis::Shards => Shape { events: 64, shards: self.at, ..usual },
            Axis::Connections => {
                Shape { connections: u32::try_from(self.at).unwrap_or(u32::MAX), ..usual }
            }
            Axis::Journal => usual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_pools_last_as_long_as_the_largest_over_as_many_events() {
        let at = |at| Point { axis: Axis::Units, at }.shape(6);
        assert!(RATE_MAX * 6 <= at(1_000).events * at(1_000).units);
        assert_eq!(at(1_000).events, at(10_000_000).events);
    }
}
