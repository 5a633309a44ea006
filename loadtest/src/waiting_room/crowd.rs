//! All fans in one table, and who comes next.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::fan::{Fan, NONE, Stage, mark};
use super::laws::Findings;
use super::roles::{Luck, Role, luck, role};
use super::story::Story;
use super::terms::Terms;
use crate::buyer::Trouble;
use crate::tally::histogram;

/// Shared by everything on one thread.
pub type Shared = Rc<RefCell<Crowd>>;

/// A pass, and what was made of it.
#[derive(Debug, Clone, Default)]
pub struct Shopper {
    pub pass: String,
    /// When the fan was let in, at the latest. Unit: milliseconds since the start.
    pub from: u32,
    pub ends: u32,
    /// Passes that this fan had before.
    pub turn: u8,
    pub reservation: Option<Held>,
}

#[derive(Debug, Clone)]
pub struct Held {
    pub id: String,
    /// When it lapses. Unit: milliseconds since the start.
    pub ends: u32,
    /// When the request that ends it was first sent.
    pub ended_from: Option<u32>,
}

/// What was measured on the way. Unit of times: microseconds.
pub struct Measures {
    pub joins: u64,
    pub polls: u64,
    /// Polls before the time that was told, each refused.
    pub early: u64,
    pub reservations: u64,
    pub trouble: Trouble,
    /// Age of what a poll says.
    pub age: Histogram<u64>,
    /// By how much this program was late.
    pub late: Histogram<u64>,
    pub join_latency: Histogram<u64>,
    pub poll_latency: Histogram<u64>,
    /// In each second since the start: joins, polls, fans who learned of a pass.
    pub seconds: Vec<[u32; 3]>,
}

/// What comes next for one connection.
pub enum Next {
    Act(u32),
    /// Nobody is due for so long. Unit: milliseconds.
    Wait(u32),
    Over,
}

pub struct Crowd {
    pub fans: Vec<Fan>,
    pub terms: Terms,
    pub shoppers: BTreeMap<u32, Shopper>,
    pub laws: Findings,
    pub story: Story,
    pub measures: Measures,
    /// Nothing is left that could be bought.
    pub sale_over: bool,
    /// When the server last came back after a kill.
    pub started_at: Option<u32>,
    /// Places that were told, so that no number is given twice: one bit for each number.
    numbers: Vec<u64>,
    begun: Instant,
    /// When that was. Unit: milliseconds since 1970.
    begun_at: i64,
    /// Those near the front and with a pass first: in life nobody waits for a million others to ask.
    soon: BinaryHeap<Reverse<(u32, u32)>>,
    later: BinaryHeap<Reverse<(u32, u32)>>,
    acting: u32,
    done: u64,
    until: u32,
}

impl Crowd {
    /// Everybody, each due when they come. `seconds_max`: when the run ends whatever is left.
    pub fn new(terms: Terms, seconds_max: u32) -> Self {
        let count = terms.fans;
        let mut crowd = Self {
            fans: (0..count).map(|fan| Fan::new(role(fan))).collect(),
            terms,
            shoppers: BTreeMap::new(),
            laws: Findings::default(),
            story: Story::default(),
            measures: Measures::new(),
            sale_over: false,
            started_at: None,
            numbers: Vec::new(),
            begun: Instant::now(),
            begun_at: jiff::Timestamp::now().as_millisecond(),
            soon: BinaryHeap::new(),
            later: BinaryHeap::with_capacity(count as usize),
            acting: 0,
            done: 0,
            until: seconds_max.saturating_mul(1_000),
        };
        for fan in 0..count {
            let due = crowd.terms.comes_at(luck(fan, Luck::Joins));
            crowd.fans[fan as usize].due = due;
            crowd.later.push(Reverse((due, fan)));
        }
        crowd
    }

    /// Unit: milliseconds since the start.
    pub fn now(&self) -> u32 {
        u32::try_from(self.begun.elapsed().as_millis()).unwrap_or(NONE)
    }

    /// A time of the server's, as told in a body; `None`: it is not one.
    pub fn time(&self, text: &str) -> Option<u32> {
        let at: jiff::Timestamp = text.parse().ok()?;
        // What was before the start is at the start.
        u32::try_from((at.as_millisecond() - self.begun_at).max(0)).ok()
    }

