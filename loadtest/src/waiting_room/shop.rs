//! One step of one fan who has a pass: trying what must not work, reserving, paying or not.

use super::answers::{Place, Reservation};
use super::crowd::{Crowd, Held, Shared};
use super::fan::{NONE, Stage, mark};
use super::laws::Law;
use super::requests::{self, Purchase};
use super::roles::{Luck, Role, Wish, luck, units, wish};
use super::walk::{Lines, ask, misfit};
use crate::buyer;
use crate::connection::Answer;

/// How much later than its end a pass is tried that must not work any more. Unit: milliseconds.
const STALE: u32 = 1_500;
/// So near to its end a pass may be refused, since requests take time. Unit: milliseconds.
const NEARLY_OVER: u32 = 1_000;

/// A fan was let in.
pub fn begin(crowd: &mut Crowd, fan: u32, hint: u32) {
    let Some(shopper) = crowd.shoppers.get(&fan) else { return crowd.finish(fan) };
    let (turn, left) = (shopper.turn, shopper.ends.saturating_sub(crowd.now()));
    let think = 100 + u32::try_from(luck(fan, Luck::Thinks) % 1_400).unwrap_or_default();
    let tries = !crowd.fans[fan as usize].is(mark::TRIED);
    match crowd.role(fan) {
        Role::Sleeps if turn == 0 => crowd.again(fan, Stage::Shops, left + STALE),
        // The thief asks when the fan would, else it would be too early.
        Role::Robbed if tries => crowd.again(fan, Stage::Robbed, hint),
        Role::Sneaks if tries => crowd.again(fan, Stage::Sneaks, 100),
        _ => crowd.again(fan, Stage::Shops, think),
    }
}

/// Ends what a fan without a reservation did: the pass was out until now, or until its end.
pub fn stop_shopping(crowd: &mut Crowd, fan: u32) {
    let now = crowd.now();
    if let Some(shopper) = crowd.shoppers.remove(&fan) {
        crowd.story.shopped(shopper.from, shopper.ends.min(now));
    }
}

/// Ends what all did who are left, at the end of the run.
pub fn stop_all(crowd: &mut Crowd) {
    let now = crowd.now();
    for shopper in std::mem::take(&mut crowd.shoppers).into_values() {
        let (ends, ended) = match shopper.reservation {
            Some(held) => (held.ends, held.ended_from.unwrap_or(now)),
            None => (shopper.ends, now),
        };
        crowd.story.shopped(shopper.from, ends.min(ended));
    }
}

/// What somebody sends to reserve.
fn purchase(crowd: &Crowd, fan: u32, who: &str, pass: Option<&str>) -> Vec<u8> {
    let turn = crowd.shoppers.get(&fan).map_or(0, |shopper| shopper.turn);
    let (customer, key) = match who {
        "fan" | "twin" => (format!("fan-{fan}"), format!("{who}-{fan}-{turn}")),
        _ => (format!("{who}-{fan}"), format!("{who}-{fan}-{turn}")),
    };
    let own = crowd.shoppers.get(&fan).map(|shopper| shopper.pass.as_str());
    let pass = if who == "sneak" { pass } else { pass.or(own) };
    let customer = if who == "sneak" { format!("fan-{fan}") } else { customer };
    requests::reserve(&Purchase { fan, customer: &customer, key: &key, pass })
}

/// Somebody who knows the fan's place token learns the pass with it, and tries to buy with it.
pub async fn rob(crowd: &Shared, lines: &mut Lines, fan: u32) -> anyhow::Result<()> {
    let token = crowd.borrow().fans[fan as usize].token();
    let Some(answer) = ask(crowd, &mut lines.second, fan, &requests::poll(&token)).await else {
        return Ok(());
    };
    if answer.status == 429 {
        let pause = answer.retry_after.unwrap_or(1) * 1_000;
        crowd.borrow_mut().again(fan, Stage::Robbed, u32::try_from(pause).unwrap_or(1_000));
        return Ok(());
    }
    let told = answer.parse::<Place<'_>>().ok();
    if let Some(hint) = told.as_ref().and_then(|told| told.poll_after_ms) {
        let mut crowd = crowd.borrow_mut();
        let asks_at = crowd.now().saturating_add(hint);
        // There is one next time, whoever asked.
        crowd.fans[fan as usize].asks_at = asks_at;
    }
    let pass = told.and_then(|told| told.pass.map(|pass| pass.token.to_owned()));
    let Some(pass) = pass else {
        // The pass ran out in the meantime.
        crowd.borrow_mut().again(fan, Stage::Shops, 0);
        return Ok(());
    };
    let request = purchase(&crowd.borrow(), fan, "thief", Some(&pass));
    let Some(answer) = ask(crowd, &mut lines.second, fan, &request).await else { return Ok(()) };
    let mut crowd = crowd.borrow_mut();
    let refused = answer.status == 403 && buyer::code(&answer) == "not_admitted";
    crowd.laws.check(Law::Theft, refused, || {
        format!("the pass of fan {fan} in other hands: {} {}", answer.status, buyer::code(&answer))
    });
    crowd.fans[fan as usize].set(mark::TRIED);
    crowd.again(fan, Stage::Shops, 50);
    Ok(())
}

