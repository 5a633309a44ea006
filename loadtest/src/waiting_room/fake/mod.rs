//! A waiting room in memory, just good enough for fans, with bugs to order: each law of the ledger must
//! notice the one that breaks it. Clean, it must not complain.

mod bugs;
mod wire;

use std::collections::BTreeMap;
use std::time::Instant;

use data_encoding::BASE64URL_NOPAD;
use rand::seq::SliceRandom;
use serde_json::{Value, json};

use self::wire::Ask;
use super::terms::Terms;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    None,
    /// A second join of one fan is a second place.
    SecondPlace,
    /// Everybody has the same number.
    OneNumber,
    MovesBack,
    ForgetsPlaces,
    LastGoFirst,
    SellsTwice,
    SellsToThieves,
    SellsWithoutPass,
    LetsInTooMany,
    LetsInTooFast,
    RefusesHonest,
    ServesEarly,
    TurnedChances,
    LosesSales,
    /// Whoever lets a pass run out gets another, again and again.
    ReturnsForEver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Ready,
    Skipped,
    Returning,
    Used,
    Left,
    Expired,
}

struct Entrant {
    customer: String,
    state: State,
    /// Unit of times: milliseconds since the start.
    next_poll: u64,
    ends: u64,
    returned: bool,
}

struct Room {
    bug: Bug,
    terms: Terms,
    begun: Instant,
    begun_at: i64,
    entrants: Vec<Entrant>,
    known: BTreeMap<String, usize>,
    /// Number by position.
    order: Vec<usize>,
    /// Entrants of the draw.
    drawn: Option<usize>,
    allowance: f64,
    ticked: u64,
    /// Until when units are held, and how many, by reservation.
    held: BTreeMap<String, (u64, u32)>,
    answers: BTreeMap<String, String>,
    sold: u32,
}

impl Room {
    fn new(bug: Bug, terms: Terms) -> Self {
        Self {
            bug,
            terms,
            begun: Instant::now(),
            begun_at: jiff::Timestamp::now().as_millisecond(),
            entrants: Vec::new(),
            known: BTreeMap::new(),
            order: Vec::new(),
            drawn: None,
            allowance: 0.0,
            ticked: 0,
            held: BTreeMap::new(),
            answers: BTreeMap::new(),
            sold: 0,
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).expect("short")
    }

    fn stamp(&self, at: u64) -> String {
        let at = self.begun_at + i64::try_from(at).expect("short");
        jiff::Timestamp::from_millisecond(at).expect("a time").to_string()
    }

    fn available(&self) -> u32 {
        let held: u32 = self.held.values().map(|(_, units)| *units).sum();
        self.terms.units - held - self.sold
    }

    /// A pass ends on a whole second, as people are told.
    fn pass_end(&self, now: u64) -> u64 {
        let begun = u64::try_from(self.begun_at).expect("after 1970");
        (begun + now + u64::from(self.terms.pass_seconds) * 1_000).div_ceil(1_000) * 1_000 - begun
    }

    /// All that time brings.
    fn tick(&mut self) {
        let now = self.now();
        self.held.retain(|_, (until, _)| now < *until);
        for entrant in &mut self.entrants {
            if entrant.state == State::Ready && entrant.ends <= now {
                let again = !entrant.returned || self.bug == Bug::ReturnsForEver;
                entrant.state = if again { State::Skipped } else { State::Expired };
            }
        }
        if now < u64::from(self.terms.doors_seconds) * 1_000 {
            return;
        }
        if self.drawn.is_none() {
            self.order.shuffle(&mut rand::rng());
            self.drawn = Some(self.order.len());
            self.ticked = now;
        }
        let rate = f64::from(self.terms.rate_per_minute) / 60_000.0;
        let faster = if self.bug == Bug::LetsInTooFast { 4.0 } else { 1.0 };
        self.allowance += u32::try_from(now - self.ticked).map_or(0.0, f64::from) * rate * faster;
        self.allowance = self.allowance.min(rate * 1_000.0 * faster).max(0.0);
        self.ticked = now;
        let ready = self.entrants.iter().filter(|entrant| entrant.state == State::Ready).count();
        let active = u32::try_from(ready + self.held.len()).expect("few");
        let many = matches!(self.bug, Bug::LetsInTooMany | Bug::LetsInTooFast);
        let most = self.terms.active_max * if many { 3 } else { 1 };
        let room = most.saturating_sub(active).min(self.available());
        for _ in 0..room {
            if self.allowance < 1.0 || !self.let_one_in(now) {
                return;
            }
            self.allowance -= 1.0;
        }
    }

