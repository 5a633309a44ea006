//! Joins what selling needs: the payment provider, the keys of tickets, fonts and mails, and those who
//! work off what bookings owe.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;

use crate::actors::{
    CashierOptions, MailWay, NotifierOptions, Router, SmsWay, start_cashier, start_notifiers,
};
use crate::clock::{Clock, SystemClock};
use crate::config::{
    Config, MailConfig, MailMode, PaymentConfig, Provider, SmsConfig, SmtpConfig, SmtpSecurity,
};
use crate::documents::text::Fonts;
use crate::http::{Desk, Front, take_webhook};
use crate::providers::backoff::Backoff;
use crate::providers::breaker::BreakerOptions;
use crate::providers::client::Patience;
use crate::providers::mail::{
    FileChannel, Login, MailChannel, Security, Sender, SmtpChannel, SmtpOptions, check_address,
};
use crate::providers::payment::PaymentProvider;
use crate::providers::payment::guarded::Guarded;
use crate::providers::payment::simulated::{RawWebhook, Simulated, SimulatedOptions};
use crate::providers::payment::stripe::{Stripe, StripeOptions};
use crate::providers::send::Hidden;
use crate::providers::sms::{HttpSms, HttpSmsOptions};
use crate::storage::event_log::EventLog;
use crate::storage::ticket_keys::TicketKeys;

/// Faults in a row after which a provider is left alone for a while.
const FAULTS_MAX: std::num::NonZeroU32 = std::num::NonZeroU32::new(20).expect("not zero");
const PAUSE: Duration = Duration::from_secs(5);
/// Rest between two tries of one payment. A minute at the most: buyers wait for their tickets.
const BACKOFF: Backoff = Backoff { min: Duration::from_millis(200), max: Duration::from_secs(60) };

/// Longest wait for a connection to a gateway that is there.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Everything that has to be made before the first booking is taken.
pub(super) struct Purchases {
    pub desk: Desk,
    notifier: NotifierOptions,
    cashier: CashierOptions,
    /// Of a provider that lives in this process.
    webhooks: Option<mpsc::Receiver<RawWebhook>>,
}

/// The running workers.
pub(super) struct Workers {
    actors: Vec<ractor::ActorCell>,
    webhooks: Option<tokio::task::JoinHandle<()>>,
}

/// # Errors
/// A setting that cannot be used, or keys that cannot be read; nothing was sold yet.
pub(super) fn prepare(
    config: &Config,
    log: Arc<EventLog>,
    is_new: bool,
) -> anyhow::Result<Purchases> {
    let clock = SystemClock::start();
    let keys = TicketKeys::open(&config.storage.data_dir, rand::random(), clock.now())
        .context("the keys of the tickets")?;
    if keys.is_new() && !is_new {
        tracing::warn!("new keys for tickets: tickets that were signed before do not verify");
    }
    let fonts =
        Arc::new(Fonts::with_dirs(&config.tickets.font_dirs).context("[tickets] font_dirs")?);
    for skipped in fonts.skipped() {
        tracing::warn!(?skipped, "a font is not used");
    }
    let (payments, webhooks) = provider(&config.payment, clock)?;
    let mail = MailWay {
        concurrency: config.mail.concurrency,
        channel: mail(&config.mail).context("[mail]")?,
        fonts: Arc::clone(&fonts),
        signer: keys.signing().clone(),
    };
    let sms = config.sms.as_ref().map(sms).transpose().context("[sms]")?;
    let notifier = NotifierOptions { mail, sms };
    let cashier = CashierOptions {
        concurrency: config.payment.concurrency,
        per_second: config.payment.per_second,
        backoff: BACKOFF,
    };
    let ring = keys.ring();
    let desk = Desk { payments, keys, ring, fonts, log, announcer: None };
    Ok(Purchases { desk, notifier, cashier, webhooks })
}

/// Makes a new key in the data directory, which must have some already.
///
/// # Errors
/// No data directory, or keys that cannot be read or written.
pub fn rotate_ticket_keys(data_dir: &Path) -> anyhow::Result<String> {
    anyhow::ensure!(data_dir.is_dir(), "{} is no data directory", data_dir.display());
    let now = SystemClock::start().now();
    let mut keys = TicketKeys::open(data_dir, rand::random(), now)?;
    if keys.is_new() {
        return Ok(keys.signing().id().to_string());
    }
    Ok(keys.rotate(rand::random(), now)?.to_string())
}

/// The provider, and its webhooks if it lives in this process.
type Provided = (Arc<dyn PaymentProvider>, Option<mpsc::Receiver<RawWebhook>>);

