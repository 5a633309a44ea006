//! The root of the tree: starts committer, shards and hosts of waiting rooms, replaces one that fails,
//! and takes everything down in the right order.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::oneshot;

use super::audit::Audit;
use super::committer::{Committer, CommitterOptions, Intake, Work};
use super::directory::{Directory, EventEntry};
use super::router::Router;
use super::shard::{ShardActor, ShardHandle, ShardParts, Stock};
use super::waiting_room::{HostActor, HostHandle, HostParts, Rooms};
use crate::clock::Clock;
use crate::domain::ids::ShardId;
use crate::domain::placement::Ring;
use crate::domain::time::UnixMillis;
use crate::metrics;
use crate::storage::books::Books;
use crate::storage::compactor::{Compactor, OnFault};
use crate::storage::event_log::EventLog;
use crate::storage::journal::{Journal, JournalReader};
use crate::storage::record::encode_placed;
use crate::storage::recovery::recover;

pub struct EngineOptions {
    pub shards: NonZeroU16,
    /// Unit: commands.
    pub queue_depth_max: u32,
    /// Unit: records.
    pub batch_records_max: u32,
    /// How long a caller waits for an answer.
    pub patience: Duration,
    pub committer: CommitterOptions,
    /// Takes what it tells before an epoch is folded.
    pub log: Arc<EventLog>,
    pub on_compactor_fault: OnFault,
}

/// Everything that runs between the HTTP edge and the disk.
pub struct Engine {
    router: Arc<Router>,
    root: ActorRef<()>,
    committer: Committer,
    compactor: JoinHandle<()>,
    storage_full: Arc<AtomicBool>,
}

impl Engine {
    /// Starts everything on the recovered state.
    ///
    /// # Errors
    /// When the journal does not take the new placements, or a thread or an actor does not start.
    pub async fn start(
        mut journal: Box<dyn Journal>,
        mut books: Books,
        clock: Arc<dyn Clock>,
        options: EngineOptions,
    ) -> anyhow::Result<Self> {
        let ring = Ring::new(options.shards);
        replace_moved(&mut *journal, &mut books, &ring)?;
        let directory = Arc::new(Directory::default());
        let next_event = books.next_event();
        let reader = journal.reader();
        let storage_full = Arc::new(AtomicBool::new(false));
        let audit_log = std::mem::take(&mut books.audit_log);
        let owned = share_out(books, &directory, options.shards, clock.now());
        let (compactor, compactor_thread) =
            Compactor::start(Arc::clone(&reader), options.log, options.on_compactor_fault)
                .context("starting the compactor")?;
        let (committer, intake) =
            Committer::start(journal, Arc::clone(&directory), compactor, options.committer)
                .context("starting the committer")?;
        let full = || Arc::clone(&storage_full);
        let audit = Audit::new(audit_log, intake.clone(), Arc::clone(&clock), full());
        let (depth, patience) = (options.queue_depth_max, options.patience);
        let shard = |_: &Owned| Arc::new(ShardHandle::new(depth, patience, full()));
        let host = |_: &Owned| Arc::new(HostHandle::new(depth, patience, full()));
        let shards: Box<[Arc<ShardHandle>]> = owned.iter().map(shard).collect();
        let hosts: Box<[Arc<HostHandle>]> = owned.iter().map(host).collect();
        let parts = RootParts {
            reader,
            directory: Arc::clone(&directory),
            shards: shards.clone(),
            hosts: hosts.clone(),
            intake,
            clock: Arc::clone(&clock),
            batch_records_max: options.batch_records_max,
        };
        let (root, _) =
            Actor::spawn(None, RootActor, (parts, owned)).await.context("starting the shards")?;
        let router =
            Arc::new(Router::new(directory, (shards, hosts), audit, ring, (next_event, clock)));
        Ok(Self { router, root, committer, compactor: compactor_thread, storage_full })
    }

    #[must_use]
    pub fn router(&self) -> &Arc<Router> {
        &self.router
    }

    /// While set, everything that would write is refused.
    #[must_use]
    pub fn storage_full(&self) -> &Arc<AtomicBool> {
        &self.storage_full
    }

    /// Ends what is due in every shard, and looks at every waiting room; called some times a second.
    pub fn tick(router: &Router) {
        router.shards().iter().for_each(|shard| shard.tick());
        router.hosts().iter().for_each(|host| host.tick());
    }

    /// Copies the depth of every queue to its gauge.
    pub fn sample(router: &Router, gauges: &[metrics::ShardMetrics]) {
        for (shard, gauges) in router.shards().iter().zip(gauges) {
            gauges.queue_depth.set(f64::from(shard.depth()));
        }
    }

