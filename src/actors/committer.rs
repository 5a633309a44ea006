//! The one thread that writes the journal.
//!
//! It takes the groups that have gathered, appends them with one sync, publishes what changed, and
//! only then lets the replies go (INV-5, P8). There is no timer: the next groups gather while this one
//! syncs. Any journal error ends the process before another reply (P5).

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::audit::AuditNews;
use super::directory::{Directory, EventEntry, Published};
use super::mailbox::SubmitError;
use super::shard::Answer;
use super::waiting_room::{RoomNews, RoomReply};
use crate::faults;
use crate::metrics::JournalMetrics;
use crate::storage::compactor::Compactor;
use crate::storage::error::JournalError;
use crate::storage::journal::Journal;

/// Most groups of one commit; with batches of 512 records, about 2 MB.
const GROUPS_PER_COMMIT: usize = 64;

/// The reply to one command or to several that came together, and who waits for it.
pub(super) enum Reply {
    One { to: oneshot::Sender<Outcome>, answer: Outcome },
    Many { to: oneshot::Sender<Vec<Outcome>>, answers: Vec<Outcome> },
    Room(RoomReply),
    Audit(oneshot::Sender<()>),
}

type Outcome = Result<Answer, SubmitError>;

impl Reply {
    fn send(self) {
        // Whoever hung up can ask again with the same key.
        match self {
            Self::One { to, answer } => drop(to.send(answer)),
            Self::Many { to, answers } => drop(to.send(answers)),
            Self::Room(reply) => reply.send(),
            Self::Audit(to) => to.send(()).unwrap_or_default(),
        }
    }
}

/// What is published once the group is durable.
pub(super) enum Publication {
    New(Arc<EventEntry>),
    State(Arc<EventEntry>, Arc<Published>),
    Room(Box<RoomNews>),
    Audit(AuditNews),
}

/// The facts of one batch of a shard or a host, and everything that waits for them.
#[derive(Default)]
pub(super) struct Group {
    /// Whole frames, in the order in which they happened.
    pub frames: Vec<u8>,
    pub records: u32,
    pub publications: Vec<Publication>,
    pub replies: Vec<Reply>,
}

pub(super) enum Work {
    Group(Group),
    /// Answered when everything sent before is durable.
    Barrier(oneshot::Sender<()>),
}

/// Where shards and hosts send their groups.
pub(super) type Intake = mpsc::Sender<Work>;

pub struct CommitterOptions {
    /// Unit: bytes of frames; past this, and past half of the last checkpoint, the epoch is closed and
    /// folded in the background.
    pub epoch_bytes_max: u64,
    /// Called with a journal error; must not return, or what is in memory would be served although it
    /// is not on disk. Tests hand in something that parks the thread.
    pub on_fault: Box<dyn Fn(JournalError) + Send>,
}

/// The running thread.
pub struct Committer {
    thread: JoinHandle<()>,
}

impl Committer {
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        journal: Box<dyn Journal>,
        directory: Arc<Directory>,
        compactor: Compactor,
        options: CommitterOptions,
    ) -> std::io::Result<(Self, Intake)> {
        let (intake, work) = mpsc::channel(GROUPS_PER_COMMIT);
        let loop_ = Loop {
            journal,
            directory,
            compactor,
            options,
            metrics: JournalMetrics::new(),
            closed_epoch: None,
            runtime: Handle::current(),
        };
        let thread = std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || loop_.run(work))?;
        Ok((Self { thread }, intake))
    }

    /// Waits until all intakes are gone and the last group is durable.
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("the committer panicked");
        }
    }
}

struct Loop {
    journal: Box<dyn Journal>,
    directory: Arc<Directory>,
    compactor: Compactor,
    options: CommitterOptions,
    metrics: JournalMetrics,
    /// Closed, and not yet taken by the compactor.
    closed_epoch: Option<u64>,
    /// Where those live who wait for replies.
    runtime: Handle,
}

