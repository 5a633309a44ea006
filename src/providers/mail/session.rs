//! One conversation with a mail server. lettre speaks; we go step by step, because what a failure means
//! depends on the step: until the mail itself is on the wire it was certainly not delivered. lettre's own
//! pool and transport tell the steps not apart, set no time limits after connecting, and take a connection
//! back from a dropped future in the middle of an answer.

use std::future::Future;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;

use super::{Address, Security};
use crate::providers::send::{SendError, excerpt};

/// What it takes to be let in; checked.
pub(super) struct Door {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// Absent only with [`Security::PlainOnLoopback`].
    pub tls: Option<TlsParameters>,
    pub login: Option<Credentials>,
    pub hello: ClientId,
    pub connect_timeout: Duration,
    pub answer_timeout: Duration,
    pub data_timeout: Duration,
}

pub(super) struct Session {
    connection: AsyncSmtpConnection,
}

impl Session {
    /// Connects, turns to TLS, logs in.
    ///
    /// # Errors
    /// Always `Later`: nothing was sent, and what is wrong (server away, certificate, password) is not
    /// the mail's fault.
    pub async fn open(door: &Door) -> Result<Self, SendError> {
        let failed =
            |step| move |why: Failed| SendError::later(format!("{step}: {}", why.reason()));
        let opened = async {
            let wrapped = door.tls.clone().filter(|_| door.security == Security::ImplicitTls);
            let mut connection = AsyncSmtpConnection::connect_tokio1(
                (door.host.as_str(), door.port),
                None,
                &door.hello,
                wrapped,
                None,
            )
            .await
            .map_err(|error| ("mail server not reached", Failed::At(error)))?;
            if door.security == Security::StartTls {
                let tls = door.tls.clone().expect("Door: only PlainOnLoopback has none");
                let turned = connection.starttls(tls, &door.hello).await;
                turned.map_err(|error| ("STARTTLS failed", Failed::At(error)))?;
            }
            if let Some(login) = &door.login {
                let answer = connection.auth(DEFAULT_MECHANISMS, login).await;
                expect(answer, 235).map_err(|why| ("login failed", why))?;
            }
            Ok(Self { connection })
        };
        match tokio::time::timeout(door.connect_timeout, opened).await {
            Ok(opened) => opened.map_err(|(step, why)| failed(step)(why)),
            Err(_) => Err(failed("not let in by the mail server")(Failed::Late)),
        }
    }

    /// Whether a connection that waited still answers.
    pub async fn is_alive(&mut self, door: &Door) -> bool {
        within(door.answer_timeout, self.connection.command(Noop), 250).await.is_ok()
    }

    /// Hands one mail over. After an error the session must not be used again.
    ///
    /// # Errors
    /// As [`super::SmtpChannel`] says.
    pub async fn deliver(
        &mut self,
        door: &Door,
        from: &Address,
        to: &Address,
        bytes: &[u8],
    ) -> Result<(), SendError> {
        let limit = door.answer_timeout;
        let parameters = self.parameters(from, to, bytes)?;
        // Whether we may send is between us and the server, so not the mail's end.
        let mail = Mail::new(Some(from.as_lettre().clone()), parameters);
        within(limit, self.connection.command(mail), 250)
            .await
            .map_err(|why| SendError::later(format!("MAIL FROM:<{from}>: {}", why.reason())))?;
        let rcpt = Rcpt::new(to.as_lettre().clone(), Vec::new());
        within(limit, self.connection.command(rcpt), 25)
            .await
            .map_err(|why| why.about("RCPT TO", to))?;
        within(limit, self.connection.command(Data), 354)
            .await
            .map_err(|why| why.about("DATA", to))?;
        within(door.data_timeout, self.connection.message(bytes), 250).await.map_err(|why| {
            match &why {
                // An answer is an answer; without one the server may have taken the mail.
                Failed::At(error) if error.status().is_some() => why.about("the mail", to),
                _ => SendError::unknown(format!("no answer to the mail: {}", why.reason())),
            }
        })
    }

    /// What the server must be told about this mail, and whether it can.
    fn parameters(
        &self,
        from: &Address,
        to: &Address,
        bytes: &[u8],
    ) -> Result<Vec<MailParameter>, SendError> {
        if from.as_str().is_ascii() && to.as_str().is_ascii() && bytes.is_ascii() {
            return Ok(Vec::new());
        }
        let can = |feature| self.connection.server_info().supports_feature(feature);
        if !can(Extension::SmtpUtfEight) || !can(Extension::EightBitMime) {
            let reason = format!("the mail server cannot deliver from {from} to {to}: no SMTPUTF8");
            return Err(SendError::never(reason));
        }
        Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
    }
}

/// Why a step did not end well.
enum Failed {
    At(Error),
    /// A good answer, but to another question: the two sides are out of step.
    OutOfStep(u16),
    Late,
}

impl Failed {
    fn reason(&self) -> String {
        match self {
            Self::At(error) => excerpt(&error.to_string()),
            Self::OutOfStep(code) => format!("out of step, the server answered {code}"),
            Self::Late => "timed out".to_owned(),
        }
    }

    /// For steps at which a 5xx is about this mail, but for those that are about us: 530 and 535 (log in
    /// first), 503 (out of order).
    fn about(self, step: &str, to: &Address) -> SendError {
        let reason = format!("{step} for {to}: {}", self.reason());
        match self {
            Self::At(error) if error.is_permanent() => {
                let code = error.status().map_or(0, u16::from);
                let about_us = matches!(code, 503 | 530 | 535);
                if about_us { SendError::later(reason) } else { SendError::never(reason) }
            }
            _ => SendError::later(reason),
        }
    }
}

/// The answer to one step, in time and with the code that belongs to it (25 is any of 25x). lettre
/// takes any 2xx or 3xx; a server or someone between that answers once too often would shift all that
/// follow, and the refusal of a mail would pass for a later one's.
async fn within(
    limit: Duration,
    step: impl Future<Output = Result<Response, Error>>,
    code: u16,
) -> Result<(), Failed> {
    match tokio::time::timeout(limit, step).await {
        Ok(answer) => expect(answer, code),
        Err(_) => Err(Failed::Late),
    }
}

fn expect(answer: Result<Response, Error>, code: u16) -> Result<(), Failed> {
    let given = u16::from(answer.map_err(Failed::At)?.code());
    if given == code || given / 10 == code { Ok(()) } else { Err(Failed::OutOfStep(given)) }
}
