//! The log of the journal's facts, as announcers read it.

use std::sync::Arc;

use super::source::{Found, News, Source, SourceError};
use super::topics::Topics;
use crate::actors::directory::EventEntry;
use crate::documents::Announcement;
use crate::storage::event_log::{EventLog, LogError};

/// See the module.
pub struct LogSource(pub Arc<EventLog>);

impl Source for LogSource {
    fn read(
        &self,
        event: &EventEntry,
        after: u64,
        limit: usize,
        wanted: &Topics,
    ) -> Result<Found, SourceError> {
        let state = event.published();
        let page = self.0.page(event.number, after, state.version, limit);
        let entries = page.map_err(|error| match error {
            LogError::Gone { oldest } => SourceError::Gone { oldest },
            other => SourceError::Fault(with_causes(&other)),
        })?;
        let read_to = entries.last().map(|entry| entry.number);
        let read_to = read_to.ok_or_else(|| {
            SourceError::Fault(format!("no entry between {after} and {}", state.version))
        })?;
        let (mut news, mut lost) = (Vec::with_capacity(entries.len()), 0);
        for entry in entries {
            let Some(told) = Announcement::of(&event.id, &state.terms, &entry) else {
                tracing::error!(event = %event.id, entry = entry.number, "an entry makes no sense");
                lost += 1;
                continue;
            };
            if wanted.want(told.kind()) {
                let (kind, body) = (told.kind(), told.body().into());
                let purchase = entry.reservation();
                news.push(News { entry: entry.number, kind, body, purchase });
            }
        }
        Ok(Found { after, read_to, news, lost })
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
