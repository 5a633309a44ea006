//! Mails by SMTP. Keeps a few connections between mails and bounds how many there are; what is said on
//! one stands in [`super::session`].

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::sync::Semaphore;

use super::compose::{Sender, compose};
use super::session::{Door, Session};
use super::{Mail, MailChannel};
use crate::providers::send::{Hidden, Later, OptionError, SendError};
use crate::providers::tls;

/// How the way to the server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Begins in the clear and must turn to TLS before anything is said (port 587, 25). A server that
    /// does not offer it gets no mail: whoever sits between could have taken the offer away.
    StartTls,
    /// TLS from the first byte (port 465).
    ImplicitTls,
    /// None; only for a loopback address, where nobody sits between.
    PlainOnLoopback,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub username: String,
    pub password: Hidden,
}

#[derive(Debug, Clone)]
pub struct SmtpOptions {
    /// Name or address; with TLS the certificate must be for it.
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// PEM file of a private authority, trusted besides those of the system.
    pub roots_file: Option<PathBuf>,
    pub login: Option<Login>,
    /// What we call ourselves in EHLO: a domain name of this machine, or an address.
    pub hello_name: String,
    pub sender: Sender,
    /// Connections at once, idle ones included. Bounds: 1 to 100; servers refuse clients with many.
    pub connections_max: usize,
    /// Idle connections older than this are not used again. Servers close them after 1 to 5 minutes.
    pub idle_max: Duration,
    /// Until we may send: look-up, TCP, TLS, EHLO, AUTH together.
    pub connect_timeout: Duration,
    /// For each answer before the mail itself.
    pub answer_timeout: Duration,
    /// For the mail and the answer to it. RFC 5321 allows the server 10 minutes, since a time-out here may
    /// deliver twice; ordinary ones answer in seconds.
    pub data_timeout: Duration,
}

impl SmtpOptions {
    /// Options with the usual limits, for STARTTLS on port 587 without a login.
    #[must_use]
    pub fn new(host: impl Into<String>, sender: Sender) -> Self {
        Self {
            host: host.into(),
            port: 587,
            security: Security::StartTls,
            roots_file: None,
            login: None,
            hello_name: sender.address.domain().to_owned(),
            sender,
            connections_max: 4,
            idle_max: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(20),
            answer_timeout: Duration::from_secs(30),
            data_timeout: Duration::from_secs(120),
        }
    }
}

/// A mail server that takes our mails.
pub struct SmtpChannel {
    door: Door,
    sender: Sender,
    /// Permits for connections in use.
    free: Semaphore,
    /// Connections that may be used again, and since when they wait; the last is the freshest.
    idle: Mutex<Vec<(Session, Instant)>>,
    idle_max: Duration,
}

impl SmtpChannel {
    /// Checks the options; connects to nothing.
    ///
    /// # Errors
    /// Names the option that cannot be.
    pub fn new(options: SmtpOptions) -> Result<Self, OptionError> {
        let host = options.host.as_str();
        if host.is_empty() || !host.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(OptionError::new("host", host, "must be a name or an address"));
        }
        if !(1..=100).contains(&options.connections_max) {
            let value = options.connections_max.to_string();
            return Err(OptionError::new("connections_max", value, "must be 1 to 100"));
        }
        if let Some(name) = options.sender.name.as_ref().filter(|n| n.contains(char::is_control)) {
            return Err(OptionError::new("sender.name", name, "must have no control characters"));
        }
        Ok(Self {
            free: Semaphore::new(options.connections_max),
            idle: Mutex::new(Vec::new()),
            idle_max: options.idle_max,
            sender: options.sender.clone(),
            door: Door {
                tls: tls_parameters(&options)?,
                hello: hello(&options.hello_name)?,
                login: options.login.map(|Login { username, password }| {
                    Credentials::new(username, password.reveal().to_owned())
                }),
                host: options.host,
                port: options.port,
                security: options.security,
                connect_timeout: options.connect_timeout,
                answer_timeout: options.answer_timeout,
                data_timeout: options.data_timeout,
            },
        })
    }

    /// A connection that answers: a waiting one, else a new one.
    async fn session(&self) -> Result<Session, SendError> {
        while let Some((mut session, since)) = self.take_idle() {
            if since.elapsed() < self.idle_max && session.is_alive(&self.door).await {
                return Ok(session);
            }
        }
        Session::open(&self.door).await
    }

    fn take_idle(&self) -> Option<(Session, Instant)> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, session: Session) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < self.idle_max);
        idle.push((session, Instant::now()));
    }
}

impl MailChannel for SmtpChannel {
    /// # Errors
    /// - `Later`: not connected, not let in (a wrong password can be mended), a 4xx, or a connection that
    ///   broke before the mail was on it.
    /// - `Never`: the mail cannot be written, or the server refuses this receiver or this mail with 5xx.
    /// - `Unknown`: the mail was on its way when the connection broke or the answer did not come.
    fn send<'a>(&'a self, mail: &'a Mail) -> Later<'a, Result<(), SendError>> {
        Box::pin(async move {
            let bytes = compose(mail, &self.sender)?;
            let permit = self.free.acquire().await;
            let _permit = permit.map_err(|_| SendError::later("the channel is closed"))?;
            // The session is ours until it has ended well. Whoever drops this future in the middle of a
            // conversation drops the connection with it; put back, it would answer the next mail with
            // what was meant for this one.
            let mut session = self.session().await?;
            session.deliver(&self.door, &self.sender.address, &mail.to, &bytes).await?;
            self.keep(session);
            Ok(())
        })
    }
}

fn tls_parameters(options: &SmtpOptions) -> Result<Option<TlsParameters>, OptionError> {
    let host = options.host.as_str();
    if options.security == Security::PlainOnLoopback {
        let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        return if is_loopback {
            Ok(None)
        } else {
            Err(OptionError::new("host", host, "without TLS it must be a loopback address"))
        };
    }
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = &options.roots_file {
        let refuse = |e: lettre::transport::smtp::Error| {
            OptionError::new("roots_file", path.display().to_string(), e.to_string())
        };
        for certificate in tls::read(path)? {
            let certificate = Certificate::from_der(certificate.to_vec()).map_err(refuse)?;
            builder = builder.add_root_certificate(certificate);
        }
    }
    let built = builder.build();
    built.map(Some).map_err(|error| OptionError::new("roots_file", "", error.to_string()))
}

fn hello(name: &str) -> Result<ClientId, OptionError> {
    if let Ok(address) = name.parse() {
        return Ok(match address {
            IpAddr::V4(address) => ClientId::Ipv4(address),
            IpAddr::V6(address) => ClientId::Ipv6(address),
        });
    }
    match idna::domain_to_ascii_strict(name) {
        Ok(name) if !name.is_empty() => Ok(ClientId::Domain(name)),
        _ => Err(OptionError::new("hello_name", name, "must be a domain name or an address")),
    }
}
