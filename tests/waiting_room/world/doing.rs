//! What fans, the operator and the door do.

use onsale::domain::waiting_room::{Ending, Join, Method, RoomCommand, RoomMode, State};
use rand::RngExt;

use super::{FANS, IN_FLIGHT_MS, World, asking};
use crate::naive::Said;

impl World {
    pub(super) fn join(&mut self) {
        let who = self.random.random_range(0..FANS);
        let code = self.random.random_bool(0.3).then(|| self.random.random_range(0..4));
        let bot = self.random.random_bool(0.2);
        let join = Join {
            fingerprint: u64::from(who).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            code: code.map(|code| [code; 16]),
            suspect: bot,
        };
        let said = self.ask(&RoomCommand::Join(join));
        assert_eq!(said, self.naive.join(who, code, bot, self.now), "join of {who}");
        self.seen.saw("joined", usize::from(matches!(said, Ok(Said::New(_)))));
        self.seen.saw("promoted", usize::from(said == Ok(Said::Happened)));
        let is_new_bot = bot && matches!(said, Ok(Said::New(_)));
        self.seen.saw("suspects", usize::from(is_new_bot));
    }

    fn somebody(&mut self) -> u32 {
        let end = self.room.line().next_number() + 1;
        self.random.random_range(end.saturating_sub(20)..end)
    }

    pub(super) fn leave(&mut self) {
        let number = self.somebody();
        let ready = self.room.line().state(number) == Some(State::Ready);
        let in_flight_ms = u32::try_from(IN_FLIGHT_MS).expect("small");
        let said = self.ask(&RoomCommand::Leave { number, in_flight_ms });
        assert_eq!(said, self.naive.leave(number, IN_FLIGHT_MS, self.now), "leave of {number}");
        self.seen.saw("left", usize::from(said == Ok(Said::Happened)));
        self.seen.saw("left ready", usize::from(said == Ok(Said::Happened) && ready));
    }

    pub(super) fn come_back(&mut self) {
        let skipped = |number: &u32| self.room.line().state(*number) == Some(State::Skipped);
        let one = (0..self.room.line().next_number()).rev().find(skipped);
        let number = one.unwrap_or_else(|| self.somebody());
        let said = self.ask(&RoomCommand::Return { number });
        assert_eq!(said, self.naive.come_back(number, self.now), "return of {number}");
        self.seen.saw("returned", usize::from(said == Ok(Said::Happened)));
    }

    pub(super) fn wake(&mut self) {
        let was = self.naive.awake;
        let asleep = self.naive.say.mode == RoomMode::Auto && !was;
        self.naive.awake |= asleep && self.naive.say.ending == Ending::None;
        self.ask(&RoomCommand::Wake).expect("never refused");
        self.seen.saw("woken", usize::from(self.naive.awake && !was));
    }

    /// The door lets through whoever is READY in the view; the shard takes the pass a little later.
    pub(super) fn pass_the_door(&mut self) {
        let (now, uses, shopping) = (self.now, &mut self.uses, &mut self.shopping);
        let mut late = 0;
        for (number, until) in self.in_flight.drain(..) {
            let end = self.passes[&number];
            if now < until && now < end && !uses.contains(&number) {
                uses.push(number);
                shopping.push(number);
                late += usize::from(self.view[number as usize].0 == State::Left);
            }
        }
        self.seen.saw("late use", late);
        let ready = (0..).zip(&self.view).filter(|(_, seen)| seen.0 == State::Ready);
        let ready: Vec<u32> = ready.map(|(number, _)| number).collect();
        for number in ready {
            if self.random.random_bool(0.5) && self.naive.base <= number as usize {
                self.in_flight.push((number, self.now + IN_FLIGHT_MS));
            }
        }
    }

    pub(super) fn finish_shopping(&mut self) {
        if !self.shopping.is_empty() {
            let index = self.random.random_range(0..self.shopping.len());
            self.shopping.swap_remove(index);
        }
    }

    pub(super) fn go_or_come(&mut self) {
        let number = self.somebody();
        if !self.gone.remove(&number) {
            self.gone.insert(number);
        }
    }

    pub(super) fn arrange(&mut self) {
        let mut say = self.naive.say.clone();
        let begun = self.naive.sealed && say.mode != RoomMode::Off;
        match self.random.random_range(0..10) {
            0..3 => say.paused = !say.paused,
            3 => say.ending = self.one_of([Ending::None, Ending::Drain, Ending::Close]),
            4..6 => say.ending = Ending::None,
            6 => say.mode = self.one_of([RoomMode::Off, RoomMode::On, RoomMode::Auto]),
            7 => say.mode = RoomMode::On,
            8 => drop(say.codes.insert(self.random.random_range(0..3), 3)),
            _ if begun && say.method != Method::Random => {
                say.method = self.one_of([Method::Draw, Method::Fifo, Method::Reject]);
            }
            _ => say.active_max = self.random.random_range(1..8),
        }
        let ask = asking(&say, &mut self.random);
        let anew = self.naive.say.mode == RoomMode::Off && say.mode != RoomMode::Off;
        self.seen.saw("new line", usize::from(anew && !self.naive.fans.is_empty()));
        self.naive.say(say);
        self.ask(&RoomCommand::Arrange(Box::new(ask))).expect("in bounds");
    }

    fn one_of<T: Copy, const N: usize>(&mut self, of: [T; N]) -> T {
        of[self.random.random_range(0..N)]
    }
}
