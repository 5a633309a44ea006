//! The announcer's state, and what it does with what it hears.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use tokio::time::Instant;

use super::begin::Beginning;
use super::calls::{Parts, error_text};
use super::handle::SendAgainError;
use super::health::Health;
use super::letters::{Failure, Fate, Letters, RESTING_MAX};
use super::lines::Lines;
use super::message::{Attempt, Message};
use super::notes::{self, Note};
use super::source::{Found, News};
use crate::domain::ids::EventNumber;
use crate::domain::time::UnixMillis;
use crate::faults;
use crate::storage::outbox::{Letter, LetterId, LetterState};

/// From the end of one look at what changed to the next.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Entries that were read and not begun, over all events, past which nothing more is read.
const READ_MAX: usize = 256;
/// Reads under way: each takes a thread and the disk.
const READS_MAX: usize = 2;
/// Rest of a line that could not be read.
const READ_REST: Duration = Duration::from_secs(5);
/// Writes that wait; past this they are written at once, and while that fails nothing new is begun.
const NOTES_MAX: usize = 64;

pub(super) struct State {
    parts: Arc<Parts>,
    lines: Lines,
    letters: Letters,
    health: Health,
    notes: Vec<Note>,
    /// Notes were lost; cursors must not pass what they said.
    has_lost_notes: bool,
    /// Tries, and reads.
    under_way: usize,
    reads: usize,
}

impl State {
    pub fn new(parts: Parts, beginning: Beginning) -> Self {
        let Beginning { behind, letters } = beginning;
        let mut lines = Lines::default();
        behind.into_iter().for_each(|event| lines.changed(event));
        Self {
            parts: Arc::new(parts),
            lines,
            letters: Letters::of(letters),
            health: Health::default(),
            notes: Vec::new(),
            has_lost_notes: false,
            under_way: 0,
            reads: 0,
        }
    }

    pub async fn look(&mut self, myself: &ActorRef<Message>) {
        for event in self.parts.router.directory().changed() {
            self.lines.changed(event);
        }
        self.pump(myself).await;
        self.flush().await;
        let waiting = self.lines.behind() as f64 + self.letters.waiting() as f64;
        self.parts.metrics.waiting.set(waiting);
        self.parts.metrics.dead.set(self.letters.dead_len() as f64);
        drop(myself.send_after(LOOK_EVERY, || Message::Look));
    }

    pub async fn read(
        &mut self,
        event: EventNumber,
        found: Option<Found>,
        myself: &ActorRef<Message>,
    ) {
        self.reads -= 1;
        match found {
            Some(found) => self.lines.found(event, found),
            None => drop(myself.send_after(READ_REST, move || Message::Rested(event))),
        }
        self.pump(myself).await;
    }

    pub async fn rested(&mut self, event: EventNumber, myself: &ActorRef<Message>) {
        self.lines.back(event);
        self.pump(myself).await;
    }

    pub async fn ended(
        &mut self,
        attempt: Attempt,
        outcome: Result<(), Failure>,
        myself: &ActorRef<Message>,
    ) {
        self.under_way -= 1;
        match outcome {
            Ok(()) => self.told(&attempt),
            Err(failure) => self.failed(attempt, failure),
        }
        if NOTES_MAX <= self.notes.len() {
            self.flush().await;
        }
        self.pump(myself).await;
    }

    pub fn dead(&self, after: Option<LetterId>, limit: usize) -> Vec<(LetterId, Letter)> {
        self.letters.dead(after, limit)
    }

    pub async fn send_again(&mut self, id: LetterId) -> Result<Letter, SendAgainError> {
        let letter = self.letters.revive(id, self.parts.router.now())?.clone();
        self.notes.push(Note::Update(id, letter.clone()));
        self.flush().await;
        let outbox = self.parts.options.outbox.clone();
        match tokio::task::spawn_blocking(move || outbox.sync()).await {
            Ok(Ok(())) if self.notes.is_empty() => Ok(letter),
            Ok(_) | Err(_) => Err(super::AnnouncerDown.into()),
        }
    }

    /// Begins whatever may be begun: letters whose rest is over first, since they waited longest.
    pub async fn pump(&mut self, myself: &ActorRef<Message>) {
        let concurrency = self.parts.options.concurrency;
        while 0 < self.health.room(self.under_way, concurrency, Instant::now()) {
            if NOTES_MAX <= self.notes.len() || self.has_lost_notes {
                break;
            }
            let now = self.parts.router.now();
            if self.letters.is_due(now) {
                // What failed a moment ago is perhaps not written yet, and its body not to be found.
                if !self.is_noted().await {
                    break;
                }
                let due = self.letters.begin_due(now);
                due.into_iter().for_each(|id| self.begin(Attempt::Again { id }, myself));
                continue;
            }
            let has_room = self.letters.waiting() + self.lines.under_way() < RESTING_MAX;
            if let Some((event, news)) = has_room.then(|| self.lines.next()).flatten() {
                let id = LetterId { event: event.number, entry: news.entry };
                let event = event.id.to_string();
                if faults::planted("note_before_announce") {
                    self.lines.ended(id.event, id.entry);
                    self.flush().await;
                }
                self.begin(Attempt::First { id, event, news }, myself);
                continue;
            }
            // A probe: nothing else says when a receiver is back of which everything rests for hours.
            let is_wanted = self.health.is_down() && self.is_noted().await;
            match is_wanted.then(|| self.letters.begin_any()).flatten() {
                Some(id) => self.begin(Attempt::Again { id }, myself),
                None => break,
            }
        }
        self.read_on(myself);
    }

