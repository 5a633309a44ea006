//! Who does the work, and who may talk to whom.
//!
//! ```text
//!   http ──> Router ──> ShardHandle ──cast──> ShardActor ──group──> committer (thread) ──> Journal
//!              │            (bound)            one per shard            │
//!              └── Directory <──────── what is published ───────────────┘   then the replies
//!
//!   http ──> Router ──> HostHandle ──cast──> HostActor (waiting rooms) ──group──> committer
//!                                                └──ask──> ShardHandle: who used a pass, what is left
//!
//!   Root supervises shards and hosts: one that fails is replaced by replay, behind the same handle.
//! ```
//!
//! Only a shard actor changes an inventory, only a host a waiting room; only the committer writes the
//! journal.

mod announcer;
mod audit;
mod committer;
mod directory;
mod known_keys;
mod mailbox;
mod purchases;
mod root;
mod router;
mod shard;
mod waiting_room;

pub use announcer::{
    AnnouncerDown, AnnouncerHandle, AnnouncerOptions, LogSource, Receiver, ReviveError,
    SendAgainError, TopicError, Topics, start as start_announcer,
};
pub use audit::{Audit, AuditNote};
pub use committer::{Committer, CommitterOptions};
pub use directory::{Directory, EventEntry, Published};
pub use mailbox::SubmitError;
pub use purchases::{
    CashierOptions, MailWay, NotifierOptions, SmsWay, start_cashier, start_notifiers,
};
pub use root::{Engine, EngineOptions};
pub use router::{NewEvent, Router};
pub use shard::{Answer, Answers, ShardHandle, Unsent};
pub use waiting_room::{
    Entrant, Gate, HostHandle, Living, OpenDraw, PassError, PlaceAnswer, PlaceSeen, PollTurn,
    RoomAnswer, RoomError, RoomSnapshot, RoomView, count_living, sample_rooms, state_words,
};
