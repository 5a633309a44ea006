//! The loop of those who work off what events owe: page after page of it, as many tries at once as there is
//! room for, each entry by one at a time, and again when it has rested.
//!
//! A look begins what there is room for. The next one comes after a while, or with the first try that ends
//! when there was no room: so a backlog goes as fast as the other side allows, and an idle server asks its
//! shards some times a second. Looks never overlap.

use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef, SpawnErr};

use super::errand::{Ending, Errands};
use crate::actors::mailbox::SubmitError;
use crate::actors::shard::{Owed, Page, Place};
use crate::domain::ids::{EventNumber, ShardId};

/// What shards owe, and how one entry of it is tried.
pub(super) trait Work: Send + Sync + 'static {
    type Entry: Send + 'static;

    fn shards(&self) -> usize;

    /// Entries of one shard after a place, in the order of places.
    fn page(
        &self,
        shard: ShardId,
        after: Place,
    ) -> impl Future<Output = Result<Page<Self::Entry>, SubmitError>> + Send;

    fn place(entry: &Self::Entry) -> Place;

    /// One try; this process has made `tries` before.
    fn attempt(&self, entry: Self::Entry, tries: u32) -> impl Future<Output = Ending> + Send;

    /// Told after each look how much all shards owe.
    fn looked(&self, owed: Owed);
}

/// How fast it is worked off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// From the end of one look to the next.
    pub look_every: Duration,
    /// Tries under way at the most.
    pub concurrency: usize,
    /// Tries begun in one second at the most; absent: any.
    pub per_second: Option<NonZeroU32>,
}

/// Pages in a row in which nothing could be begun, after which a look ends: entries that rest by the
/// thousand must not keep their shard busy.
const IDLE_PAGES_MAX: usize = 16;
/// Rest of an entry whose try panicked.
const PANIC_REST: Duration = Duration::from_secs(60);
/// Before every place: events are numbered from 1.
const START: Place = (EventNumber(0), 0);

enum Message {
    /// A look, and the next one after a while.
    Tick,
    /// A look out of turn: there is room again.
    Look,
    Ended(Place, Ending),
}

struct Rounds<W>(PhantomData<fn() -> W>);

struct State<W> {
    work: Arc<W>,
    pace: Pace,
    errands: Errands,
    shards: Vec<Round>,
    /// The shard with which the next look begins, so that none is always the last.
    first: usize,
    /// The last look ended for want of room.
    is_full: bool,
    allowance: Allowance,
}

/// Where the looks at one shard are.
#[derive(Debug, Clone, Copy)]
struct Round {
    /// Where the next look goes on, so that many that rest do not hide those behind them.
    cursor: Place,
    /// How much it owed at the last look.
    owed: Owed,
}

/// Starts working; it ends when its actor is stopped.
///
/// # Errors
/// When the actor does not start.
pub(super) async fn start<W: Work>(work: W, pace: Pace) -> Result<ractor::ActorCell, SpawnErr> {
    let (actor, _) = Actor::spawn(None, Rounds(PhantomData), (work, pace)).await?;
    // Each tick begins the next one: those of an interval would pile up when shards are slow.
    actor.cast(Message::Tick).map_err(|error| SpawnErr::StartupFailed(error.into()))?;
    Ok(actor.get_cell())
}

impl<W: Work> Actor for Rounds<W> {
    type Msg = Message;
    type State = State<W>;
    type Arguments = (W, Pace);

    async fn pre_start(
        &self,
        _myself: ActorRef<Message>,
        (work, pace): Self::Arguments,
    ) -> Result<State<W>, ActorProcessingErr> {
        let shards = vec![Round { cursor: START, owed: Owed::default() }; work.shards()];
        let allowance = Allowance::new(pace.per_second, Instant::now());
        let (work, errands) = (Arc::new(work), Errands::default());
        Ok(State { work, pace, errands, shards, first: 0, is_full: false, allowance })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State<W>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Ended(place, ending) => {
                state.errands.end(place, ending, Instant::now());
                // One look for all that have ended by its turn.
                if std::mem::take(&mut state.is_full) {
                    myself.cast(Message::Look)?;
                }
            }
            Message::Look => state.look(false, &myself).await,
            Message::Tick => {
                state.errands.forget_old(Instant::now());
                state.look(true, &myself).await;
                drop(myself.send_after(state.pace.look_every, || Message::Tick));
            }
        }
        Ok(())
    }
}

