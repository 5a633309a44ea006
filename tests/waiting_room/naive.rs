//! The naive waiting room: a list of fans, walked from its front each time. Knows how to be wrong on purpose,
//! so that the comparison can show that it would notice.

use std::collections::{BTreeMap, BTreeSet};

use onsale::domain::waiting_room::{Ending, Method, RoomMode};

/// What is wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    None,
    /// One more comes in than may.
    OneTooMany,
    /// The absent are let in.
    AdmitsAbsent,
    /// One may come back as often as they like.
    ReturnsTwice,
    /// Who comes back goes behind the line.
    ReturnsLast,
    /// A second join is a second place.
    TwoPlaces,
    /// A pass ends by our clock, not by the shard's.
    EndsEarly,
    /// A pass that is given back is out no more at once.
    FreesAtOnce,
    /// A code counts for ever.
    CodesForEver,
    /// Off and on again is a pause.
    OffIsPause,
}

pub const BUGS: [Bug; 9] = [
    Bug::OneTooMany,
    Bug::AdmitsAbsent,
    Bug::ReturnsTwice,
    Bug::ReturnsLast,
    Bug::TwoPlaces,
    Bug::EndsEarly,
    Bug::FreesAtOnce,
    Bug::CodesForEver,
    Bug::OffIsPause,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    Waiting,
    /// Until this second.
    Ready(u64),
    Used,
    /// May come back until this second.
    Skipped(u64),
    Returning,
    /// A pass that was given back is out until this second.
    Left(u64),
    Expired,
}

#[derive(Debug, Clone)]
pub struct Fan {
    pub who: u8,
    pub tier: u8,
    pub code: Option<u8>,
    pub stand: Stand,
    pub returned: bool,
    pub place: Option<u32>,
}

/// What the operator said, as far as the model goes.
#[derive(Debug, Clone)]
pub struct Say {
    pub mode: RoomMode,
    pub method: Method,
    pub doors_at: u64,
    pub paused: bool,
    pub ending: Ending,
    pub active_max: u32,
    pub pass_s: u64,
    pub return_s: u64,
    /// Most uses of each code.
    pub codes: BTreeMap<u8, u32>,
}

/// What a command comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// A new place, with this number.
    New(u32),
    Same(u32),
    Happened,
}

pub struct Naive {
    pub say: Say,
    pub bug: Bug,
    pub fans: Vec<Fan>,
    /// Fans before this number belong to lines that ended.
    pub base: usize,
    pub awake: bool,
    pub sealed: bool,
    pub drained: bool,
    /// Numbers in the order of their places.
    pub queue: Vec<u32>,
    /// Numbers in the order of their return.
    pub back: Vec<u32>,
    pub heard: usize,
}

/// What the shard says.
#[derive(Debug, Clone)]
pub struct News {
    pub uses: Vec<u32>,
    pub shopping: u32,
    pub units: u64,
    pub as_of: u64,
}

/// What a tick comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ticked {
    pub used: Vec<u32>,
    pub lapsed: BTreeSet<u32>,
    pub sealed: bool,
    /// In order. At random, only their number counts.
    pub numbers: Vec<u32>,
    pub skipped: Vec<u32>,
    pub drained: bool,
    pub rested: bool,
}

fn up(ms: u64) -> u64 {
    ms.div_ceil(1_000)
}