    /// Answers what is queued, makes it durable, and ends. Nothing new is taken meanwhile.
    pub async fn drain(self) {
        self.storage_full.store(true, Ordering::Relaxed);
        // Hosts ask shards, not the other way round.
        for host in self.router.hosts() {
            host.drain(DRAIN_MAX).await;
        }
        for shard in self.router.shards() {
            shard.drain(DRAIN_MAX).await;
        }
        self.router.audit().close().await;
        // The committer ends when the last intake is gone, and the root keeps one.
        if let Err(error) = self.root.stop_and_wait(None, None).await {
            tracing::warn!(%error, "the root did not stop in order");
        }
        let joined = tokio::task::spawn_blocking(move || {
            self.committer.join();
            self.compactor.join()
        });
        if !matches!(joined.await, Ok(Ok(()))) {
            tracing::error!("the compactor panicked");
        }
    }
}

/// Where the ring now proposes another shard than the recorded one (the shard count changed), records
/// the new placement before anybody serves it.
fn replace_moved(journal: &mut dyn Journal, books: &mut Books, ring: &Ring) -> anyhow::Result<()> {
    let mut frames = Vec::new();
    for (number, placed) in &mut books.events {
        let proposed = ring.propose(&placed.inventory.terms().id);
        if proposed != placed.shard {
            placed.shard = proposed;
            encode_placed(&mut frames, *number, proposed);
        }
    }
    if !frames.is_empty() {
        journal.append(&[&frames]).context("recording new placements")?;
    }
    Ok(())
}

/// What one shard and the host beside it own.
type Owned = (Stock, Rooms);

/// Events and rooms by shard, published.
fn share_out(
    books: Books,
    directory: &Directory,
    shards: NonZeroU16,
    now: UnixMillis,
) -> Vec<Owned> {
    let new = |shard| (Stock::new(ShardId(shard)), Rooms::default());
    let mut owned: Vec<Owned> = (0..shards.get()).map(new).collect();
    let mut rooms = books.rooms;
    for (number, placed) in books.events {
        let entry = Arc::new(EventEntry::new(placed.shard, &placed.inventory));
        directory.insert(Arc::clone(&entry));
        let (stock, hosted) = &mut owned[usize::from(placed.shard.0)];
        stock.adopt(placed.inventory, Arc::clone(&entry));
        if let Some(room) = rooms.remove(&number) {
            let view = hosted.adopt(room, Arc::clone(&entry), now);
            directory.open_room(&entry, &view);
        }
    }
    owned
}

struct RootParts {
    reader: Arc<dyn JournalReader>,
    directory: Arc<Directory>,
    shards: Box<[Arc<ShardHandle>]>,
    hosts: Box<[Arc<HostHandle>]>,
    intake: Intake,
    clock: Arc<dyn Clock>,
    batch_records_max: u32,
}

struct RootActor;

struct Root {
    parts: RootParts,
    actors: BTreeMap<ActorId, Place>,
}

/// Which actor it is.
#[derive(Debug, Clone, Copy)]
enum Place {
    Shard(ShardId),
    /// The host beside this shard.
    Host(ShardId),
}

impl Actor for RootActor {
    type Msg = ();
    type State = Root;
    type Arguments = (RootParts, Vec<Owned>);

    async fn pre_start(
        &self,
        myself: ActorRef<()>,
        (parts, owned): Self::Arguments,
    ) -> Result<Root, ActorProcessingErr> {
        let mut root = Root { parts, actors: BTreeMap::new() };
        for (shard, (stock, rooms)) in (0..).map(ShardId).zip(owned) {
            root.spawn_shard(&myself, shard, stock).await?;
            root.spawn_host(&myself, shard, rooms).await?;
        }
        Ok(root)
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<()>,
        event: SupervisionEvent,
        root: &mut Root,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(cell, error) => {
                if let Some(place) = root.actors.remove(&cell.get_id()) {
                    root.replace(&myself, place, &error.to_string()).await;
                }
            }
            SupervisionEvent::ActorTerminated(cell, _, _) => {
                root.actors.remove(&cell.get_id());
            }
            _ => {}
        }
        Ok(())
    }
}

/// One that has not answered its queue by then is left behind: everything durable is safe.
const DRAIN_MAX: Duration = Duration::from_secs(10);

