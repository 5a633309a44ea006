//! One history: the real room, the naive one, the shard that sells, and the clock. Compared after each step.

mod doing;
mod ticking;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use onsale::domain::ids::{EventId, EventNumber, PoolId, ShardId};
use onsale::domain::inventory::{
    BookingTerms, Change, Create, EventTerms, PoolTerms, SaleState, SaleTerms,
    create as create_event,
};
use onsale::domain::money::{Currency, Money};
use onsale::domain::time::{HoldLength, UnixMillis};
use onsale::domain::waiting_room::{
    Arrange, CodeTerms, Ending, Method, NO_PLACE, Room, RoomCommand, RoomDecision, RoomFact,
    RoomMode, State, ViewChange, apply, create, decide,
};
use onsale::storage::books::Books;
use onsale::storage::frame::read_frames;
use onsale::storage::record::{CheckpointPart, decode, encode_created, encode_room};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::naive::{Bug, Naive, News, Said, Say, Stand};

const EVENT: EventNumber = EventNumber(1);
const FANS: u8 = 14;
/// How long a reservation that passed the door may wait for its turn. Unit: milliseconds.
const IN_FLIGHT_MS: u64 = 3_000;

/// How often things happened, over all histories: a model that never gets there checks nothing.
#[derive(Debug, Default)]
pub struct Seen(BTreeMap<&'static str, u64>);

pub struct World {
    random: StdRng,
    now: u64,
    room: Room,
    journal: Vec<u8>,
    naive: Naive,
    /// What polls would read.
    view: Vec<(State, u32)>,
    uses: Vec<u32>,
    shopping: Vec<u32>,
    /// Passes on their way through the door: number, and until when the shard takes them.
    in_flight: Vec<(u32, u64)>,
    /// What the newest pass of each says: when it ends. Unit: milliseconds.
    passes: BTreeMap<u32, u64>,
    gone: BTreeSet<u32>,
    units: u64,
    old_news: Option<News>,
    seen: Seen,
}

impl Seen {
    pub fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(what, times)| *self.0.entry(what).or_default() += times);
    }

    fn saw(&mut self, what: &'static str, times: usize) {
        *self.0.entry(what).or_default() += times as u64;
    }

    pub fn assert_everything_happened(&self) {
        let all = [
            "joined",
            "admitted",
            "skipped",
            "returned",
            "used",
            "lapsed",
            "left",
            "left ready",
            "sealed",
            "drained",
            "rested",
            "woken",
            "new line",
            "promoted",
            "late use",
            "replayed",
            "restored",
            "stale news",
            "full",
            "at random",
            "suspects",
        ];
        for what in all {
            let times = self.0.get(what).copied().unwrap_or(0);
            assert!(20 <= times, "{what} happened {times} times: {self:?}");
        }
    }
}

impl World {
    pub fn run(seed: u64, steps: u32, bug: Bug) -> Seen {
        let mut random = StdRng::seed_from_u64(seed);
        let now = 1_000_000 + random.random_range(0..2_000);
        let say = first_say(&mut random, now);
        let ask = asking(&say, &mut random);
        let first = create(&ask, UnixMillis(now)).expect("in bounds");
        let room = Room::arranged(EVENT, &first).expect("it brings keys");
        let mut journal = Vec::new();
        encode_created(&mut journal, ShardId(0), &created());
        encode_room(&mut journal, EVENT, &RoomFact::Arranged(Box::new(first)));
        let naive = Naive {
            say,
            bug,
            fans: Vec::new(),
            base: 0,
            awake: false,
            sealed: false,
            drained: false,
            queue: Vec::new(),
            back: Vec::new(),
            heard: 0,
        };
        let mut world = Self {
            random,
            now,
            room,
            journal,
            naive,
            view: Vec::new(),
            uses: Vec::new(),
            shopping: Vec::new(),
            in_flight: Vec::new(),
            passes: BTreeMap::new(),
            gone: BTreeSet::new(),
            units: 1_000,
            old_news: None,
            seen: Seen::default(),
        };
        for _ in 0..steps {
            world.step();
            world.compare();
        }
        world.seen
    }

    fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..25 => self.join(),
            25..30 => self.leave(),
            30..36 => self.come_back(),
            36..46 => self.pass_the_door(),
            46..52 => self.finish_shopping(),
            52..55 => self.arrange(),
            55..58 => self.wake(),
            58..63 => self.go_or_come(),
            63..65 => self.replay(),
            65..67 => self.restore(),
            67..75 => self.now += self.random.random_range(0..4_000),
            75..77 => self.now += self.random.random_range(0..40_000),
            77..78 => self.units = self.random.random_range(0..12),
            _ => self.tick(),
        }
        if self.random.random_bool(0.05) {
            self.units = 1_000;
        }
    }

    fn ask(&mut self, command: &RoomCommand) -> Result<Said, &'static str> {
        match decide(&self.room, command, UnixMillis(self.now)) {
            Err(refusal) => Err(refusal.code()),
            Ok(RoomDecision::Repeats { number }) => Ok(Said::Same(number)),
            Ok(RoomDecision::Unchanged) => Ok(Said::Happened),
            Ok(RoomDecision::Happens(fact)) => {
                let joined = matches!(fact, RoomFact::Joined(_));
                let number = self.room.line().next_number();
                self.happen(&fact);
                Ok(if joined { Said::New(number) } else { Said::Happened })
            }
        }
    }

    fn happen(&mut self, fact: &RoomFact) {
        encode_room(&mut self.journal, EVENT, fact);
        let mut changes = Vec::new();
        apply(&mut self.room, fact, |change| changes.push(change));
        for change in changes {
            self.show(change);
        }
    }

    fn show(&mut self, change: ViewChange) {
        match change {
            ViewChange::Joined { number, position } => {
                assert_eq!(number as usize, self.view.len());
                self.view.push((State::Waiting, position));
            }
            ViewChange::Slot { number, state, slot } => self.view[number as usize] = (state, slot),
            ViewChange::Sealed => {
                for (number, seen) in (0..).zip(&mut self.view) {
                    if seen.0 == State::Waiting {
                        seen.1 = self.room.line().slot(number);
                    }
                }
            }
            ViewChange::Begun { base } => {
                self.view[..base as usize].fill((State::Expired, 0));
            }
            ViewChange::Arranged => {}
        }
    }

    fn compare(&self) {
        assert_eq!(self.room.audit(), []);
        assert_eq!(self.room.phase().as_str(), self.naive.phase());
        let (line, now) = (self.room.line(), UnixMillis(self.now));
        assert_eq!(line.passes_out(), self.naive.out());
        assert_eq!(self.room.totals().inversions, 0);
        for (number, fan) in (0..).zip(&self.naive.fans) {
            let state = self.room.state(number, now).expect("known");
            let stand = self.naive.stand(number as usize, self.now);
            let same = match stand {
                Stand::Waiting => state == State::Waiting,
                Stand::Ready(end) => (state, u64::from(line.slot(number))) == (State::Ready, end),
                Stand::Used => state == State::Used,
                Stand::Skipped(until) => {
                    (state, u64::from(line.slot(number))) == (State::Skipped, until)
                }
                Stand::Returning => state == State::Returning,
                Stand::Left(_) => state == State::Left,
                Stand::Expired => state == State::Expired,
            };
            assert!(same, "{number}: {state:?}, {stand:?}");
            assert_eq!(
                self.view[number as usize],
                (line.state(number).expect("known"), line.slot(number))
            );
            if state == State::Waiting && self.naive.base <= number as usize {
                self.compare_place(number, fan.place);
            }
        }
    }

    /// INV-10: a place once told is told for ever.
    fn compare_place(&self, number: u32, told: Option<u32>) {
        let slot = self.room.line().slot(number);
        let at_random = self.room.sealed().is_some_and(|sealed| sealed.method == Method::Random);
        let expected = if at_random { NO_PLACE } else { told.unwrap_or(NO_PLACE) };
        assert_eq!(slot, expected, "INV-10: {number}");
    }

    fn replay(&mut self) {
        let mut books = Books::default();
        for frame in read_frames(&self.journal) {
            books.fold(decode(&frame.expect("whole")).expect("understood")).expect("folds");
        }
        let room = books.rooms.remove(&EVENT).expect("the room");
        assert_eq!(room.digest(), self.room.digest(), "INV-6");
        self.room = room;
        self.seen.saw("replayed", 1);
    }

    fn restore(&mut self) {
        let mut books = Books::default();
        for frame in read_frames(&self.journal) {
            books.fold(decode(&frame.expect("whole")).expect("understood")).expect("folds");
        }
        let (mut frames, mut bytes) = (books.checkpoint_frames(), Vec::new());
        while frames(&mut bytes) {}
        drop(frames);
        let mut restored = Books::default();
        for frame in read_frames(&bytes) {
            let part = CheckpointPart::decode(&frame.expect("whole")).expect("understood");
            restored.restore(part).expect("adds up");
        }
        assert_eq!(restored.digest(), books.digest(), "INV-6");
        self.room = restored.rooms.remove(&EVENT).expect("the room");
        self.seen.saw("restored", 1);
    }
}

fn first_say(random: &mut StdRng, now: u64) -> Say {
    let methods = [Method::Draw, Method::Fifo, Method::Random];
    Say {
        mode: if random.random_bool(0.8) { RoomMode::On } else { RoomMode::Auto },
        method: methods[random.random_range(0..3)],
        doors_at: now + random.random_range(0..20_000),
        paused: false,
        ending: Ending::None,
        active_max: random.random_range(1..8),
        pass_s: random.random_range(10..20),
        return_s: [0, 20, 40][random.random_range(0..3)],
        codes: [(0, 1), (1, 2), (2, 100)].into(),
    }
}

fn asking(say: &Say, random: &mut StdRng) -> Arrange {
    let codes =
        say.codes.iter().map(|(code, max)| CodeTerms { digest: [*code; 16], uses_max: Some(*max) });
    Arrange {
        mode: Some(say.mode),
        method: Some(say.method),
        doors_at: Some(Change::To(UnixMillis(say.doors_at))),
        paused: Some(say.paused),
        ending: Some(say.ending),
        active_max: Some(say.active_max),
        pass_seconds: Some(u32::try_from(say.pass_s).expect("small")),
        return_seconds: Some(u32::try_from(say.return_s).expect("small")),
        units_per_pass_hundredths: Some(200),
        codes: Some(codes.collect()),
        ..Arrange::nothing(std::array::from_fn(|_| random.random()))
    }
}

pub fn created() -> onsale::domain::inventory::Created {
    let pool = PoolTerms {
        id: PoolId::parse("a").expect("a slug"),
        name: "a".into(),
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
            customer_limit: NonZeroU32::new(5),
        },
        booking: BookingTerms::default(),
        pools: vec![pool],
        created_at: UnixMillis(1),
        revision: 1,
    };
    let ask = Create {
        event: EVENT,
        terms: Arc::new(terms),
        capacities: vec![8],
        key: None,
        organizer: None,
    };
    create_event(None, &ask).expect("not refused").expect("new")
}