/// Without a pass, then with one that has a letter changed.
pub async fn sneak(crowd: &Shared, lines: &mut Lines, fan: u32) -> anyhow::Result<()> {
    let pass = crowd.borrow().shoppers.get(&fan).map(|shopper| shopper.pass.clone());
    let pass = pass.unwrap_or_default();
    for pass in [None, Some(other_letter(&pass, luck(fan, Luck::Bit)))] {
        let request = purchase(&crowd.borrow(), fan, "sneak", pass.as_deref());
        let Some(answer) = ask(crowd, &mut lines.first, fan, &request).await else {
            return Ok(());
        };
        let refused = answer.status == 403 && buyer::code(&answer) == "not_admitted";
        crowd.borrow_mut().laws.check(Law::Gate, refused, || {
            let what = if pass.is_some() { "a made-up pass" } else { "no pass" };
            format!("{what}: {} {}", answer.status, buyer::code(&answer))
        });
    }
    let mut crowd = crowd.borrow_mut();
    crowd.fans[fan as usize].set(mark::TRIED);
    crowd.again(fan, Stage::Shops, 50);
    Ok(())
}

fn other_letter(pass: &str, luck: u64) -> String {
    let at = usize::try_from(luck % (pass.len() as u64).max(1)).unwrap_or_default();
    let swap = |(place, letter): (usize, char)| match (place == at, letter) {
        (false, letter) => letter,
        (true, 'A') => 'B',
        (true, _) => 'A',
    };
    pass.chars().enumerate().map(swap).collect()
}

pub async fn shop(crowd: &Shared, lines: &mut Lines, fan: u32) -> anyhow::Result<()> {
    let role = crowd.borrow().role(fan);
    let turn = crowd.borrow().shoppers.get(&fan).map_or(0, |shopper| shopper.turn);
    let request = purchase(&crowd.borrow(), fan, "fan", None);
    let sent = crowd.borrow().now();
    if role == Role::Twice {
        return shop_twice(crowd, lines, fan, sent).await;
    }
    let Some(answer) = ask(crowd, &mut lines.first, fan, &request).await else { return Ok(()) };
    let mut crowd = crowd.borrow_mut();
    if role == Role::Sleeps && turn == 0 {
        let refused = answer.status == 403 && buyer::code(&answer) == "not_admitted";
        crowd.laws.check(Law::Gate, refused, || {
            format!("a pass that ran out: {} {}", answer.status, buyer::code(&answer))
        });
        if refused {
            crowd.story.passes_lapsed += 1;
            lapsed(&mut crowd, fan);
            return Ok(());
        }
    }
    reserved(&mut crowd, fan, &answer, sent)
}

/// The pass ran out unused: what was asked of it is over, and the fan goes back in line.
fn lapsed(crowd: &mut Crowd, fan: u32) {
    let after = crowd.fans[fan as usize].asks_at.saturating_sub(crowd.now());
    if let Some(shopper) = crowd.shoppers.get_mut(&fan) {
        let (from, ends) = (shopper.from, shopper.ends);
        // It is kept, so that the next pass is known to be another one, but it counts only once.
        shopper.from = ends;
        crowd.story.shopped(from, ends);
    }
    crowd.again(fan, Stage::InLine, after);
}

/// The same pass at the same instant, under two keys: one at the most may buy.
async fn shop_twice(crowd: &Shared, lines: &mut Lines, fan: u32, sent: u32) -> anyhow::Result<()> {
    let one = purchase(&crowd.borrow(), fan, "fan", None);
    let other = purchase(&crowd.borrow(), fan, "twin", None);
    let (one, other) = tokio::join!(lines.first.ask(&one), lines.second.ask(&other));
    let mut crowd = crowd.borrow_mut();
    let decided = |answer: &std::io::Result<Answer>| answer.as_ref().is_ok_and(|a| a.status != 503);
    if !decided(&one) || !decided(&other) {
        // The same two again, under the same keys: what was decided before is answered as before.
        crowd.measures.trouble.broken += 1;
        crowd.again(fan, Stage::Shops, 400);
        return Ok(());
    }
    let (one, other) = (one?, other?);
    let both = one.status == 201 && other.status == 201;
    crowd.laws.check(Law::SingleUse, !both, || format!("fan {fan} bought twice with one pass"));
    let (first, second) = if other.status == 201 { (other, one) } else { (one, other) };
    if first.status == 201 && !both {
        let code = buyer::code(&second);
        let fits = second.status == 409 && matches!(&*code, "pass_used" | "sold_out" | "all_held");
        crowd.laws.check(Law::SingleUse, fits, || format!("fan {fan} again: {code}"));
    }
    reserved(&mut crowd, fan, &first, sent)
}

