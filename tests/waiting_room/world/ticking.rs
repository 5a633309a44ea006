//! The clockwork: what the shard says, what both rooms make of it, and whether it may be so.

use std::collections::BTreeSet;

use onsale::domain::time::UnixMillis;
use onsale::domain::waiting_room::{Heard, Method, RoomFact, State, TickInput, tick};
use rand::RngExt;

use super::World;
use crate::naive::{News, Stand, Ticked};

impl World {
    fn news(&mut self) -> Option<News> {
        let shopping = u32::try_from(self.shopping.len()).expect("few");
        let (uses, units, as_of) = (self.uses.clone(), self.units, self.now);
        let news = News { uses, shopping, units, as_of };
        match self.random.random_range(0..10) {
            0 => None,
            1..3 => {
                self.seen.saw("stale news", usize::from(self.old_news.is_some()));
                self.old_news.clone()
            }
            _ => {
                self.old_news = Some(news.clone());
                Some(news)
            }
        }
    }

    pub(super) fn tick(&mut self) {
        let news = self.news();
        let calm = self.random.random_bool(0.3);
        let tokens = self.random.random_range(0..4);
        let heard = news.as_ref().map(|news| Heard {
            // Sometimes more than was asked for.
            uses: news.uses[news.uses.len().min(self.room.heard() as usize) / 2..].to_vec(),
            heard: news.uses.len() as u64,
            shopping: news.shopping,
            available_units: news.units,
            as_of: UnixMillis(news.as_of),
        });
        let absent = |number| self.gone.contains(&number);
        let input = TickInput { heard: heard.as_ref(), absent: &absent, tokens, calm };
        let facts = tick(&self.room, &input, UnixMillis(self.now));
        self.line_up_at_random(&facts);
        let mut real = Ticked::default();
        for fact in &facts {
            self.happen(fact);
            note(&mut real, fact);
            if let RoomFact::Admitted(admitted) = fact {
                let ends = admitted.numbers.iter().map(|number| (*number, admitted.expires_at.0));
                self.passes.extend(ends);
            }
            if let RoomFact::Sealed(_) = fact {
                self.take_places();
            }
        }
        let ticked = self.naive.tick(news.as_ref(), &self.gone, (tokens, calm), self.now);
        self.check_the_crowd(&real);
        assert_eq!(real, ticked, "at {}", self.now);
        self.count(&real);
    }

    /// Who is next at random only the real room knows; whether they may be, both do.
    fn line_up_at_random(&mut self, facts: &[RoomFact]) {
        let at_random = self.room.sealed().is_some_and(|sealed| sealed.method == Method::Random);
        if !at_random {
            return;
        }
        let waits = |number: &u32| self.room.line().state(*number) == Some(State::Waiting);
        let admitted = facts.iter().find_map(|fact| match fact {
            RoomFact::Admitted(admitted) => Some(admitted),
            _ => None,
        });
        let first = admitted.map(|admitted| [&admitted.skipped[..], &admitted.numbers].concat());
        let mut queue: Vec<u32> = first.unwrap_or_default().into_iter().filter(waits).collect();
        self.seen.saw("at random", queue.len());
        let chosen: BTreeSet<u32> = queue.iter().copied().collect();
        let others = self.naive.queue.iter().copied().filter(|number| !chosen.contains(number));
        let others: Vec<u32> = others.collect();
        // With a code first, suspects last; who came after the doors is neither.
        let part = |number: &u32| match self.naive.fans[*number as usize] {
            ref fan if fan.place.is_some() => 1,
            ref fan => fan.tier,
        };
        let last = queue.iter().map(part).max().unwrap_or(0);
        let passed = others.iter().filter(|number| waits(number) && part(number) < last).count();
        assert_eq!(passed, 0, "an earlier part was passed over");
        queue.extend(others);
        self.naive.queue = queue;
    }

    /// The doors opened: the order is checked, and every place remembered for good.
    fn take_places(&mut self) {
        let line = self.room.line();
        let order: Vec<u32> = (0..line.positions()).filter_map(|at| line.number_at(at)).collect();
        let fans = &mut self.naive.fans;
        let first = u32::try_from(self.naive.base).expect("few");
        let waiting = (first..).zip(&fans[self.naive.base..]);
        let waiting = waiting.filter(|(_, fan)| fan.stand == Stand::Waiting);
        let mut by_tier: Vec<(u8, u32)> = waiting.map(|(number, fan)| (fan.tier, number)).collect();
        by_tier.sort_unstable();
        let method = self.room.sealed().expect("sealed").method;
        let mut found: Vec<(u8, u32)> =
            order.iter().map(|n| (fans[*n as usize].tier, *n)).collect();
        if method != Method::Random {
            assert!(found.is_sorted_by_key(|(tier, _)| *tier), "a later tier stands before");
        }
        if method != Method::Fifo {
            found.sort_unstable();
        }
        assert_eq!(found, by_tier);
        if method != Method::Random {
            for (place, number) in (0..).zip(&order) {
                fans[*number as usize].place = Some(place);
            }
        }
        self.naive.queue = order;
    }

    /// By what is true, not by what the room counts: passes that could still be used, and shoppers.
    fn check_the_crowd(&mut self, real: &Ticked) {
        if real.numbers.is_empty() {
            return;
        }
        let can_use = |number: u32| {
            let end = self.passes.get(&number).copied().unwrap_or(0);
            let on_its_way =
                self.in_flight.iter().any(|(n, until)| *n == number && self.now < *until);
            let open = self.view[number as usize].0 == State::Ready || on_its_way;
            open && self.now < end && !self.uses.contains(&number)
        };
        let base = self.room.line().base();
        let passes = (base..self.room.line().next_number()).filter(|n| can_use(*n)).count();
        let max = self.naive.say.active_max as usize;
        let (shopping, out) = (self.shopping.len(), self.room.line().passes_out());
        assert!(passes + shopping <= max, "{passes} passes, {shopping} shop, {max} may");
        self.seen.saw("full", usize::from(out as usize + shopping == max));
    }

    fn count(&mut self, ticked: &Ticked) {
        self.seen.saw("used", ticked.used.len());
        self.seen.saw("lapsed", ticked.lapsed.len());
        self.seen.saw("admitted", ticked.numbers.len());
        self.seen.saw("skipped", ticked.skipped.len());
        self.seen.saw("sealed", usize::from(ticked.sealed));
        self.seen.saw("drained", usize::from(ticked.drained));
        self.seen.saw("rested", usize::from(ticked.rested));
    }
}

fn note(ticked: &mut Ticked, fact: &RoomFact) {
    match fact {
        RoomFact::Used { numbers, .. } => ticked.used.extend(numbers),
        RoomFact::Lapsed { numbers, .. } => ticked.lapsed.extend(numbers),
        RoomFact::Admitted(admitted) => {
            ticked.numbers.extend(&admitted.numbers);
            ticked.skipped.extend(&admitted.skipped);
        }
        RoomFact::Sealed(_) => ticked.sealed = true,
        RoomFact::Drained { .. } => ticked.drained = true,
        RoomFact::Rested { .. } => ticked.rested = true,
        RoomFact::Arranged(_)
        | RoomFact::Joined(_)
        | RoomFact::Promoted { .. }
        | RoomFact::Left { .. }
        | RoomFact::Returned { .. }
        | RoomFact::Woken { .. } => panic!("no tick does this: {fact:?}"),
    }
}
