//! The bounds of requests, from the settings; and keeping who owes what.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config::Config;
use crate::http::{BoundOptions, Front, LimitOptions, Proxies};

pub(super) fn of(config: &Config, clock: &Arc<dyn Clock>) -> BoundOptions {
    let (server, limits) = (&config.server, &config.limits);
    BoundOptions {
        proxies: Proxies::new(server.trusted_proxies.clone(), server.forwarded_header),
        limits: LimitOptions {
            policies: limits.policies.clone(),
            exempt: limits.exempt.clone(),
            cells_max: limits.cells_max,
            directory: Some(config.storage.data_dir.join("limits")),
            clock: Arc::clone(clock),
        },
        in_flight_max: server.in_flight_max.get(),
    }
}

/// Keeps the debts, off the runtime, unless that is still being done.
pub(super) fn keep(front: &Arc<Front>, before: Option<JoinHandle<()>>) -> Option<JoinHandle<()>> {
    if before.as_ref().is_some_and(|before| !before.is_finished()) {
        return before;
    }
    let front = Arc::clone(front);
    Some(tokio::task::spawn_blocking(move || front.keep_limits(false)))
}
