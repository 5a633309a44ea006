//! One step of one fan in line: joining, asking, leaving. Each ends with the fan due again or done.

use super::answers::Place;
use super::chance;
use super::crowd::{Crowd, Shared, Shopper};
use super::fan::{NONE, Stage, mark};
use super::laws::Law;
use super::leave;
use super::requests;
use super::roles::{Luck, Role, luck};
use super::shop;
use crate::buyer;
use crate::connection::{Answer, Connection};
use crate::tally::micros;
use crate::target::Target;

/// A fan's connection, and another for those who do two things at once.
pub struct Lines {
    pub first: Connection,
    pub second: Connection,
}

impl Lines {
    pub fn new(target: Target) -> Self {
        Self { first: Connection::new(target), second: Connection::new(target) }
    }
}

/// So much too early is forgiven, the way there included. Unit: milliseconds.
const FORGIVEN: u32 = 1_000;
/// Pause after a broken connection or a 503. Unit: milliseconds.
const AGAIN: u32 = 300;

/// # Errors
/// The server speaks another language than this program.
pub async fn step(crowd: &Shared, lines: &mut Lines, fan: u32) -> anyhow::Result<()> {
    let (stage, role) = (crowd.borrow().fans[fan as usize].stage, crowd.borrow().role(fan));
    match stage {
        Stage::Joins if role == Role::TwoTabs => join_twice(crowd, lines, fan).await,
        Stage::Joins | Stage::JoinsAgain => join(crowd, lines, fan).await,
        Stage::InLine => poll(crowd, lines, fan).await,
        Stage::Robbed => shop::rob(crowd, lines, fan).await,
        Stage::Sneaks => shop::sneak(crowd, lines, fan).await,
        Stage::Shops => shop::shop(crowd, lines, fan).await,
        Stage::Settles => shop::settle(crowd, lines, fan).await,
        Stage::Leaves => leave::leave(crowd, lines, fan).await,
        Stage::LooksBack => leave::look_back(crowd, lines, fan).await,
        Stage::Done => {
            crowd.borrow_mut().finish(fan);
            Ok(())
        }
    }
}

/// The answer; `None`: there is none yet, and the fan does the same again.
pub async fn ask(
    crowd: &Shared,
    connection: &mut Connection,
    fan: u32,
    request: &[u8],
) -> Option<Answer> {
    let answer = connection.ask(request).await;
    let mut crowd = crowd.borrow_mut();
    let stage = crowd.fans[fan as usize].stage;
    let jitter = rand::random_range(0..AGAIN);
    match answer {
        Ok(answer) if answer.status == 503 => {
            crowd.measures.trouble.retries += 1;
            let pause =
                answer.retry_after.map_or(AGAIN, |s| u32::try_from(s * 1_000).unwrap_or(AGAIN));
            crowd.again(fan, stage, pause + jitter);
            None
        }
        Ok(answer) => Some(answer),
        Err(_) => {
            crowd.measures.trouble.broken += 1;
            crowd.again(fan, stage, AGAIN + jitter);
            None
        }
    }
}

/// Notes an answer that does not fit, and ends this fan.
pub fn misfit(crowd: &mut Crowd, fan: u32, doing: &str, answer: &Answer) {
    let (status, code) = (answer.status, buyer::code(answer));
    crowd.laws.check(Law::Answered, false, || format!("fan {fan}, {doing}: {status} {code}"));
    crowd.finish(fan);
}

async fn join(crowd: &Shared, lines: &mut Lines, fan: u32) -> anyhow::Result<()> {
    let asked = std::time::Instant::now();
    let Some(answer) = ask(crowd, &mut lines.first, fan, &requests::join(fan)).await else {
        return Ok(());
    };
    let mut crowd = crowd.borrow_mut();
    crowd.measures.join_latency.saturating_record(micros(asked.elapsed()));
    joined(&mut crowd, fan, &answer, 0)
}