fn provider(config: &PaymentConfig, clock: SystemClock) -> anyhow::Result<Provided> {
    let breaker = BreakerOptions { faults_max: FAULTS_MAX, pause: PAUSE };
    match &config.provider {
        Provider::Simulated(simulation) => {
            // Nobody else has to know the secret, so each process draws its own.
            let secret: [u8; 32] = rand::random();
            let options = SimulatedOptions {
                latency_min: simulation.latency / 2,
                latency_max: simulation.latency,
                declines_permille: simulation.declines,
                timeouts_permille: simulation.timeouts,
                timeout: config.timeout,
                asyncs_permille: simulation.asyncs,
                duplicates_permille: simulation.duplicates,
                late_permille: simulation.duplicates,
                ..SimulatedOptions::reliable(simulation.seed, secret)
            };
            let made = Simulated::new(options, move || clock.now());
            let (simulated, webhooks) = made.context("[payment]")?;
            // No breaker: its faults are the point of it.
            Ok((Arc::new(simulated), Some(webhooks)))
        }
        Provider::Stripe { base_url, secret_key, webhook_secrets } => {
            let secrets = webhook_secrets.iter().map(|secret| secret.0.clone()).collect();
            let options = StripeOptions {
                base_url: base_url.clone(),
                timeout: config.timeout,
                ..StripeOptions::new(secret_key.0.clone(), secrets)
            };
            let stripe = Stripe::new(options).context("[payment]")?;
            Ok((Arc::new(Guarded::new(stripe, breaker)), None))
        }
    }
}

fn mail(config: &MailConfig) -> anyhow::Result<Box<dyn MailChannel>> {
    let address = check_address(&config.from).context("from")?;
    let sender = Sender { address, name: config.from_name.clone(), reply_to: None };
    match &config.mode {
        MailMode::File { directory } => Ok(Box::new(FileChannel::new(directory.clone(), sender)?)),
        MailMode::Smtp(smtp) => {
            Ok(Box::new(SmtpChannel::new(smtp_options(smtp, sender, config.concurrency))?))
        }
    }
}

fn smtp_options(smtp: &SmtpConfig, sender: Sender, connections_max: usize) -> SmtpOptions {
    SmtpOptions {
        port: smtp.port,
        security: match smtp.security {
            SmtpSecurity::StartTls => Security::StartTls,
            SmtpSecurity::Tls => Security::ImplicitTls,
            SmtpSecurity::None => Security::PlainOnLoopback,
        },
        roots_file: smtp.root_certificates.clone(),
        login: smtp.login.as_ref().map(|(username, password)| Login {
            username: username.clone(),
            password: Hidden::new(password.0.clone()),
        }),
        connections_max,
        ..SmtpOptions::new(smtp.host.clone(), sender)
    }
}

fn sms(config: &SmsConfig) -> anyhow::Result<SmsWay> {
    let total = config.timeout;
    let options = HttpSmsOptions {
        url: config.url.clone(),
        token: Hidden::new(config.token.0.clone()),
        from: config.from.clone(),
        segments_max: config.segments_max,
        roots_file: config.root_certificates.clone(),
        patience: Patience { connect: total.min(CONNECT_MAX), total },
    };
    let channel = Box::new(HttpSms::new(options)?);
    let (concurrency, segments_max) = (config.concurrency, config.segments_max);
    Ok(SmsWay { concurrency, channel, segments_max })
}

impl Purchases {
    /// Opens the desk and starts the workers.
    ///
    /// # Errors
    /// When an actor does not start.
    pub async fn open(self, router: &Arc<Router>, front: &Arc<Front>) -> anyhow::Result<Workers> {
        let payments = Arc::clone(&self.desk.payments);
        front.open(Arc::clone(router), self.desk);
        let cashier = start_cashier(Arc::clone(router), payments, self.cashier).await;
        let notifiers = start_notifiers(router, self.notifier).await;
        let mut actors = notifiers.context("the notifiers")?;
        actors.push(cashier.context("the cashier")?);
        let webhooks =
            self.webhooks.map(|webhooks| tokio::spawn(feed(webhooks, Arc::clone(front))));
        Ok(Workers { actors, webhooks })
    }
}

impl Workers {
    /// What is under way is dropped; it is owed still, and done after the next start.
    pub fn stop(self) {
        if let Some(webhooks) = self.webhooks {
            webhooks.abort();
        }
        for actor in self.actors {
            actor.stop(None);
        }
    }
}

/// Hands the webhooks of the provider in this process to the door that all others use, and again for a
/// while if it could not take one, as a real provider does.
async fn feed(mut webhooks: mpsc::Receiver<RawWebhook>, front: Arc<Front>) {
    const TRIES: u32 = 10;
    while let Some(webhook) = webhooks.recv().await {
        for _ in 0..TRIES {
            let Err(code) = take_webhook(&front, &webhook.headers, &webhook.body).await else {
                break;
            };
            tracing::warn!(code, "a webhook of the simulated provider was not taken");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