impl Loop {
    fn run(mut self, mut work: mpsc::Receiver<Work>) {
        let mut gathered = Vec::with_capacity(GROUPS_PER_COMMIT);
        while work.blocking_recv_many(&mut gathered, GROUPS_PER_COMMIT) > 0 {
            // Whoever is about to hand in more may do so first, if the cores are busy; if not, this
            // takes no time. A commit costs the same for few records as for many.
            std::thread::yield_now();
            while gathered.len() < GROUPS_PER_COMMIT
                && let Ok(more) = work.try_recv()
            {
                gathered.push(more);
            }
            if let Err(error) = self.commit(&mut gathered) {
                (self.options.on_fault)(error);
                return;
            }
        }
        if let Err(error) = self.journal.close() {
            (self.options.on_fault)(error);
        }
    }

    fn commit(&mut self, gathered: &mut Vec<Work>) -> Result<(), JournalError> {
        if faults::planted("reply_before_commit") {
            let early = gathered.iter_mut().filter_map(|work| match work {
                Work::Group(group) => Some(group),
                Work::Barrier(_) => None,
            });
            early.for_each(|group| {
                self.publish(std::mem::take(&mut group.publications));
                self.deliver(vec![std::mem::take(&mut group.replies)]);
            });
        }
        let appended = self.append(gathered);
        if !faults::planted("ignore_append_error") {
            appended?;
        }
        let mut replies = Vec::with_capacity(gathered.len());
        for work in gathered.drain(..) {
            match work {
                Work::Group(group) => {
                    self.publish(group.publications);
                    replies.push(group.replies);
                }
                Work::Barrier(reached) => drop(reached.send(())),
            }
        }
        self.deliver(replies);
        self.close_epoch_when_full()
    }

    fn append(&mut self, gathered: &[Work]) -> Result<(), JournalError> {
        let groups = gathered.iter().filter_map(|work| match work {
            Work::Group(group) if !group.frames.is_empty() => Some(group),
            Work::Group(_) | Work::Barrier(_) => None,
        });
        let records: u32 = groups.clone().map(|group| group.records).sum();
        if records == 0 {
            return Ok(());
        }
        let frames: Vec<&[u8]> = groups.map(|group| &group.frames[..]).collect();
        let started = Instant::now();
        faults::crash_at("before_append");
        self.journal.append(&frames)?;
        faults::crash_at("after_append");
        self.metrics.commit_duration_seconds.record(started.elapsed());
        self.metrics.batch_records.record(f64::from(records));
        Ok(())
    }

    fn publish(&self, publications: Vec<Publication>) {
        for publication in publications {
            match publication {
                Publication::New(entry) => {
                    self.directory.insert(Arc::clone(&entry));
                    self.directory.note_change(&entry);
                }
                Publication::State(entry, state) => {
                    entry.publish(state);
                    self.directory.note_change(&entry);
                }
                Publication::Room(news) => self.show(*news),
                Publication::Audit(news) => news.show(),
            }
        }
    }

    /// Single fans first: the snapshot may be what makes others look at them.
    fn show(&self, news: RoomNews) {
        news.view.publish(&news.changes, news.at);
        if let Some(snapshot) = news.snapshot {
            news.view.show(snapshot);
        }
        if let Some(entry) = news.opens {
            self.directory.open_room(&entry, &news.view);
        }
    }

    /// Wakes everybody from inside of the runtime: from this thread each one would go through the
    /// runtime's shared queue and its lock.
    fn deliver(&self, replies: Vec<Vec<Reply>>) {
        self.runtime.spawn(async move {
            replies.into_iter().flatten().for_each(Reply::send);
        });
    }

    fn close_epoch_when_full(&mut self) -> Result<(), JournalError> {
        // A fold reads and writes all that is on the books, so it waits until that much more came.
        let worth_it = self.options.epoch_bytes_max.max(self.compactor.checkpoint_bytes() / 2);
        if self.closed_epoch.is_none() && worth_it <= self.journal.epoch_bytes() {
            self.closed_epoch = Some(self.journal.rotate()? - 1);
        }
        if self.closed_epoch.is_some_and(|epoch| self.compactor.fold(epoch)) {
            self.closed_epoch = None;
        }
        Ok(())
    }
}
