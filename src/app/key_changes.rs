//! Keys that `onsale keys` made or revoked, on record. The command works on a file, beside a running server or
//! without one, so it cannot write to the journal itself: the server notes in the audit log what it finds
//! there and has no entry of.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::actors::{AuditNote, Router, SubmitError};
use crate::domain::audit::{AuditEntry, AuditLog};
use crate::domain::time::UnixMillis;
use crate::storage::access_keys::{AccessKeys, StoredKey};

const LOOK_EVERY: Duration = Duration::from_secs(1);
const CREATE: &str = "create_key";
const REVOKE: &str = "revoke_key";

/// Looks until it is aborted.
pub fn watch(file: AccessKeys, router: &Arc<Router>) -> JoinHandle<()> {
    tokio::spawn(keep(file, Arc::clone(router)))
}

async fn keep(file: AccessKeys, router: Arc<Router>) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut noted, mut is_told) = (None, false);
    loop {
        looks.tick().await;
        // A file that cannot be read is told of by whoever takes the keys from it.
        let Ok(stamp) = file.stamp() else { continue };
        if stamp == noted {
            continue;
        }
        let Ok(keys) = file.read() else { continue };
        match note(&router, &keys).await {
            Ok(()) => (noted, is_told) = (stamp, false),
            Err(error) if !is_told => {
                is_told = true;
                tracing::warn!(%error, "changes of keys are not on record yet");
            }
            Err(_) => {}
        }
    }
}

async fn note(router: &Router, keys: &[StoredKey]) -> Result<(), SubmitError> {
    let (log, _) = router.audit().page(0, AuditLog::KEPT);
    for change in unrecorded(keys, &log) {
        let number = match change.begun {
            Some(number) => number,
            None => {
                let who = "command_line".into();
                let (action, object) = (change.action, change.object.into());
                let note = AuditNote { who, from: "local".into(), action, object };
                router.audit().begin(note).await?
            }
        };
        router.audit().end(number, "done").await?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Change {
    action: &'static str,
    object: String,
    /// The entry that says so already, though not that it is done: we died in between.
    begun: Option<u64>,
}

/// What `log`, from its oldest entry on, does not tell of the keys; in the order in which it happened.
fn unrecorded(keys: &[StoredKey], log: &[AuditEntry]) -> Vec<Change> {
    // What was before the oldest entry had one that is forgotten.
    let since = log.first().filter(|oldest| 1 < oldest.number);
    let since = since.map_or(UnixMillis(0), |oldest| oldest.at);
    let known: HashMap<(&str, &str), &AuditEntry> =
        log.iter().map(|entry| ((&*entry.action, &*entry.object), entry)).collect();
    let changes = keys.iter().flat_map(|key| {
        let revoked = key.revoked_at.map(|at| (at, REVOKE, key));
        std::iter::once((key.created_at, CREATE, key)).chain(revoked)
    });
    let mut changes: Vec<_> = changes.filter(|(at, ..)| since <= *at).collect();
    changes.sort_by_key(|(at, ..)| *at);
    let missing = changes.into_iter().filter_map(|(_, action, key)| {
        let object = format!("keys/{}", key.id);
        let entry = known.get(&(action, object.as_str()));
        let is_done = entry.is_some_and(|entry| entry.outcome.is_some());
        let begun = entry.map(|entry| entry.number);
        (!is_done).then_some(Change { action, object, begun })
    });
    missing.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;

    fn key(id: &str, created_at: u64, revoked_at: Option<u64>) -> StoredKey {
        StoredKey {
            id: id.into(),
            role: Role::Operator,
            organizer: None,
            name: "x".into(),
            created_at: UnixMillis(created_at),
            revoked_at: revoked_at.map(UnixMillis),
            digest: [0; 32],
        }
    }

    fn entry(number: u64, action: &str, id: &str, outcome: Option<&str>) -> AuditEntry {
        AuditEntry {
            number,
            at: UnixMillis(number * 100),
            who: "command_line".into(),
            from: "local".into(),
            action: action.into(),
            object: format!("keys/{id}").into(),
            outcome: outcome.map(Into::into),
        }
    }

    fn told(keys: &[StoredKey], log: &[AuditEntry]) -> Vec<(&'static str, String, Option<u64>)> {
        let changes = unrecorded(keys, log).into_iter();
        changes.map(|change| (change.action, change.object, change.begun)).collect()
    }

    #[test]
    fn each_change_is_found_until_it_is_on_record_in_its_order() {
        let keys = [key("a", 10, Some(30)), key("b", 20, None)];
        let all = [(CREATE, "a"), (CREATE, "b"), (REVOKE, "a")];
        let all = all.map(|(action, id)| (action, format!("keys/{id}"), None));
        assert_eq!(told(&keys, &[]), all);
        let log = [entry(1, CREATE, "a", Some("done")), entry(2, REVOKE, "a", None)];
        assert_eq!(
            told(&keys, &log),
            [(CREATE, "keys/b".into(), None), (REVOKE, "keys/a".into(), Some(2))]
        );
    }

    #[test]
    fn what_was_before_the_oldest_entry_is_not_noted_again() {
        let keys = [key("a", 499, Some(700)), key("b", 500, None)];
        let log = [entry(5, "amend_event", "x", Some("done"))];
        assert_eq!(
            told(&keys, &log),
            [(CREATE, "keys/b".into(), None), (REVOKE, "keys/a".into(), None)]
        );
    }
}
