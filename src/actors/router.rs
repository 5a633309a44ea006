//! From an event's name to the shard that owns it, and the answers that need no shard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::audit::Audit;
use super::directory::{Directory, EventEntry, Published};
use super::mailbox::SubmitError;
use super::shard::{Answer, Answers, Ask, Owing, Page, Place, ShardHandle, Unsent};
use super::waiting_room::{Entrant, HostHandle, RoomAnswer, RoomAsk, RoomError, RoomView};
use crate::clock::Clock;
use crate::domain::booking::Channel;
use crate::domain::idempotency::RememberedKey;
use crate::domain::ids::{EventNumber, OrganizerId, ReservationId, ShardId};
use crate::domain::inventory::{Command, Create, EventTerms, Refusal, Reserve, SaleState};
use crate::domain::placement::Ring;
use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::RoomCommand;
use crate::telemetry::Traces;

/// What an organizer sends to put an event on the books.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub terms: EventTerms,
    /// By pool, in the order of the terms. Unit: units.
    pub capacities: Vec<u32>,
    pub key: Option<RememberedKey>,
    /// Whose it will be, for good; absent: nobody's but the operator's.
    pub organizer: Option<OrganizerId>,
}

/// Of every shard, and of the host beside it.
pub(super) type Handles = (Box<[Arc<ShardHandle>]>, Box<[Arc<HostHandle>]>);

/// The door to all shards. Takes no lock on the way of a reservation.
pub struct Router {
    directory: Arc<Directory>,
    shards: Box<[Arc<ShardHandle>]>,
    /// One beside each shard.
    hosts: Box<[Arc<HostHandle>]>,
    audit: Audit,
    traces: Traces,
    ring: Ring,
    next_event: AtomicU64,
    clock: Arc<dyn Clock>,
}

impl Router {
    pub(super) fn new(
        directory: Arc<Directory>,
        (shards, hosts): Handles,
        audit: Audit,
        ring: Ring,
        (next_event, clock): (u64, Arc<dyn Clock>),
    ) -> Self {
        let next_event = AtomicU64::new(next_event);
        let traces = Traces::default();
        Self { directory, shards, hosts, audit, traces, ring, next_event, clock }
    }

    /// Where privileged changes are noted.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// To which traces purchases belong.
    #[must_use]
    pub fn traces(&self) -> &Traces {
        &self.traces
    }

    /// The time by which this engine decides.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    #[must_use]
    pub fn find(&self, event: &str) -> Option<Arc<EventEntry>> {
        self.directory.find(event)
    }

    /// Up to `limit` events after the id `after`, in the order of their ids.
    #[must_use]
    pub fn list(&self, after: Option<&str>, limit: usize) -> Vec<Arc<EventEntry>> {
        self.directory.list(after, limit)
    }

    /// The same of events that are `wanted`. Walks the others too: not for what buyers ask.
    #[must_use]
    pub fn list_where(
        &self,
        after: Option<&str>,
        limit: usize,
        wanted: impl Fn(&EventEntry) -> bool,
    ) -> Vec<Arc<EventEntry>> {
        self.directory.list_where(after, limit, wanted)
    }

    /// Whether every shard and every host takes commands.
    #[must_use]
    pub fn all_up(&self) -> bool {
        self.shards.iter().all(|shard| shard.is_up()) && self.hosts.iter().all(|host| host.is_up())
    }

    pub(super) fn hosts(&self) -> &[Arc<HostHandle>] {
        &self.hosts
    }

    /// Every waiting room, in the order in which they were made.
    #[must_use]
    pub fn rooms(&self) -> Vec<Arc<RoomView>> {
        self.directory.rooms()
    }

    /// Asks something of the event's waiting room; durable when answered.
    ///
    /// # Errors
    /// [`RoomError`].
    pub async fn room_submit(
        &self,
        event: &Arc<EventEntry>,
        command: RoomCommand,
    ) -> Result<RoomAnswer, RoomError> {
        self.host(event.shard)?.submit(event, RoomAsk::Command(command)).await
    }