/// Whether a look may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    Some,
    None,
    /// There is no room.
    Full,
}

impl<W: Work> State<W> {
    async fn look(&mut self, is_tick: bool, myself: &ActorRef<Message>) {
        let (now, shards) = (Instant::now(), self.shards.len());
        self.allowance.refill(now);
        self.is_full = false;
        for shard in (self.first..shards).chain(0..self.first) {
            // A tick asks each shard once at least, to know what it owes.
            if is_tick || self.has_room() {
                self.look_at(shard, now, myself).await;
            }
        }
        self.first = (self.first + 1) % shards.max(1);
        let all = self.shards.iter().fold(Owed::default(), |all, round| Owed {
            waiting: all.waiting + round.owed.waiting,
            dead: all.dead + round.owed.dead,
        });
        self.work.looked(all);
    }

    fn has_room(&self) -> bool {
        self.errands.under_way() < self.pace.concurrency && self.allowance.is_left()
    }

    async fn look_at(&mut self, shard: usize, now: Instant, myself: &ActorRef<Message>) {
        let id = ShardId(u16::try_from(shard).unwrap_or_default());
        let mut idle_pages = 0;
        while idle_pages < IDLE_PAGES_MAX {
            let Ok(page) = self.work.page(id, self.shards[shard].cursor).await else { return };
            self.shards[shard].owed = page.owed;
            if page.entries.is_empty() {
                self.shards[shard].cursor = START;
                return;
            }
            match self.begin(shard, page.entries, now, myself) {
                Begun::Some => idle_pages = 0,
                Begun::None => idle_pages += 1,
                Begun::Full => return,
            }
        }
    }

    fn begin(
        &mut self,
        shard: usize,
        entries: Vec<W::Entry>,
        now: Instant,
        myself: &ActorRef<Message>,
    ) -> Begun {
        let mut begun = Begun::None;
        for entry in entries {
            if !self.has_room() {
                self.is_full = self.pace.concurrency <= self.errands.under_way();
                return Begun::Full;
            }
            let place = W::place(&entry);
            self.shards[shard].cursor = place;
            let Some(tries) = self.errands.begin(place, now) else { continue };
            self.allowance.take();
            begun = Begun::Some;
            let (work, myself) = (Arc::clone(&self.work), myself.clone());
            tokio::spawn(async move {
                // On a task of its own: a try that panics must not keep its place for ever.
                let tried = tokio::spawn(async move { work.attempt(entry, tries).await });
                let ending = tried.await.unwrap_or(Ending::Again(PANIC_REST));
                // Whoever stops the rounds needs no endings any more.
                drop(myself.cast(Message::Ended(place, ending)));
            });
        }
        begun
    }
}

/// How many tries may be begun now.
#[derive(Debug)]
struct Allowance {
    per_second: Option<f64>,
    left: f64,
    counted_at: Instant,
}

impl Allowance {
    fn new(per_second: Option<NonZeroU32>, now: Instant) -> Self {
        let per_second = per_second.map(|rate| f64::from(rate.get()));
        Self { per_second, left: 1.0, counted_at: now }
    }

    fn refill(&mut self, now: Instant) {
        let Some(rate) = self.per_second else { return };
        let passed = now.duration_since(self.counted_at).as_secs_f64();
        // Never more than a tenth of a second's worth at once: whoever is asked feels bursts.
        self.left = (self.left + rate * passed).min((rate / 10.0).max(1.0));
        self.counted_at = now;
    }

    fn is_left(&self) -> bool {
        1.0 <= self.left
    }

    fn take(&mut self) {
        if self.per_second.is_some() {
            self.left -= 1.0;
        }
    }
}

#[cfg(test)]
mod tests;