impl Naive {
    pub fn phase(&self) -> &'static str {
        let asleep = self.say.mode == RoomMode::Auto && !self.awake;
        match () {
            () if self.say.mode == RoomMode::Off => "IDLE",
            () if self.say.ending == Ending::Close => "CLOSED",
            () if asleep => "IDLE",
            () if self.drained => "DRAINED",
            () if !self.sealed => "PRE_QUEUE",
            () => "ACTIVE",
        }
    }

    pub fn stand(&self, number: usize, now: u64) -> Stand {
        let fan = &self.fans[number];
        match fan.stand {
            _ if number < self.base => Stand::Expired,
            Stand::Skipped(until) if until * 1_000 <= now => Stand::Expired,
            Stand::Used | Stand::Left(_) => fan.stand,
            _ if self.say.mode == RoomMode::Off => Stand::Expired,
            stand => stand,
        }
    }

    fn is_live(&self, number: usize, now: u64) -> bool {
        !matches!(self.stand(number, now), Stand::Used | Stand::Left(_) | Stand::Expired)
    }

    fn uses_of(&self, code: u8) -> u32 {
        let fans = self.fans[self.base..].iter();
        let using = |fan: &&Fan| fan.code == Some(code) && !matches!(fan.stand, Stand::Left(_));
        let left = |fan: &&Fan| self.bug == Bug::CodesForEver && fan.code == Some(code);
        u32::try_from(fans.filter(|fan| using(fan) || left(fan)).count()).expect("few")
    }

    fn try_code(&self, code: u8) -> Result<(), &'static str> {
        let max = self.say.codes.get(&code).ok_or("invalid_request")?;
        if self.uses_of(code) < *max { Ok(()) } else { Err("invalid_state") }
    }

    pub fn join(&mut self, who: u8, code: Option<u8>, bot: bool, now: u64) -> Answer {
        let phase = self.phase();
        if phase == "IDLE" {
            return Err("invalid_state");
        }
        let early = code.filter(|_| phase == "PRE_QUEUE");
        let live = |number: &usize| self.fans[*number].who == who && self.is_live(*number, now);
        let place = (self.base..self.fans.len()).rev().find(live);
        if let Some(number) = place.filter(|_| self.bug != Bug::TwoPlaces) {
            let same = u32::try_from(number).expect("few");
            let Some(code) = early.filter(|_| self.fans[number].tier != 0) else {
                return Ok(Said::Same(same));
            };
            self.try_code(code)?;
            (self.fans[number].tier, self.fans[number].code) = (0, Some(code));
            return Ok(Said::Happened);
        }
        let shut = self.say.ending == Ending::Drain || !self.say.method.orders();
        if phase == "CLOSED" || phase == "DRAINED" || shut {
            return Err("invalid_state");
        }
        early.map_or(Ok(()), |code| self.try_code(code))?;
        let tier = if early.is_some() { 0 } else { 1 + u8::from(bot) };
        let number = u32::try_from(self.fans.len()).expect("few");
        let place = self.sealed.then(|| u32::try_from(self.queue.len()).expect("few"));
        let stand = Stand::Waiting;
        self.fans.push(Fan { who, tier, code: early, stand, returned: false, place });
        if self.sealed {
            self.queue.push(number);
        }
        Ok(Said::New(number))
    }

    pub fn leave(&mut self, number: u32, in_flight_ms: u64, now: u64) -> Answer {
        let index = number as usize;
        if self.fans.len() <= index {
            return Err("not_found");
        }
        if !self.is_live(index, now) {
            return Ok(Said::Same(number));
        }
        let frees = match self.fans[index].stand {
            Stand::Ready(end) if self.bug != Bug::FreesAtOnce => end.min(up(now + in_flight_ms)),
            _ => 0,
        };
        self.fans[index].stand = Stand::Left(frees);
        Ok(Said::Happened)
    }

    pub fn come_back(&mut self, number: u32, now: u64) -> Answer {
        let index = number as usize;
        if self.fans.len() <= index {
            return Err("not_found");
        }
        match (self.phase(), self.stand(index, now)) {
            ("IDLE", _) => Err("invalid_state"),
            (_, Stand::Waiting | Stand::Ready(_) | Stand::Returning) => Ok(Said::Same(number)),
            (_, Stand::Used | Stand::Left(_) | Stand::Expired) => Err("place_expired"),
            ("DRAINED" | "CLOSED", Stand::Skipped(_)) => Err("invalid_state"),
            (_, Stand::Skipped(_)) => {
                (self.fans[index].stand, self.fans[index].returned) = (Stand::Returning, true);
                self.back.push(number);
                Ok(Said::Happened)
            }
        }
    }

    /// What the operator says from now on.
    pub fn say(&mut self, say: Say) {
        let (off, was_on) = (self.say.mode == RoomMode::Off, self.say.mode == RoomMode::On);
        if off && say.mode != RoomMode::Off && self.bug != Bug::OffIsPause {
            self.base = self.fans.len();
            (self.sealed, self.drained, self.awake) = (false, false, false);
            self.queue.clear();
            self.back.clear();
        } else {
            self.awake = say.mode == RoomMode::Auto && (was_on || self.awake);
        }
        self.drained &= say.ending == Ending::Drain;
        self.say = say;
    }

    /// Passes that are out and shoppers, as the room counts them.
    pub fn out(&self) -> u32 {
        let fans = self.fans[self.base..].iter();
        let out = fans.filter(|fan| match fan.stand {
            Stand::Ready(_) => true,
            Stand::Left(until) => until != 0,
            _ => false,
        });
        u32::try_from(out.count()).expect("few")
    }

    fn miss(&mut self, number: u32, now: u64) {
        let may_return = self.say.return_s != 0;
        let fan = &mut self.fans[number as usize];
        let again = self.bug == Bug::ReturnsTwice || !fan.returned;
        fan.stand = match again && may_return {
            true => Stand::Skipped(up(now + self.say.return_s * 1_000)),
            false => Stand::Expired,
        };
    }

    fn hear(&mut self, news: &News, now: u64, ticked: &mut Ticked) {
        for number in &news.uses[self.heard..] {
            let fan = &mut self.fans[*number as usize];
            if self.base <= *number as usize && fan.stand != Stand::Used {
                fan.stand = Stand::Used;
                ticked.used.push(*number);
            }
        }
        self.heard = news.uses.len();
        let by = if self.bug == Bug::EndsEarly { now } else { news.as_of };
        for number in
            u32::try_from(self.base).expect("few")..u32::try_from(self.fans.len()).expect("few")
        {
            match self.fans[number as usize].stand {
                Stand::Ready(end) if end * 1_000 <= by => self.miss(number, now),
                Stand::Left(end) if end != 0 && end * 1_000 <= by => {
                    self.fans[number as usize].stand = Stand::Left(0);
                }
                _ => continue,
            }
            ticked.lapsed.insert(number);
        }
    }

    /// `order`: the places that the real room gave at its doors, if they opened.
    pub fn tick(
        &mut self,
        news: Option<&News>,
        absent: &BTreeSet<u32>,
        (tokens, calm): (u32, bool),
        now: u64,
    ) -> Ticked {
        let mut ticked = Ticked::default();
        let news = news.filter(|news| self.heard <= news.uses.len());
        if let Some(news) = news {
            self.hear(news, now, &mut ticked);
        }
        let phase = self.phase();
        if phase == "PRE_QUEUE" && self.say.doors_at <= now && self.say.method.orders() {
            (self.sealed, ticked.sealed) = (true, true);
            return ticked;
        }
        if self.say.paused {
            return ticked;
        }
        if let (Some(news), "ACTIVE") = (news, phase) {
            let room = self.say.active_max.saturating_sub(self.out() + news.shopping);
            let stock = news.units.div_ceil(2).saturating_sub(u64::from(self.out()));
            let mut want = u64::from(tokens).min(u64::from(room)).min(stock);
            want += u64::from(self.bug == Bug::OneTooMany && 0 < want);
            self.admit(want, absent, now, &mut ticked);
        }
        let waits = |fan: &Fan| matches!(fan.stand, Stand::Waiting | Stand::Returning);
        if !self.fans[self.base..].iter().any(waits) && matches!(phase, "PRE_QUEUE" | "ACTIVE") {
            ticked.drained = self.say.ending == Ending::Drain;
            ticked.rested = !ticked.drained && self.say.mode == RoomMode::Auto && calm;
            self.drained |= ticked.drained;
            self.awake &= !ticked.rested;
        }
        ticked
    }

    fn admit(&mut self, want: u64, absent: &BTreeSet<u32>, now: u64, ticked: &mut Ticked) {
        let mut turns = [self.back.clone(), self.queue.clone()];
        if self.bug == Bug::ReturnsLast {
            turns.reverse();
        }
        // At random, the world tells who it was instead.
        for number in turns.concat() {
            let waits =
                matches!(self.fans[number as usize].stand, Stand::Waiting | Stand::Returning);
            if !waits || want <= ticked.numbers.len() as u64 {
                continue;
            }
            if absent.contains(&number) && self.bug != Bug::AdmitsAbsent {
                self.miss(number, now);
                ticked.skipped.push(number);
            } else {
                self.let_in(number, now);
                ticked.numbers.push(number);
            }
        }
    }

    pub fn let_in(&mut self, number: u32, now: u64) {
        self.fans[number as usize].stand = Stand::Ready(up(now + self.say.pass_s * 1_000));
    }
}

pub type Answer = Result<Said, &'static str>;