/// Two tabs, one fan.
async fn join_twice(crowd: &Shared, lines: &mut Lines, fan: u32) -> anyhow::Result<()> {
    let request = requests::join(fan);
    let (one, other) = tokio::join!(lines.first.ask(&request), lines.second.ask(&request));
    let mut crowd = crowd.borrow_mut();
    let (Ok(one), Ok(other)) = (one, other) else {
        crowd.measures.trouble.broken += 1;
        crowd.again(fan, Stage::Joins, AGAIN);
        return Ok(());
    };
    if one.status == 503 || other.status == 503 {
        crowd.measures.trouble.retries += 1;
        crowd.again(fan, Stage::Joins, AGAIN);
        return Ok(());
    }
    if !matches!(other.status, 200 | 201) {
        misfit(&mut crowd, fan, "joining in a second tab", &other);
        return Ok(());
    }
    let told: Place<'_> = other.parse().map_err(anyhow::Error::msg)?;
    let number = crowd.fans[fan as usize].take_token(told.token.unwrap_or_default())?;
    note_number(&mut crowd, fan, number);
    // There is one next time for both tabs: the one that was told last, whichever that is.
    joined(&mut crowd, fan, &one, told.poll_after_ms.unwrap_or_default())
}

/// The first number that a fan hears must be new; all later ones must be the same.
fn note_number(crowd: &mut Crowd, fan: u32, number: u32) {
    let known = crowd.fans[fan as usize].number;
    if known == NONE {
        let is_new = crowd.is_new_number(number);
        crowd.laws.check(Law::NoTwins, is_new, || format!("fan {fan} has number {number} too"));
        crowd.fans[fan as usize].number = number;
        crowd.measures.joins += 1;
        crowd.count(0);
    } else {
        let wrong = || format!("fan {fan} had number {known}, joined again and got {number}");
        crowd.laws.check(Law::OnePlace, known == number, wrong);
    }
}

fn joined(crowd: &mut Crowd, fan: u32, answer: &Answer, not_before: u32) -> anyhow::Result<()> {
    if !matches!(answer.status, 200 | 201) {
        misfit(crowd, fan, "joining", answer);
        return Ok(());
    }
    let mut told: Place<'_> = answer.parse().map_err(anyhow::Error::msg)?;
    told.poll_after_ms = told.poll_after_ms.max(Some(not_before));
    crowd.laws.checked(Law::Answered, 1);
    let number = crowd.fans[fan as usize].take_token(told.token.unwrap_or_default())?;
    note_number(crowd, fan, number);
    let reloads =
        crowd.role(fan) == Role::Reloads && crowd.fans[fan as usize].stage == Stage::Joins;
    if reloads {
        let after = luck(fan, Luck::Polls) % 2_000;
        crowd.again(fan, Stage::JoinsAgain, u32::try_from(after).unwrap_or_default());
        return Ok(());
    }
    take_place(crowd, fan, &told);
    Ok(())
}

async fn poll(crowd: &Shared, lines: &mut Lines, fan: u32) -> anyhow::Result<()> {
    let forges = {
        let crowd = crowd.borrow();
        let own = &crowd.fans[fan as usize];
        (own.role == Role::Forges && !own.is(mark::FORGED))
            .then(|| own.forged(luck(fan, Luck::Bit)))
    };
    if let Some(token) = forges {
        let Some(answer) = ask(crowd, &mut lines.first, fan, &requests::poll(&token)).await else {
            return Ok(());
        };
        let mut crowd = crowd.borrow_mut();
        let refused = (400..429).contains(&answer.status);
        let wrong = || format!("a place token with one bit turned: {}", answer.status);
        crowd.laws.check(Law::Gate, refused, wrong);
        crowd.fans[fan as usize].set(mark::FORGED);
    }
    let (token, sent) = {
        let crowd = crowd.borrow();
        (crowd.fans[fan as usize].token(), crowd.now())
    };
    let asked = std::time::Instant::now();
    let Some(answer) = ask(crowd, &mut lines.first, fan, &requests::poll(&token)).await else {
        return Ok(());
    };
    let mut crowd = crowd.borrow_mut();
    crowd.measures.polls += 1;
    crowd.count(1);
    crowd.measures.poll_latency.saturating_record(micros(asked.elapsed()));
    polled(&mut crowd, fan, &answer, sent)
}

