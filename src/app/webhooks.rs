//! Joins what tells an organizer's server of everything that happens: its address and secrets, the log, and
//! the outbox beside the journal.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::actors::{
    AnnouncerHandle, AnnouncerOptions, LogSource, Receiver, Router, Topics, start_announcer,
};
use crate::config::WebhookConfig;
use crate::providers::client::Patience;
use crate::providers::webhook::{HttpWebhooks, Reach, SigningSecret, WebhookOptions, check_url};
use crate::storage::event_log::EventLog;
use crate::storage::outbox::Outbox;
use crate::storage::sled_journal::SledJournal;

/// The one receiver there is so far, as its outbox is called.
const RECEIVER: u32 = 1;
/// What fails to connect was certainly not delivered, which is good to know.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// A receiver that can be told.
pub(super) struct Webhooks {
    receiver: Receiver,
    channel: HttpWebhooks,
    concurrency: usize,
    outbox: Outbox,
}

/// `None`: nobody is to be told.
///
/// # Errors
/// A setting that cannot be used, or an outbox that does not open; nothing was sold yet.
pub(super) fn prepare(
    config: Option<&WebhookConfig>,
    journal: &SledJournal,
) -> anyhow::Result<Option<Webhooks>> {
    let Some(config) = config else {
        // What is created from now on is not news once somebody is told again.
        if let Some(outbox) = journal.outbox_if_any(RECEIVER)? {
            outbox.set_since(None)?;
        }
        return Ok(None);
    };
    let reach = Reach {
        allow_http: config.allow_private,
        allow_private: config.allow_private,
        allowed: Vec::new(),
    };
    check_url(&config.url, &reach).context("[webhooks] url")?;
    let secrets = config.secrets.iter().map(|secret| SigningSecret::parse(&secret.0));
    let secrets = secrets.collect::<Result<_, _>>().context("[webhooks] secrets")?;
    let topics = Topics::parse(&config.types).context("[webhooks] types")?;
    let options = WebhookOptions {
        reach,
        idle_max: config.concurrency,
        roots_file: config.root_certificates.clone(),
        patience: Patience { connect: config.timeout.min(CONNECT_MAX), total: config.timeout },
    };
    Ok(Some(Webhooks {
        receiver: Receiver { url: config.url.clone(), secrets, topics },
        channel: HttpWebhooks::new(options).context("[webhooks]")?,
        concurrency: config.concurrency,
        outbox: journal.outbox(RECEIVER)?,
    }))
}

/// Before anybody can create an event.
///
/// # Errors
/// When the outbox cannot be read, or the actor does not start.
pub(super) async fn start(
    webhooks: Option<Webhooks>,
    router: &Arc<Router>,
    log: &Arc<EventLog>,
) -> anyhow::Result<Option<AnnouncerHandle>> {
    let Some(Webhooks { receiver, channel, concurrency, outbox }) = webhooks else {
        return Ok(None);
    };
    let (channel, source) = (Box::new(channel), Box::new(LogSource(Arc::clone(log))));
    let options = AnnouncerOptions { receiver, channel, source, outbox, concurrency };
    let announcer = start_announcer(Arc::clone(router), options).await;
    announcer.context("the announcer").map(Some)
}
