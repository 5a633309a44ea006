//! What selling needs besides the engine: the payment provider, mails, tickets.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::bounds::{millis, number, quoted, within};
use super::error::Unfit;
use super::raw::{RawMail, RawPayment, RawSms, RawTickets};

/// Who moves the money, and how fast it is asked.
#[derive(Debug, Clone)]
pub struct PaymentConfig {
    pub provider: Provider,
    /// Calls under way at the most, 1 to 1,000.
    pub concurrency: usize,
    /// Calls begun in one second at the most, 1 to 10,000.
    pub per_second: NonZeroU32,
    /// For one call, 0.1 s to 600 s; what is cut off is unknown, not failed.
    pub timeout: Duration,
}

/// See `[payment] provider`.
#[derive(Debug, Clone)]
pub enum Provider {
    Simulated(Simulation),
    Stripe { base_url: String, secret_key: Secret, webhook_secrets: Vec<Secret> },
}

/// How the simulated provider behaves. Rates in permille.
#[derive(Debug, Clone, Copy)]
pub struct Simulation {
    pub seed: u64,
    pub latency: Duration,
    pub declines: u16,
    pub timeouts: u16,
    pub asyncs: u16,
    pub duplicates: u16,
}

/// A text that no log shows.
#[derive(Clone)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// How mails leave.
#[derive(Debug, Clone)]
pub struct MailConfig {
    pub mode: MailMode,
    pub from: String,
    pub from_name: Option<String>,
    /// Mails under way at the most, 1 to 100.
    pub concurrency: usize,
}

/// See `[mail] mode`.
#[derive(Debug, Clone)]
pub enum MailMode {
    File { directory: PathBuf },
    Smtp(Box<SmtpConfig>),
}

/// A mail server.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    pub host: String,
    pub port: u16,
    pub security: SmtpSecurity,
    /// Name and password.
    pub login: Option<(String, Secret)>,
    pub root_certificates: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    StartTls,
    Tls,
    /// Only to loopback.
    None,
}

/// How short messages leave: by a gateway that takes JSON over HTTP.
#[derive(Debug, Clone)]
pub struct SmsConfig {
    /// Not empty; https, or http to loopback, which is checked where it is used.
    pub url: String,
    pub token: Secret,
    /// 1 to 32 printable characters.
    pub from: String,
    /// Longest text in segments, 1 to 10.
    pub segments_max: u32,
    /// For one call, 0.1 s to 600 s.
    pub timeout: Duration,
    pub root_certificates: Option<PathBuf>,
    /// Short messages under way at the most, 1 to 100.
    pub concurrency: usize,
}

/// How tickets are drawn.
#[derive(Debug, Clone)]
pub struct TicketConfig {
    /// Searched for what the built-in fonts do not have.
    pub font_dirs: Vec<PathBuf>,
}

impl TryFrom<RawPayment> for PaymentConfig {
    type Error = Unfit;

    fn try_from(raw: RawPayment) -> Result<Self, Unfit> {
        let concurrency = within("payment.concurrency", raw.concurrency, 1..=1_000, number)?;
        let per_second = within("payment.per_second", raw.per_second, 1..=10_000, |n| {
            number(n).and_then(NonZeroU32::new)
        })?;
        let timeout = millis("payment.timeout_ms", raw.timeout_ms, 100..=600_000)?;
        let provider = match raw.provider.as_str() {
            "simulated" => Provider::Simulated(simulation(&raw)?),
            "stripe" => stripe(raw)?,
            _ => {
                let reason = "must be \"simulated\" or \"stripe\"";
                return Err(Unfit::new("payment.provider", quoted(raw.provider), reason));
            }
        };
        Ok(Self { provider, concurrency, per_second, timeout })
    }
}

fn simulation(raw: &RawPayment) -> Result<Simulation, Unfit> {
    let permille = |key, value| within(key, value, 0..=1_000, number);
    Ok(Simulation {
        seed: within("payment.simulated_seed", raw.simulated_seed, 0..=i64::MAX, number)?,
        latency: millis("payment.simulated_latency_ms", raw.simulated_latency_ms, 0..=60_000)?,
        declines: permille("payment.simulated_declines_permille", raw.simulated_declines_permille)?,
        timeouts: permille("payment.simulated_timeouts_permille", raw.simulated_timeouts_permille)?,
        asyncs: permille("payment.simulated_asyncs_permille", raw.simulated_asyncs_permille)?,
        duplicates: permille(
            "payment.simulated_duplicates_permille",
            raw.simulated_duplicates_permille,
        )?,
    })
}