fn polled(crowd: &mut Crowd, fan: u32, answer: &Answer, sent: u32) -> anyhow::Result<()> {
    let asks_at = crowd.fans[fan as usize].asks_at;
    let (is_due, is_early) = (asks_at <= sent, crowd.now() + FORGIVEN < asks_at);
    match answer.status {
        200 => {
            let fits = !is_early || crowd.may_have_forgotten();
            crowd.laws.check(Law::Hint, fits, || format!("fan {fan} came early, got a 200"));
            crowd.laws.checked(Law::Answered, 1);
            let told: Place<'_> = answer.parse().map_err(anyhow::Error::msg)?;
            crowd.fans[fan as usize].polls = crowd.fans[fan as usize].polls.saturating_add(1);
            take_place(crowd, fan, &told);
        }
        429 => {
            crowd.measures.early += 1;
            let proper = !is_due && answer.retry_after.is_some();
            crowd.laws.check(Law::Hint, proper, || {
                format!("fan {fan} came when told: 429, Retry-After {:?}", answer.retry_after)
            });
            let pause = answer.retry_after.unwrap_or(1) * 1_000;
            crowd.again(fan, Stage::InLine, u32::try_from(pause).unwrap_or(1_000));
        }
        410 => ended(crowd, fan, "place_expired"),
        401 | 403 | 404 => {
            let wrong = || format!("fan {fan}: the place is unknown: {}", answer.text());
            crowd.laws.check(Law::NothingLost, false, wrong);
            crowd.finish(fan);
        }
        _ => misfit(crowd, fan, "asking", answer),
    }
    Ok(())
}

/// The place is over. It may be so only for one who was away, or lets turns pass.
fn ended(crowd: &mut Crowd, fan: u32, how: &str) {
    let own = &crowd.fans[fan as usize];
    let excused = own.is(mark::WAS_AWAY | mark::RETURNED | mark::LEFT) || own.role == Role::Sleeps;
    // A slow program may have let the pass run out.
    let excused = excused || crowd.shoppers.contains_key(&fan);
    crowd.laws.check(Law::NothingLost, excused, || format!("fan {fan} came when told: {how}"));
    crowd.story.gone += 1;
    crowd.finish(fan);
}

/// Goes on by what was told, at joining or at a poll.
fn take_place(crowd: &mut Crowd, fan: u32, told: &Place<'_>) {
    let now = crowd.now();
    let as_of = told.as_of.and_then(|as_of| crowd.time(as_of));
    if let Some(as_of) = as_of.filter(|_| told.token.is_none()) {
        crowd.measures.age.saturating_record(u64::from(now.saturating_sub(as_of)) * 1_000);
    }
    crowd.laws.checked(Law::NothingLost, 1);
    let hint = told.poll_after_ms.unwrap_or(1_000);
    crowd.fans[fan as usize].asks_at = now.saturating_add(hint);
    match told.status {
        "IN_DRAW" => {
            crowd.fans[fan as usize].set(mark::IN_DRAW);
            let place = told.place;
            crowd.laws.check(Law::PlaceKept, place.is_none(), || {
                format!("fan {fan} was told place {place:?} before the draw")
            });
            go_on(crowd, fan, hint);
        }
        "WAITING" => {
            note_waiting(crowd, fan, told);
            waits(crowd, fan, hint);
        }
        "RETURNING" => {
            let own = &mut crowd.fans[fan as usize];
            let is_second = own.is(mark::LET_IN_AGAIN);
            let is_first = !own.is(mark::RETURNED);
            own.set(mark::RETURNED);
            crowd.story.returned += u64::from(is_first);
            crowd.laws.check(Law::Returns, !is_second, || format!("fan {fan} returns again"));
            stay_or_go(crowd, fan, hint);
        }
        "ADMITTED" => let_in(crowd, fan, told),
        "USED" => {
            crowd.laws.check(Law::NothingLost, false, || {
                format!("fan {fan} has bought nothing, and the pass is used")
            });
            crowd.finish(fan);
        }
        how => ended(crowd, fan, how),
    }
}