    /// Who stands at the positions from `from` on, at most `limit`; empty before the doors and past the
    /// end. The first `sealed.count` positions are the entrants of the draw. Ask for a page at a time.
    ///
    /// # Errors
    /// [`RoomError`].
    pub async fn room_entrants(
        &self,
        event: &Arc<EventEntry>,
        from: u32,
        limit: u32,
    ) -> Result<Vec<Entrant>, RoomError> {
        let ask = RoomAsk::Entrants { from, limit: limit.min(ENTRANTS_MAX) };
        match self.host(event.shard)?.submit(event, ask).await? {
            RoomAnswer::Entrants(entrants) => Ok(entrants),
            _ => Err(SubmitError::ShardDown.into()),
        }
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Events from this number on do not exist yet.
    pub(super) fn next_event(&self) -> EventNumber {
        EventNumber(self.next_event.load(Ordering::Relaxed))
    }

    pub(super) fn shards(&self) -> &[Arc<ShardHandle>] {
        &self.shards
    }

    /// Puts an event on the books. The answer is always [`Answer::Event`].
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn create(&self, new: NewEvent) -> Result<Answer, SubmitError> {
        // A known event answers from its own shard; an unknown one goes where the ring says, so that
        // two requests for one new id meet in one mailbox.
        let known = self.directory.find(new.terms.id.as_str());
        let shard = known.map_or_else(|| self.ring.propose(&new.terms.id), |entry| entry.shard);
        let event = EventNumber(self.next_event.fetch_add(1, Ordering::Relaxed));
        let NewEvent { terms, capacities, key, organizer } = new;
        let ask = Create { event, terms: Arc::new(terms), capacities, key, organizer };
        self.shard(shard)?.submit(Ask::Create(ask)).await
    }

    /// # Errors
    /// [`SubmitError`].
    pub async fn submit(
        &self,
        event: &EventEntry,
        command: Command,
    ) -> Result<Answer, SubmitError> {
        if let Command::Reserve(ask) = &command
            && let Some(refusal) = sold_out_at_once(event, ask, self.clock.now())
        {
            return Err(SubmitError::Refused(refusal));
        }
        let ask = Ask::Command { event: event.number, command };
        self.shard(event.shard)?.submit(ask).await
    }

    /// # Errors
    /// [`SubmitError`].
    pub async fn read(
        &self,
        event: &EventEntry,
        reservation: ReservationId,
    ) -> Result<Answer, SubmitError> {
        let ask = Ask::Read { event: event.number, reservation };
        self.shard(event.shard)?.submit(ask).await
    }

    /// # Errors
    /// [`SubmitError`].
    pub async fn read_booking(
        &self,
        event: &EventEntry,
        booking: ReservationId,
    ) -> Result<Answer, SubmitError> {
        let ask = Ask::ReadBooking { event: event.number, booking };
        self.shard(event.shard)?.submit(ask).await
    }

    /// A page of the purchases of one shard whose money is not settled.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub(super) async fn owing(
        &self,
        shard: ShardId,
        after: Place,
    ) -> Result<Page<Owing>, SubmitError> {
        match self.shard(shard)?.submit(Ask::Owing { after }).await? {
            Answer::Owing(page) => Ok(page),
            _ => Err(SubmitError::ShardDown),
        }
    }