    fn begin(&mut self, attempt: Attempt, myself: &ActorRef<Message>) {
        self.under_way += 1;
        let (parts, myself) = (Arc::clone(&self.parts), myself.clone());
        tokio::spawn(async move {
            let outcome = parts.send(&attempt).await;
            // Whoever stops the announcer needs no endings any more.
            drop(myself.cast(Message::Ended(attempt, outcome)));
        });
    }

    fn read_on(&mut self, myself: &ActorRef<Message>) {
        while self.reads < READS_MAX && self.lines.read() < READ_MAX {
            let Some(wanted) = self.lines.wanted() else { return };
            self.reads += 1;
            let (parts, myself) = (Arc::clone(&self.parts), myself.clone());
            tokio::spawn(async move {
                let event = wanted.event.number;
                let found = parts.read(wanted).await;
                drop(myself.cast(Message::Read(event, found)));
            });
        }
    }

    fn told(&mut self, attempt: &Attempt) {
        self.parts.metrics.count("sent");
        match attempt {
            Attempt::First { id, .. } => self.lines.ended(id.event, id.entry),
            Attempt::Again { id } => {
                self.letters.remove(*id);
                self.notes.push(Note::Remove(*id));
            }
        }
        if self.health.succeeded() {
            tracing::info!("webhooks are taken again");
            self.letters.wake(self.parts.router.now());
        }
    }

    fn failed(&mut self, attempt: Attempt, failure: Failure) {
        let (id, metrics) = (attempt.id(), &self.parts.metrics);
        tracing::warn!(%id, reason = failure.reason, "a webhook was not taken");
        if failure.is_theirs && self.health.failed(Instant::now(), rand::random()) {
            tracing::error!(reason = failure.reason, "no webhook is taken; only probes are sent");
        }
        let (letter, body) = match attempt {
            Attempt::First { event, news, .. } => {
                self.lines.ended(id.event, id.entry);
                if faults::planted("note_before_announce") {
                    return;
                }
                (Some(first_letter(event, &news)), Some(news.body))
            }
            Attempt::Again { .. } => (self.letters.get(id).cloned(), None),
        };
        let Some(letter) = letter else { return };
        let fate =
            self.letters.failed(id, letter, failure, self.parts.router.now(), rand::random());
        if let Some(letter) = self.letters.get(id).cloned() {
            self.notes.push(match body {
                Some(body) => Note::Put(id, letter, body),
                None => Note::Update(id, letter),
            });
        }
        match fate {
            Fate::Rests => metrics.count("failed"),
            Fate::GivenUp { dropped } => {
                metrics.count("dead");
                tracing::error!(%id, "a webhook is given up");
                if let Some(dropped) = dropped {
                    metrics.count("dropped");
                    tracing::error!(%dropped, "too many webhooks are given up, the oldest is dropped");
                    self.notes.push(Note::Remove(dropped));
                }
            }
        }
    }

    /// Whether nothing waits to be written, after an attempt to write it.
    async fn is_noted(&mut self) -> bool {
        if !self.notes.is_empty() {
            self.flush().await;
        }
        self.notes.is_empty()
    }

    /// Writes down what happened. What cannot be written waits, and after a while holds up everything.
    pub async fn flush(&mut self) {
        if self.has_lost_notes {
            return;
        }
        let (notes, cursors) = (std::mem::take(&mut self.notes), self.lines.cursors());
        if notes.is_empty() && cursors.is_empty() {
            self.lines.noted(&[]);
            return;
        }
        let outbox = self.parts.options.outbox.clone();
        let written = tokio::task::spawn_blocking(move || {
            let written = notes::write(&outbox, &notes, &cursors);
            (written, notes, cursors)
        });
        match written.await {
            Ok((Ok(()), _, cursors)) => {
                faults::crash_at("after_announced_noted");
                self.lines.noted(&cursors);
            }
            Ok((Err(error), notes, _)) => {
                tracing::error!(error = error_text(&error), "the outbox cannot be written");
                self.notes = notes;
            }
            // They went down with a panic. The cursors stand before them, so the next start tells again.
            Err(error) => {
                tracing::error!(%error, "the outbox failed; no webhook is sent until the next start");
                self.has_lost_notes = true;
            }
        }
    }
}

fn first_letter(event: String, news: &News) -> Letter {
    Letter {
        event,
        kind: news.kind.to_owned(),
        body_bytes: u32::try_from(news.body.len()).unwrap_or(u32::MAX),
        tries: 0,
        reason: String::new(),
        state: LetterState::Resting { not_before: UnixMillis(0) },
    }
}