fn note_waiting(crowd: &mut Crowd, fan: u32, told: &Place<'_>) {
    let now = crowd.now();
    let own = &mut crowd.fans[fan as usize];
    if let Some(place) = told.place {
        let before = own.place;
        own.place = before.min(place);
        crowd.laws.check(Law::PlaceKept, place <= before, || {
            format!("fan {fan} had place {before}, then {place}")
        });
    }
    let own = &mut crowd.fans[fan as usize];
    if let Some(wait) = told.expected_wait_seconds.filter(|_| own.told_at == NONE) {
        (own.told_at, own.low, own.mid, own.high) = (now, wait.low, wait.mid, wait.high);
    }
    own.marks &= !mark::TOLD_NONE;
    if let Some(index) = told.chance.and_then(chance::index) {
        if own.chance == u8::MAX {
            own.chance = index;
        }
        let count = &mut own.chances[usize::from(index)];
        *count = count.saturating_add(1);
        if chance::is_none(index) {
            own.set(mark::TOLD_NONE);
        }
    }
}

/// Some go away or come early while they wait.
fn waits(crowd: &mut Crowd, fan: u32, hint: u32) {
    let own = &mut crowd.fans[fan as usize];
    if own.role == Role::ComesBack && own.polls == 2 {
        own.set(mark::WAS_AWAY);
        let away = crowd.terms.absent_seconds * 1_300 + 3_000;
        crowd.again(fan, Stage::InLine, hint + away);
        return;
    }
    stay_or_go(crowd, fan, hint);
}

fn stay_or_go(crowd: &mut Crowd, fan: u32, hint: u32) {
    let own = &mut crowd.fans[fan as usize];
    if crowd.sale_over {
        own.set(mark::ENDED);
        crowd.finish(fan);
        return;
    }
    if own.is(mark::TOLD_NONE) && own.role != Role::Stubborn {
        if luck(fan, Luck::Goodbye).is_multiple_of(5) {
            crowd.finish(fan);
        } else {
            crowd.again(fan, Stage::Leaves, 200);
        }
        return;
    }
    go_on(crowd, fan, hint);
}

/// The next time in line, and what this fan is like.
fn go_on(crowd: &mut Crowd, fan: u32, hint: u32) {
    let own = &mut crowd.fans[fan as usize];
    let patience = luck(fan, Luck::Polls);
    match own.role {
        Role::Abandons if u64::from(own.polls) == 1 + patience % 4 => crowd.finish(fan),
        Role::Leaves if u64::from(own.polls) == 1 + patience % 3 => {
            crowd.again(fan, Stage::Leaves, 200)
        }
        Role::Pushy if own.polls.is_multiple_of(2) && 3_000 <= hint => {
            crowd.again(fan, Stage::InLine, hint / 2);
        }
        _ => crowd.again(fan, Stage::InLine, hint),
    }
}

fn let_in(crowd: &mut Crowd, fan: u32, told: &Place<'_>) {
    let pass = told.pass.as_ref();
    let ends = pass.and_then(|pass| crowd.time(pass.expires_at));
    let (Some(pass), Some(ends)) = (pass, ends) else {
        crowd.laws.check(Law::Answered, false, || format!("fan {fan} is let in without a pass"));
        crowd.finish(fan);
        return;
    };
    let from = ends.saturating_sub(crowd.terms.pass_seconds * 1_000);
    let own = &mut crowd.fans[fan as usize];
    if own.is(mark::RETURNED) {
        own.set(mark::LET_IN_AGAIN);
    } else if own.pass_ends == NONE {
        own.pass_ends = ends;
    }
    let before = crowd.shoppers.get(&fan).filter(|before| before.ends != ends);
    let turn = before.map_or(0, |before| before.turn + 1);
    if before.is_some() || !crowd.shoppers.contains_key(&fan) {
        crowd.story.passes.push(from);
        crowd.count(2);
        let pass = pass.token.to_owned();
        let new = Shopper { pass, from, ends, turn, ..Shopper::default() };
        crowd.shoppers.insert(fan, new);
    }
    shop::begin(crowd, fan, told.poll_after_ms.unwrap_or(1_000));
}