impl Root {
    async fn spawn_shard(
        &mut self,
        myself: &ActorRef<()>,
        id: ShardId,
        stock: Stock,
    ) -> Result<(), SpawnErr> {
        let parts = ShardParts {
            id,
            intake: self.parts.intake.clone(),
            clock: Arc::clone(&self.parts.clock),
            batch_records_max: self.parts.batch_records_max,
        };
        let (actor, _) =
            Actor::spawn_linked(None, ShardActor, (parts, stock), myself.get_cell()).await?;
        self.actors.insert(actor.get_id(), Place::Shard(id));
        self.parts.shards[usize::from(id.0)].set_actor(Some(actor));
        Ok(())
    }

    async fn spawn_host(
        &mut self,
        myself: &ActorRef<()>,
        id: ShardId,
        rooms: Rooms,
    ) -> Result<(), SpawnErr> {
        let parts = HostParts {
            shard: Arc::clone(&self.parts.shards[usize::from(id.0)]),
            intake: self.parts.intake.clone(),
            clock: Arc::clone(&self.parts.clock),
            batch_records_max: self.parts.batch_records_max,
        };
        let (actor, _) =
            Actor::spawn_linked(None, HostActor, (parts, rooms), myself.get_cell()).await?;
        self.actors.insert(actor.get_id(), Place::Host(id));
        self.parts.hosts[usize::from(id.0)].set_actor(Some(actor));
        Ok(())
    }

    /// An actor failed: its successor replays what is durable and takes its place. If that breaks a law
    /// again it stays down, so that no unit is sold twice, and somebody is paged.
    async fn replace(&mut self, myself: &ActorRef<()>, place: Place, error: &str) {
        match place {
            Place::Shard(id) => self.parts.shards[usize::from(id.0)].set_actor(None),
            Place::Host(id) => self.parts.hosts[usize::from(id.0)].set_actor(None),
        }
        tracing::error!(?place, error, "shard failed");
        if let Some(law) = law_in(error) {
            metrics::count_broken_law(law);
        }
        match self.succeed(myself, place).await {
            Ok(()) => tracing::warn!(?place, "shard replaced by replay"),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(?place, error, "shard stays down");
                metrics::count_broken_law(law_in(&error).unwrap_or("INV-6"));
            }
        }
    }

    async fn succeed(&mut self, myself: &ActorRef<()>, place: Place) -> anyhow::Result<()> {
        let books = self.replay().await?;
        match place {
            Place::Shard(id) => {
                let stock = self.stock(id, books);
                self.spawn_shard(myself, id, stock).await?;
            }
            Place::Host(id) => {
                let rooms = self.rooms(id, books);
                self.spawn_host(myself, id, rooms).await?;
            }
        }
        Ok(())
    }

    /// Everything that was shipped before now.
    async fn replay(&self) -> anyhow::Result<Books> {
        let (reached, durable) = oneshot::channel();
        let barrier = self.parts.intake.send(Work::Barrier(reached)).await;
        barrier.map_err(|_| anyhow::anyhow!("the committer is gone"))?;
        durable.await.context("the committer is gone")?;
        let reader = Arc::clone(&self.parts.reader);
        Ok(tokio::task::spawn_blocking(move || recover(&*reader)).await??)
    }

    fn stock(&self, shard: ShardId, books: Books) -> Stock {
        let mut stock = Stock::new(shard);
        for placed in books.events.into_values().filter(|placed| placed.shard == shard) {
            let id = placed.inventory.terms().id.as_str();
            let known = self.parts.directory.find(id);
            let entry =
                known.unwrap_or_else(|| Arc::new(EventEntry::new(shard, &placed.inventory)));
            stock.adopt(placed.inventory, entry);
        }
        stock
    }

    fn rooms(&self, shard: ShardId, mut books: Books) -> Rooms {
        let (mut rooms, now) = (Rooms::default(), self.parts.clock.now());
        for (number, placed) in books.events.into_iter().filter(|(_, of)| of.shard == shard) {
            let known = self.parts.directory.find(placed.inventory.terms().id.as_str());
            let Some((room, entry)) = books.rooms.remove(&number).zip(known) else { continue };
            let view = rooms.adopt(room, Arc::clone(&entry), now);
            self.parts.directory.open_room(&entry, &view);
        }
        rooms
    }
}

/// The law that an assertion named, from the closed set of laws.
fn law_in(error: &str) -> Option<&'static str> {
    // The longer ones first: one is the beginning of others.
    const LAWS: [&str; 12] = [
        "INV-13", "INV-12", "INV-11", "INV-10", "INV-1", "INV-2", "INV-3", "INV-4", "INV-6",
        "INV-7", "INV-8", "INV-9",
    ];
    LAWS.into_iter().find(|law| error.contains(law))
}
