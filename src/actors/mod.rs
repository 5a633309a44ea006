//! Who does the work, and who may talk to whom.
//!
//! ```text
//!   http ──> Router ──> ShardHandle ──cast──> ShardActor ──group──> committer (thread) ──> Journal
//!              │            (bound)            one per shard            │
//!              └── Directory <──────── what is published ───────────────┘   then the replies
//!
//!   Root supervises the shard actors: one that fails is replaced by replay, behind the same handle.
//! ```
//!
//! Only a shard actor changes an inventory; only the committer writes the journal.

mod announcer;
mod committer;
mod directory;
mod known_keys;
mod purchases;
mod root;
mod router;
mod shard;

pub use announcer::{
    AnnouncerDown, AnnouncerHandle, AnnouncerOptions, LogSource, Receiver, ReviveError,
    SendAgainError, TopicError, Topics, start as start_announcer,
};
pub use committer::{Committer, CommitterOptions};
pub use directory::{Directory, EventEntry, Published};
pub use purchases::{
    CashierOptions, MailWay, NotifierOptions, SmsWay, start_cashier, start_notifiers,
};
pub use root::{Engine, EngineOptions};
pub use router::{NewEvent, Router};
pub use shard::{Answer, Answers, ShardHandle, SubmitError, Unsent};