fn stripe(raw: RawPayment) -> Result<Provider, Unfit> {
    if raw.secret_key.is_empty() {
        let reason = "must be the provider's secret key; set ONSALE__PAYMENT__SECRET_KEY";
        return Err(Unfit::new("payment.secret_key", "\"\"", reason));
    }
    let secrets = raw.webhook_secret.split_whitespace();
    Ok(Provider::Stripe {
        base_url: raw.base_url,
        secret_key: Secret(raw.secret_key),
        webhook_secrets: secrets.map(|secret| Secret(secret.to_owned())).collect(),
    })
}

impl TryFrom<RawMail> for MailConfig {
    type Error = Unfit;

    fn try_from(raw: RawMail) -> Result<Self, Unfit> {
        let concurrency = within("mail.concurrency", raw.concurrency, 1..=100, number)?;
        let mode = match raw.mode.as_str() {
            "file" if raw.directory.is_empty() => {
                return Err(Unfit::new("mail.directory", "\"\"", "must name a directory"));
            }
            "file" => MailMode::File { directory: raw.directory.into() },
            "smtp" if raw.host.is_empty() => {
                return Err(Unfit::new("mail.host", "\"\"", "must name a mail server"));
            }
            "smtp" => {
                let security = match raw.security.as_str() {
                    "starttls" => SmtpSecurity::StartTls,
                    "tls" => SmtpSecurity::Tls,
                    "none" => SmtpSecurity::None,
                    _ => {
                        let reason = "must be \"starttls\", \"tls\" or \"none\"";
                        return Err(Unfit::new("mail.security", quoted(raw.security), reason));
                    }
                };
                MailMode::Smtp(Box::new(SmtpConfig {
                    host: raw.host,
                    port: within("mail.port", raw.port, 1..=65_535, number)?,
                    security,
                    login: (!raw.username.is_empty())
                        .then_some((raw.username, Secret(raw.password))),
                    root_certificates: (!raw.root_certificates.is_empty())
                        .then(|| raw.root_certificates.into()),
                }))
            }
            _ => {
                let reason = "must be \"file\" or \"smtp\"";
                return Err(Unfit::new("mail.mode", quoted(raw.mode), reason));
            }
        };
        let from_name = (!raw.from_name.is_empty()).then_some(raw.from_name);
        Ok(Self { mode, from: raw.from, from_name, concurrency })
    }
}

/// `None` with `mode = "none"`; what stands beside it is checked all the same.
pub(super) fn sms(raw: RawSms) -> Result<Option<SmsConfig>, Unfit> {
    let segments_max = within("sms.segments_max", raw.segments_max, 1..=10, number)?;
    let timeout = millis("sms.timeout_ms", raw.timeout_ms, 100..=600_000)?;
    let concurrency = within("sms.concurrency", raw.concurrency, 1..=100, number)?;
    let is_name =
        |text: &str| (1..=32).contains(&text.chars().count()) && !text.contains(char::is_control);
    match raw.mode.as_str() {
        "none" => Ok(None),
        "http" if raw.url.is_empty() => Err(Unfit::new("sms.url", "\"\"", "must name the gateway")),
        "http" if raw.token.is_empty() => {
            let reason = "must be the gateway's token; set ONSALE__SMS__TOKEN";
            Err(Unfit::new("sms.token", "\"\"", reason))
        }
        "http" if !is_name(&raw.from) => {
            let reason = "must have 1 to 32 printable characters";
            Err(Unfit::new("sms.from", quoted(raw.from), reason))
        }
        "http" => Ok(Some(SmsConfig {
            url: raw.url,
            token: Secret(raw.token),
            from: raw.from,
            segments_max,
            timeout,
            root_certificates: (!raw.root_certificates.is_empty())
                .then(|| raw.root_certificates.into()),
            concurrency,
        })),
        _ => {
            let reason = "must be \"none\" or \"http\"";
            Err(Unfit::new("sms.mode", quoted(raw.mode), reason))
        }
    }
}

impl TryFrom<RawTickets> for TicketConfig {
    type Error = Unfit;

    fn try_from(raw: RawTickets) -> Result<Self, Unfit> {
        let dirs = raw.font_dirs.split(':').filter(|dir| !dir.is_empty());
        Ok(Self { font_dirs: dirs.map(PathBuf::from).collect() })
    }
}
