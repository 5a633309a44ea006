//! What happens once, at the start: from where each event is told, and what was left undone.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actors::directory::EventEntry;
use crate::actors::router::Router;
use crate::domain::ids::EventNumber;
use crate::storage::outbox::{Letter, LetterId, Outbox, OutboxError};

/// Where an announcer begins.
pub(super) struct Beginning {
    /// Events with entries that were not told.
    pub behind: Vec<Arc<EventEntry>>,
    pub letters: Vec<(LetterId, Letter)>,
}

/// Reads the outbox, and decides for events that it does not know: one that came onto the books since there
/// is somebody to tell is told from its first entry on; one that was there before from now on, since
/// nobody wants to hear of last year's sale. Blocks.
///
/// # Errors
/// [`OutboxError`].
pub(super) fn begin(router: &Router, outbox: &Outbox) -> Result<Beginning, OutboxError> {
    outbox.tidy()?;
    let letters = outbox.letters(None, usize::MAX, |_| true)?;
    let cursors: BTreeMap<EventNumber, u64> = outbox.cursors()?.into_iter().collect();
    let since = outbox.since()?;
    let next_event = router.next_event();
    let (mut behind, mut after) = (Vec::new(), None);
    loop {
        let page = router.list(after.as_deref(), PAGE);
        for event in &page {
            let (number, newest) = (event.number, event.published().version);
            let is_new = since.is_some_and(|since| since <= number);
            match cursors.get(&number) {
                Some(cursor) if newest < *cursor => {
                    tracing::error!(event = %event.id, cursor, newest, "more was told than happened");
                    outbox.set_cursor(number, newest)?;
                }
                Some(cursor) if *cursor == newest => {}
                None if !is_new => outbox.set_cursor(number, newest)?,
                Some(_) | None => behind.push(Arc::clone(event)),
            }
        }
        let Some(last) = page.last() else { break };
        after = Some(last.id.to_string());
    }
    if since.is_none() {
        // After the cursors: a crash between them must not make all events new.
        outbox.set_since(Some(next_event))?;
    }
    outbox.sync()?;
    Ok(Beginning { behind, letters })
}

/// Events read under one lock.
const PAGE: usize = 1_000;
