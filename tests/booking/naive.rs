//! The naive sale: a list of reservations, counted anew each time, and a till that knows what was really
//! taken from cards and given back.

use std::collections::BTreeMap;

use onsale::domain::booking::Booking;

use crate::steps::{DAY_MS, HOLD_MS, Heard, PAY_MS, Ways};

/// How a request ends that is not refused; else the code of the refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Happens,
    Unchanged,
    Repeats(u64),
}

pub type Answer = Result<Done, &'static str>;

#[derive(Debug)]
pub struct Reservation {
    pub customer: u8,
    pub units: [u32; 2],
    pub status: &'static str,
    pub ends: u64,
    /// When the hold ended, or when it was settled what became of its money.
    pub ended_at: u64,
    pub booking: Option<Purchase>,
}

#[derive(Debug)]
pub struct Purchase {
    pub token: u8,
    pub ways: Ways,
    pub status: &'static str,
    pub reason: &'static str,
    pub started: bool,
    pub named: bool,
    pub said_no: bool,
    pub taken: bool,
    pub given_back: bool,
    /// Ticket to nonce.
    pub redeemed: BTreeMap<u32, u8>,
    /// What was answered first.
    pub first: Option<Booking>,
}

impl Purchase {
    pub fn payment(&self) -> &'static str {
        match (self.taken, self.given_back, self.status) {
            (true, true, _) => "REFUNDED",
            (true, false, "CONFIRMED") => "SUCCEEDED",
            (true, false, _) => "REFUND_PENDING",
            (false, ..) if self.said_no => "FAILED",
            (false, ..) if self.started => "PROCESSING",
            (false, ..) => "CREATED",
        }
    }
}

#[derive(Debug, Default)]
pub struct Naive {
    pub capacity: [u32; 2],
    pub limit: u32,
    pub retake: bool,
    pub pay_ms: u64,
    pub reservations: BTreeMap<u64, Reservation>,
    /// Key to what was asked, what was answered, and when.
    pub keys: BTreeMap<u8, (Vec<u8>, u64, u64)>,
    /// What is still to be told: of which booking, what, by which way, and whether it was given up.
    pub messages: Vec<(u64, &'static str, &'static str, bool)>,
    /// Those of the step under way that come after all its mails.
    short_messages: Vec<(u64, &'static str, &'static str, bool)>,
    pub captured: u64,
    pub refunded: u64,
}

impl Naive {
    pub fn new() -> Self {
        Self { capacity: [8, 5], limit: 5, retake: true, pay_ms: PAY_MS, ..Self::default() }
    }

    pub fn units(&self, pool: usize, sold: bool) -> u32 {
        let counted = self.reservations.values().filter(|r| match &r.booking {
            Some(booking) if booking.status == "CONFIRMED" => sold,
            _ => !sold && matches!(r.status, "HELD" | "BOOKED"),
        });
        counted.map(|r| r.units[pool]).sum()
    }

    pub fn available(&self, pool: usize) -> u32 {
        self.capacity[pool] - self.units(pool, false) - self.units(pool, true)
    }

    fn owned(&self, customer: u8) -> u32 {
        let live = |r: &&Reservation| matches!(r.status, "HELD" | "BOOKED");
        let own = self.reservations.values().filter(|r| r.customer == customer).filter(live);
        own.map(|r| r.units[0] + r.units[1]).sum()
    }