    fn let_one_in(&mut self, now: u64) -> bool {
        let absent = u64::from(self.terms.absent_seconds) * 1_000;
        let mut order = self.order.clone();
        if self.bug == Bug::LastGoFirst {
            order.reverse();
        }
        let back = |state: State| if state == State::Returning { 0 } else { 1 };
        order.sort_by_key(|number| back(self.entrants[*number].state));
        let ends = self.pass_end(now);
        for number in order {
            let entrant = &mut self.entrants[number];
            if !matches!(entrant.state, State::Waiting | State::Returning) {
                continue;
            }
            if entrant.next_poll + absent < now {
                entrant.state = if entrant.returned { State::Expired } else { State::Skipped };
                continue;
            }
            (entrant.state, entrant.ends) = (State::Ready, ends);
            return true;
        }
        false
    }

    fn token(&self, kind: u8, number: usize, ends: u64) -> String {
        let mut bytes = [0; 46];
        (bytes[0], bytes[1]) = (1, kind);
        bytes[10..14].copy_from_slice(&u32::try_from(number).expect("few").to_be_bytes());
        bytes[14..22].copy_from_slice(&ends.to_be_bytes());
        let sum = bytes[..30].iter().fold(7_u64, |sum, byte| sum * 31 % 65_521 + u64::from(*byte));
        bytes[30..38].copy_from_slice(&sum.to_be_bytes());
        BASE64URL_NOPAD.encode(&bytes)
    }