fn reserved(crowd: &mut Crowd, fan: u32, answer: &Answer, sent: u32) -> anyhow::Result<()> {
    let code = if answer.status == 201 { String::new() } else { buyer::code(answer) };
    match (answer.status, &*code) {
        (201, _) => {
            let told: Reservation<'_> = answer.parse().map_err(anyhow::Error::msg)?;
            let ends = told.expires_at.and_then(|at| crowd.time(at)).unwrap_or(NONE);
            let held = Held { id: told.id.to_owned(), ends, ended_from: None };
            if let Some(shopper) = crowd.shoppers.get_mut(&fan) {
                shopper.reservation = Some(held);
            }
            crowd.laws.checked(Law::Answered, 1);
            crowd.laws.checked(Law::SingleUse, 1);
            crowd.story.passes_used += 1;
            crowd.story.units_told += u64::from(units(fan));
            crowd.measures.reservations += 1;
            crowd.fans[fan as usize].set(mark::BOUGHT | mark::ENDED);
            let think = 200 + luck(fan, Luck::Thinks) % 1_800;
            crowd.again(fan, Stage::Settles, u32::try_from(think).unwrap_or_default());
        }
        (403, "not_admitted") => {
            let ends = crowd.shoppers.get(&fan).map_or(0, |shopper| shopper.ends);
            let over = ends <= crowd.now() + NEARLY_OVER;
            crowd.laws.check(Law::NothingLost, over, || {
                let left = i64::from(ends) - i64::from(sent);
                format!("fan {fan}: a pass with {left} ms left is refused: {}", answer.text())
            });
            crowd.story.passes_lapsed += 1;
            lapsed(crowd, fan);
        }
        (409, "sold_out" | "all_held") => {
            crowd.laws.checked(Law::Answered, 1);
            crowd.fans[fan as usize].set(mark::ENDED);
            crowd.again(fan, Stage::Leaves, 100);
        }
        (409, "pass_used") => {
            crowd.laws.check(Law::NothingLost, false, || {
                format!("fan {fan} has bought nothing, and the pass is used")
            });
            crowd.finish(fan);
        }
        _ => misfit(crowd, fan, "reserving", answer),
    }
    Ok(())
}

/// Pays, gives back, or forgets.
pub async fn settle(crowd: &Shared, lines: &mut Lines, fan: u32) -> anyhow::Result<()> {
    let wish = wish(fan);
    let request = {
        let mut crowd = crowd.borrow_mut();
        let now = crowd.now();
        let shopper = crowd.shoppers.get_mut(&fan);
        let Some(held) = shopper.and_then(|shopper| shopper.reservation.as_mut()) else {
            crowd.finish(fan);
            return Ok(());
        };
        if wish == Wish::Forgets {
            settled(&mut crowd, fan, NONE);
            return Ok(());
        }
        held.ended_from.get_or_insert(now);
        match wish {
            Wish::Pays => requests::book(&held.id, &format!("book-{fan}")),
            Wish::GivesBack | Wish::Forgets => requests::give_back(&held.id),
        }
    };
    let Some(answer) = ask(crowd, &mut lines.first, fan, &request).await else { return Ok(()) };
    let mut crowd = crowd.borrow_mut();
    let amount = u64::from(units(fan));
    match (wish, answer.status) {
        (Wish::Pays, 200 | 202) => crowd.story.units_paid += amount,
        (Wish::GivesBack, 200 | 204) => crowd.story.units_given_back += amount,
        // This program was too slow, or the server was away.
        (_, 410) => {}
        _ => {
            misfit(&mut crowd, fan, "settling", &answer);
            return Ok(());
        }
    }
    crowd.laws.checked(Law::Answered, 1);
    let until = if answer.status == 410 { NONE } else { ended_from(&crowd, fan) };
    settled(&mut crowd, fan, until);
    Ok(())
}

fn ended_from(crowd: &Crowd, fan: u32) -> u32 {
    let held = crowd.shoppers.get(&fan).and_then(|shopper| shopper.reservation.as_ref());
    held.and_then(|held| held.ended_from).unwrap_or_default()
}

/// The slot was surely taken until then, or until the hold ran out.
fn settled(crowd: &mut Crowd, fan: u32, until: u32) {
    if let Some(shopper) = crowd.shoppers.remove(&fan) {
        let ends = shopper.reservation.map_or(shopper.ends, |held| held.ends);
        crowd.story.shopped(shopper.from, ends.min(until));
    }
    crowd.finish(fan);
}