    fn fits(&self, customer: u8, units: [u32; 2]) -> Result<(), &'static str> {
        for (pool, asked) in units.into_iter().enumerate() {
            let coming = self.available(pool) + self.units(pool, false);
            if self.available(pool) < asked {
                return Err(if asked <= coming { "all_held" } else { "sold_out" });
            }
        }
        let owned = self.owned(customer) + units[0] + units[1];
        if owned <= self.limit { Ok(()) } else { Err("over_customer_limit") }
    }

    /// `Some` when the key decides the answer.
    fn by_key(&self, key: Option<u8>, meaning: &[u8], now: u64) -> Option<Answer> {
        let (asked, sequence, at) = self.keys.get(&key?)?;
        if at + DAY_MS <= now {
            return None;
        }
        let same = asked == meaning;
        Some(if same { Ok(Done::Repeats(*sequence)) } else { Err("idempotency_key_reused") })
    }

    fn remember(&mut self, key: Option<u8>, meaning: Vec<u8>, sequence: u64, now: u64) {
        if let Some(key) = key {
            self.keys.insert(key, (meaning, sequence, now));
        }
    }

    pub fn reserve(
        &mut self,
        (sequence, now): (u64, u64),
        customer: u8,
        units: [u32; 2],
        key: Option<u8>,
    ) -> Answer {
        let meaning = reserve_meaning(customer, units);
        if let Some(answer) = self.by_key(key, &meaning, now) {
            return answer;
        }
        self.fits(customer, units)?;
        self.remember(key, meaning, sequence, now);
        let (status, ends) = ("HELD", now + HOLD_MS);
        let reservation = Reservation { customer, units, status, ends, ended_at: 0, booking: None };
        self.reservations.insert(sequence, reservation);
        Ok(Done::Happens)
    }

    pub fn release(&mut self, sequence: u64, now: u64) -> Answer {
        let reservation = self.reservations.get_mut(&sequence).ok_or("not_found")?;
        match reservation.status {
            "HELD" if now < reservation.ends => {
                (reservation.status, reservation.ended_at) = ("RELEASED", now);
                Ok(Done::Happens)
            }
            "HELD" | "EXPIRED" => Err("reservation_expired"),
            "RELEASED" => Ok(Done::Unchanged),
            _ => Err("invalid_state"),
        }
    }

    pub fn book(
        &mut self,
        (sequence, now): (u64, u64),
        token: u8,
        key: Option<u8>,
        ways: Ways,
    ) -> Answer {
        let meaning = book_meaning(sequence, token, ways);
        if let Some(answer) = self.by_key(key, &meaning, now) {
            return answer;
        }
        let pay_ms = self.pay_ms;
        let reservation = self.reservations.get_mut(&sequence).ok_or("not_found")?;
        if let Some(first) = &reservation.booking {
            let repeats = key.is_none() && (first.token, first.ways) == (token, ways);
            return if repeats { Ok(Done::Repeats(sequence)) } else { Err("already_booked") };
        }
        match reservation.status {
            "HELD" if now < reservation.ends => {}
            "HELD" | "EXPIRED" => return Err("reservation_expired"),
            _ => return Err("invalid_state"),
        }
        (reservation.status, reservation.ends) = ("BOOKED", now + pay_ms);
        reservation.booking = Some(Purchase {
            token,
            ways,
            status: "PENDING_PAYMENT",
            reason: "",
            started: false,
            named: false,
            said_no: false,
            taken: false,
            given_back: false,
            redeemed: BTreeMap::new(),
            first: None,
        });
        self.remember(key, meaning, sequence, now);
        Ok(Done::Happens)
    }

    pub fn purchase(&mut self, sequence: u64) -> Result<&mut Purchase, &'static str> {
        let reservation = self.reservations.get_mut(&sequence);
        reservation.and_then(|r| r.booking.as_mut()).ok_or("not_found")
    }

    fn tell(&mut self, sequence: u64, kind: &'static str) {
        let Ok(Ways { email, phone }) = self.purchase(sequence).map(|booking| booking.ways) else {
            return;
        };
        if email {
            self.messages.push((sequence, kind, "mail", false));
        }
        if phone {
            self.short_messages.push((sequence, kind, "sms", false));
        }
    }

    /// A step is over.
    pub fn flush(&mut self) {
        self.messages.append(&mut self.short_messages);
    }

    pub fn revive(&mut self, nth: usize) -> Answer {
        let is_dead = &mut self.messages[nth].3;
        if std::mem::take(is_dead) { Ok(Done::Happens) } else { Err("invalid_state") }
    }

    fn fail(&mut self, sequence: u64, reason: &'static str, now: u64) {
        let reservation = self.reservations.get_mut(&sequence).expect("it is being booked");
        reservation.status = if reason == "expired" { "EXPIRED" } else { "RELEASED" };
        reservation.ended_at = now;
        let booking = reservation.booking.as_mut().expect("it is being booked");
        (booking.status, booking.reason) = ("FAILED", reason);
        booking.said_no |= reason == "declined";
        self.tell(sequence, "failed");
    }

    fn confirm(&mut self, sequence: u64) {
        let reservation = self.reservations.get_mut(&sequence).expect("it was booked");
        reservation.status = "BOOKED";
        let booking = reservation.booking.as_mut().expect("it was booked");
        (booking.status, booking.reason, booking.taken) = ("CONFIRMED", "", true);
        self.tell(sequence, "confirmed");
    }

    pub fn hear(&mut self, sequence: u64, outcome: Heard, named: bool, now: u64) -> Answer {
        let (retake, price) = (self.retake, self.price(sequence));
        let (customer, units) =
            self.reservations.get(&sequence).map(|r| (r.customer, r.units)).ok_or("not_found")?;
        let free = self.fits(customer, units).is_ok();
        let booking = self.purchase(sequence)?;
        if booking.taken {
            return Ok(Done::Unchanged);
        }
        let pending = booking.status == "PENDING_PAYMENT";
        let started = outcome == Heard::Processing
            && !booking.said_no
            && (!booking.started || named && !booking.named);
        let no = matches!(outcome, Heard::Declined | Heard::Nothing) && !booking.said_no;
        match outcome {
            Heard::Succeeded if pending || retake && free && booking.reason == "expired" => {
                booking.named |= named;
                self.confirm(sequence);
                self.captured += price;
            }
            Heard::Succeeded => {
                booking.taken = true;
                self.captured += price;
            }
            Heard::Processing if started => {
                booking.started = true;
                booking.named |= named;
            }
            Heard::Declined | Heard::Nothing if pending => self.fail(sequence, "declined", now),
            Heard::Declined | Heard::Nothing if no => {
                booking.said_no = true;
                self.reservations.get_mut(&sequence).expect("it was booked").ended_at = now;
            }
            Heard::Processing | Heard::Declined | Heard::Nothing => return Ok(Done::Unchanged),
        }
        Ok(Done::Happens)
    }

    pub fn cancel(&mut self, sequence: u64, now: u64) -> Answer {
        let booking = self.purchase(sequence)?;
        match (booking.status, booking.reason) {
            ("PENDING_PAYMENT", _) => self.fail(sequence, "cancelled", now),
            ("CONFIRMED", _) if booking.redeemed.is_empty() => {
                booking.status = "CANCELLED";
                self.tell(sequence, "cancelled");
                let reservation = self.reservations.get_mut(&sequence).expect("it was sold");
                reservation.status = "RELEASED";
            }
            ("CANCELLED", _) | ("FAILED", "cancelled") => return Ok(Done::Unchanged),
            _ => return Err("invalid_state"),
        }
        Ok(Done::Happens)
    }

    pub fn refund(&mut self, sequence: u64, now: u64) -> Answer {
        let price = self.price(sequence);
        let booking = self.purchase(sequence)?;
        if booking.payment() != "REFUND_PENDING" {
            return Ok(Done::Unchanged);
        }
        booking.given_back = true;
        if !booking.said_no {
            self.reservations.get_mut(&sequence).expect("it was booked").ended_at = now;
        }
        self.refunded += price;
        Ok(Done::Happens)
    }

    pub fn redeem(&mut self, sequence: u64, ticket: u32, nonce: u8) -> Answer {
        let units = self.reservations.get(&sequence).map_or(0, |r| r.units[0] + r.units[1]);
        let booking = self.purchase(sequence)?;
        if !(1..=units).contains(&ticket) {
            return Err("not_found");
        }
        match (booking.status, booking.redeemed.get(&ticket)) {
            ("CONFIRMED", Some(first)) if *first == nonce => Ok(Done::Unchanged),
            ("CONFIRMED", Some(_)) => Err("already_redeemed"),
            ("CONFIRMED", None) => {
                booking.redeemed.insert(ticket, nonce);
                Ok(Done::Happens)
            }
            ("CANCELLED", _) => Err("ticket_revoked"),
            _ => Err("not_found"),
        }
    }

    pub fn price(&self, sequence: u64) -> u64 {
        // A unit of the second pool costs nothing.
        self.reservations.get(&sequence).map_or(0, |r| 100 * u64::from(r.units[0]))
    }

    /// Somebody notices what is due, in the order in which it was.
    pub fn expire(&mut self, now: u64) {
        let live = |r: &Reservation| match &r.booking {
            Some(booking) => booking.status == "PENDING_PAYMENT",
            None => r.status == "HELD",
        };
        let due = self.reservations.iter().filter(|(_, r)| live(r) && r.ends <= now);
        let mut due: Vec<(u64, u64)> = due.map(|(sequence, r)| (r.ends, *sequence)).collect();
        due.sort_unstable();
        for (_, sequence) in due {
            let reservation = self.reservations.get_mut(&sequence).expect("it is due");
            if reservation.booking.is_some() {
                self.fail(sequence, "expired", now);
            } else {
                (reservation.status, reservation.ended_at) = ("EXPIRED", now);
            }
        }
    }

    /// Whether nobody can want anything of it: settled a day ago, nothing owed, nothing to be told.
    pub fn may_forget(&self, sequence: u64, now: u64) -> bool {
        let reservation = &self.reservations[&sequence];
        let settled = reservation.booking.as_ref().is_none_or(|booking| {
            booking.status == "FAILED" && matches!(booking.payment(), "FAILED" | "REFUNDED")
        });
        let told = self.messages.iter().all(|(of, .., dead)| *of != sequence || *dead);
        let ended = matches!(reservation.status, "RELEASED" | "EXPIRED");
        ended && settled && told && reservation.ended_at + DAY_MS <= now
    }

    pub fn forget(&mut self, sequence: u64) {
        self.reservations.remove(&sequence);
        self.messages.retain(|(of, ..)| *of != sequence);
    }
}

pub fn reserve_meaning(customer: u8, units: [u32; 2]) -> Vec<u8> {
    vec![0, customer, units[0] as u8, units[1] as u8]
}

pub fn book_meaning(sequence: u64, token: u8, ways: Ways) -> Vec<u8> {
    vec![1, sequence as u8, token, u8::from(ways.email), u8::from(ways.phone)]
}