    /// A page of the messages of one shard that a channel is to send.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub(super) async fn messages(
        &self,
        shard: ShardId,
        channel: Channel,
        after: Place,
    ) -> Result<Page<Unsent>, SubmitError> {
        match self.shard(shard)?.submit(Ask::Messages { channel, after }).await? {
            Answer::Messages(page) => Ok(page),
            _ => Err(SubmitError::ShardDown),
        }
    }

    /// Up to `limit` messages of all events that were given up, after the one that was seen last, in the
    /// order of their events' numbers and their own.
    ///
    /// # Errors
    /// [`SubmitError`]: a shard did not answer, and its messages would be missing.
    pub async fn dead_messages(
        &self,
        after: (EventNumber, u64),
        limit: usize,
    ) -> Result<Vec<Unsent>, SubmitError> {
        let mut found: Vec<Unsent> = Vec::new();
        for shard in &self.shards {
            match shard.submit(Ask::DeadMessages { after, limit }).await? {
                Answer::Messages(page) => found.extend(page.entries),
                _ => return Err(SubmitError::ShardDown),
            }
            // What is kept stays small, however many shards have much to tell.
            found.sort_unstable_by_key(|unsent| (unsent.event, unsent.number));
            found.truncate(limit);
        }
        Ok(found)
    }

    /// Sends a message again that was given up. `Ok(None)`: there is no such event.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn revive(
        &self,
        (event, message): (EventNumber, u64),
    ) -> Result<Option<Unsent>, SubmitError> {
        let Some(entry) = self.directory.find_number(event) else { return Ok(None) };
        match self.submit(&entry, Command::Revive { message }).await? {
            Answer::Message(unsent) => Ok(Some(*unsent)),
            _ => Err(SubmitError::ShardDown),
        }
    }

    /// Most reservations that [`Router::reserve_many`] takes together.
    #[must_use]
    pub fn many_max(&self) -> usize {
        self.shards.first().map_or(1, |shard| shard.many_max() as usize)
    }

    /// Reserves many times for one event, each all or none by itself. Waits for room in the queue; the
    /// answers come later.
    ///
    /// # Errors
    /// [`SubmitError`], for all of them.
    pub async fn reserve_many(
        &self,
        event: &EventEntry,
        asks: Vec<Reserve>,
    ) -> Result<Answers, SubmitError> {
        self.shard(event.shard)?.submit_many(event.number, asks).await
    }

    fn host(&self, shard: ShardId) -> Result<&HostHandle, SubmitError> {
        let host = self.hosts.get(usize::from(shard.0)).ok_or(SubmitError::ShardDown)?;
        Ok(host)
    }

    fn shard(&self, shard: ShardId) -> Result<&ShardHandle, SubmitError> {
        let shard = self.shards.get(usize::from(shard.0)).ok_or(SubmitError::ShardDown)?;
        Ok(shard)
    }
}

/// Most entrants of one page: some milliseconds of a host's time.
const ENTRANTS_MAX: u32 = 65_536;

/// The refusal that the shard would give, read from what is published: the newest durable state, so
/// nobody hears "sold out" after somebody heard "given back". `None`: ask the shard.
///
/// Only for an open sale with nothing left in the first pool that falls short; whoever may have
/// succeeded before with this key goes to the shard for their answer, and so does who brings a pass.
fn sold_out_at_once(event: &EventEntry, ask: &Reserve, now: UnixMillis) -> Option<Refusal> {
    if ask.pass.is_some() {
        return None;
    }
    let state = event.published();
    if !on_sale(&state, now) || state.next_release_at.is_some_and(|due| due <= now) {
        return None;
    }
    let short = ask.lines.as_slice().iter().find(|line| {
        state.pools.get(usize::from(line.pool)).is_none_or(|p| p.available < line.quantity.units())
    })?;
    let counts = state.pools.get(usize::from(short.pool))?;
    let (asked, available) = (short.quantity.units(), counts.available);
    if ask.key.is_some_and(|key| event.keys.may_know(&key.digest)) {
        return None;
    }
    let pool = state.terms.pool(short.pool).id.clone();
    if asked <= available + counts.held {
        let next_release_at = state.next_release_at;
        return Some(Refusal::AllHeld { pool, asked, available, next_release_at });
    }
    Some(Refusal::SoldOut { pool, asked, available })
}

fn on_sale(state: &Published, now: UnixMillis) -> bool {
    let sale = &state.terms.sale;
    sale.state == SaleState::Open
        && sale.opens_at.is_none_or(|opens_at| opens_at <= now)
        && sale.closes_at.is_none_or(|closes_at| now < closes_at)
}