    fn number(&self, kind: u8, token: &str) -> Option<(usize, u64)> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok().filter(|b| b.len() == 46)?;
        let number = u32::from_be_bytes(bytes[10..14].try_into().ok()?) as usize;
        let ends = u64::from_be_bytes(bytes[14..22].try_into().ok()?);
        (self.token(kind, number, ends) == token).then_some((number, ends))
    }

    fn join(&mut self, customer: &str) -> (u16, Value) {
        let known = self.known.get(customer).copied();
        let known = known.filter(|_| self.bug != Bug::SecondPlace);
        let number = known.unwrap_or(self.entrants.len());
        if known.is_none() {
            let customer = customer.to_owned();
            let (state, now) = (State::Waiting, self.now());
            let entrant = Entrant { customer, state, next_poll: now, ends: 0, returned: false };
            self.entrants.push(entrant);
            self.order.push(number);
            self.known.insert(self.entrants[number].customer.clone(), number);
        }
        let mut told = self.place(number);
        let shown = if self.bug == Bug::OneNumber { 0 } else { number };
        told["token"] = json!(self.token(1, shown, 0));
        (if known.is_some() { 200 } else { 201 }, told)
    }

    fn place(&mut self, number: usize) -> Value {
        let now = self.now();
        // Long enough before the doors that somebody may come too early.
        let long = self.drawn.is_none() && number.is_multiple_of(2);
        let hint = if long { 3_100 } else { rand::random_range(400..500) };
        self.entrants[number].next_poll = now + hint;
        let position = self.order.iter().position(|other| *other == number).expect("in line");
        let ahead = self.order[..position].iter();
        let waits =
            |n: &&usize| matches!(self.entrants[**n].state, State::Waiting | State::Returning);
        let ahead = ahead.filter(waits).count();
        let entrant = &self.entrants[number];
        let status = match entrant.state {
            State::Waiting if self.drawn.is_none() => "IN_DRAW",
            State::Waiting => "WAITING",
            State::Returning | State::Skipped => "RETURNING",
            State::Ready => "ADMITTED",
            State::Used => "USED",
            State::Left => "LEFT",
            State::Expired => "EXPIRED",
        };
        let waiting = status == "WAITING";
        let moved =
            if self.bug == Bug::MovesBack { usize::try_from(now).expect("short") } else { 0 };
        let reach = u32::try_from(ahead).expect("few") < self.available() * 5 / 4;
        let reach = reach != (self.bug == Bug::TurnedChances);
        let seconds = u32::try_from(ahead).expect("few") * 60 / self.terms.rate_per_minute;
        let ready = entrant.state == State::Ready;
        let pass = ready.then(|| {
            json!({"token": self.token(2, number, entrant.ends), "expires_at": self.stamp(entrant.ends)})
        });
        json!({
            "status": status, "poll_after_ms": hint, "as_of": self.stamp(now), "pass": pass,
            "place": waiting.then_some(position + 1 + moved),
            "chance": waiting.then_some(if reach { "high" } else { "none" }),
            "expected_wait_seconds":
                waiting.then(|| json!({"low": seconds / 2, "mid": seconds, "high": seconds * 2 + 2})),
        })
    }

    fn poll(&mut self, token: &str) -> (u16, Value) {
        let Some((number, _)) = self.number(1, token) else { return problem(403, "not_admitted") };
        let lost = self.bug == Bug::ForgetsPlaces && number % 10 == 3;
        if lost && self.drawn.is_some() {
            return problem(404, "not_found");
        }
        let (now, bug) = (self.now(), self.bug);
        let entrant = &mut self.entrants[number];
        let refuses = bug == Bug::RefusesHonest && number.is_multiple_of(5);
        if bug != Bug::ServesEarly && (now + 500 < entrant.next_poll || refuses) {
            let left = entrant.next_poll.saturating_sub(now);
            let (status, mut body) = problem(429, "rate_limited");
            body["retry_after"] = json!(left.div_ceil(1_000).max(1));
            return (status, body);
        }
        match entrant.state {
            State::Skipped => (entrant.state, entrant.returned) = (State::Returning, true),
            State::Expired => return problem(410, "place_expired"),
            _ => {}
        }
        (200, self.place(number))
    }

    fn leave(&mut self, token: &str) -> (u16, Value) {
        let Some((number, _)) = self.number(1, token) else { return problem(403, "not_admitted") };
        self.entrants[number].state = State::Left;
        (200, self.place(number))
    }

    fn reserve(&mut self, body: &Value, key: &str, pass: Option<&str>) -> (u16, Value) {
        if let Some(id) = self.answers.get(key) {
            return (201, json!({"id": id, "expires_at": self.stamp(self.now() + 1_000)}));
        }
        let now = self.now();
        let opened = pass.and_then(|pass| self.number(2, pass));
        let customer = body["customer"].as_str().unwrap_or_default();
        if let Some((number, ends)) = opened {
            let own = self.entrants[number].customer == customer || self.bug == Bug::SellsToThieves;
            let again = self.entrants[number].returned && self.bug == Bug::ReturnsForEver;
            if again {
                return problem(403, "not_admitted");
            }
            let used = self.entrants[number].state == State::Used && self.bug != Bug::SellsTwice;
            if !own || ends <= now {
                return problem(403, "not_admitted");
            }
            if used && self.bug != Bug::SellsToThieves {
                return problem(409, "pass_used");
            }
        } else if self.bug != Bug::SellsWithoutPass {
            return problem(403, "not_admitted");
        }
        let units = u32::try_from(body["lines"][0]["quantity"].as_u64().unwrap_or(1)).expect("few");
        if self.available() < units {
            return problem(409, "sold_out");
        }
        if let Some((number, _)) = opened.filter(|_| self.bug != Bug::SellsToThieves) {
            self.entrants[number].state = State::Used;
        }
        let id = format!("r-{}", self.answers.len());
        let until = now + u64::from(self.terms.hold_seconds) * 1_000;
        self.held.insert(id.clone(), (until, units));
        self.answers.insert(key.to_owned(), id.clone());
        (201, json!({"id": id, "expires_at": self.stamp(until)}))
    }

    fn settle(&mut self, id: &str, pays: bool) -> (u16, Value) {
        let Some((_, units)) = self.held.remove(id) else {
            return problem(410, "reservation_expired");
        };
        if pays && self.bug != Bug::LosesSales {
            self.sold += units;
        }
        (if pays { 202 } else { 200 }, json!({}))
    }

    fn answer(&mut self, ask: &Ask) -> (u16, Value) {
        self.tick();
        let place = ask.header("onsale-place").unwrap_or_default();
        let end = ask.path.rsplit('/').next().unwrap_or_default();
        match (ask.method.as_str(), end) {
            ("POST", "places") => self.join(ask.body["customer"].as_str().unwrap_or_default()),
            ("GET", "me") => self.poll(&place),
            ("DELETE", "me") => self.leave(&place),
            ("POST", "reservations") => {
                let key = ask.header("idempotency-key").unwrap_or_default();
                self.reserve(&ask.body, &key, ask.header("onsale-pass").as_deref())
            }
            ("POST", "bookings") => {
                self.settle(ask.body["reservation"].as_str().unwrap_or_default(), true)
            }
            ("DELETE", id) => self.settle(id, false),
            ("GET", "availability") => {
                let held: u32 = self.held.values().map(|(_, units)| *units).sum();
                (
                    200,
                    json!({"pools": [{
                        "capacity": self.terms.units, "available": self.available(), "held": held,
                        "sold": self.sold, "blocked": 0,
                    }]}),
                )
            }
            ("GET", "figures") => {
                let ready = self.entrants.iter().filter(|e| e.state == State::Ready).count();
                (200, json!({"ready": ready, "shopping": self.held.len()}))
            }
            _ => problem(404, "not_found"),
        }
    }
}

fn problem(status: u16, code: &str) -> (u16, Value) {
    (status, json!({ "code": code }))
}