    /// The same the other way round.
    pub fn timestamp(&self, at: u32) -> String {
        let at = jiff::Timestamp::from_millisecond(self.begun_at + i64::from(at));
        at.map(|at| at.to_string()).unwrap_or_default()
    }

    /// Who acts now.
    pub fn next(&mut self) -> Next {
        let now = self.now();
        let is_empty = self.soon.is_empty() && self.later.is_empty() && self.acting == 0;
        if self.until <= now || is_empty {
            return Next::Over;
        }
        for queue in [&mut self.soon, &mut self.later] {
            if queue.peek().is_some_and(|Reverse((due, _))| *due <= now)
                && let Some(Reverse((due, fan))) = queue.pop()
            {
                self.acting += 1;
                let late = now - due;
                self.measures.late.saturating_record(u64::from(late) * 1_000);
                // A second of both is the way there and back.
                let own = &mut self.fans[fan as usize];
                if own.number != NONE && self.terms.absent_seconds * 1_000 < late + 1_000 {
                    own.set(mark::WAS_AWAY);
                }
                return Next::Act(fan);
            }
        }
        let first = [&self.soon, &self.later].into_iter().filter_map(|queue| queue.peek());
        let due = first.map(|Reverse((due, _))| *due).min().unwrap_or(now + PAUSE_MAX);
        Next::Wait((due - now).clamp(1, PAUSE_MAX))
    }

    /// The fan who acts comes again in so many milliseconds.
    pub fn again(&mut self, fan: u32, stage: Stage, after: u32) {
        let due = self.now().saturating_add(after);
        let own = &mut self.fans[fan as usize];
        (own.stage, own.due) = (stage, due);
        let shops = matches!(stage, Stage::Shops | Stage::Settles | Stage::Robbed | Stage::Sneaks);
        let queue = if shops || after <= SOON { &mut self.soon } else { &mut self.later };
        queue.push(Reverse((due, fan)));
        self.acting -= 1;
    }

    /// The fan who acts has nothing more to do.
    pub fn finish(&mut self, fan: u32) {
        self.fans[fan as usize].stage = Stage::Done;
        self.acting -= 1;
        self.done += 1;
    }

    /// Fans who have nothing more to do.
    pub fn done(&self) -> u64 {
        self.done
    }

    pub fn is_over(&self) -> bool {
        let is_empty = self.soon.is_empty() && self.later.is_empty() && self.acting == 0;
        is_empty || self.until <= self.now()
    }

    /// Whether a time for the next poll may have been told before a kill: it is in memory only, so who then
    /// comes too early is served.
    pub fn may_have_forgotten(&self) -> bool {
        self.started_at.is_some_and(|started| self.now() < started + HINT_MAX)
    }

    /// Notes that a number was told to somebody new; `false`: another has it.
    pub fn is_new_number(&mut self, number: u32) -> bool {
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        if self.numbers.len() <= word {
            self.numbers.resize(word + 1, 0);
        }
        let is_new = self.numbers[word] & bit == 0;
        self.numbers[word] |= bit;
        is_new
    }

    /// One more of these in this second: 0 joins, 1 polls, 2 passes.
    pub fn count(&mut self, what: usize) {
        let second = (self.now() / 1_000) as usize;
        let seconds = &mut self.measures.seconds;
        if seconds.len() <= second {
            seconds.resize(second + 1, [0; 3]);
        }
        seconds[second][what] += 1;
    }

    pub fn role(&self, fan: u32) -> Role {
        self.fans[fan as usize].role
    }
}

impl Measures {
    fn new() -> Self {
        Self {
            joins: 0,
            polls: 0,
            early: 0,
            reservations: 0,
            trouble: Trouble::default(),
            age: histogram(),
            late: histogram(),
            join_latency: histogram(),
            poll_latency: histogram(),
            seconds: Vec::new(),
        }
    }
}

/// Longest sleep of a connection that has nothing to do. Unit: milliseconds.
const PAUSE_MAX: u32 = 20;
/// The longest time that is told until the next poll. Unit: milliseconds.
const HINT_MAX: u32 = 40_000;
/// Who comes again within this is near the front. Unit: milliseconds.
const SOON: u32 = 2_000;
