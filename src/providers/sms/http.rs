//! Short messages by HTTP: one JSON POST to a gateway of the operator's choice, or to a few lines of
//! theirs before one. No gateway's own interface is built in.

use std::path::PathBuf;

use reqwest::{Client, Url};
use serde::Serialize;

use super::{Sms, SmsChannel, size_of};
use crate::domain::time::UnixMillis;
use crate::providers::client::{self, Patience};
use crate::providers::send::{Hidden, Later, OptionError, SendError, check_id};
use crate::providers::tls;

#[derive(Debug, Clone)]
pub struct HttpSmsOptions {
    /// `https://...`; `http://` only to a loopback address, since the token goes with it.
    pub url: String,
    /// Sent as `Authorization: Bearer ...`. Bounds: printable ASCII.
    pub token: Hidden,
    /// Whom the message is from, as the gateway knows us: a number or a name. Bounds: 1 to 32 characters.
    pub from: String,
    /// Longer texts are refused. Bounds: 1 to 10; each segment is paid for.
    pub segments_max: u32,
    /// PEM file of a private authority, trusted besides those of the system.
    pub roots_file: Option<PathBuf>,
    pub patience: Patience,
}

/// A gateway that takes our short messages.
pub struct HttpSms {
    client: Client,
    url: Url,
    token: Hidden,
    from: String,
    segments_max: u32,
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    to: &'a str,
    text: &'a str,
    from: &'a str,
}

impl HttpSms {
    /// Checks the options; connects to nothing.
    ///
    /// # Errors
    /// Names the option that cannot be.
    pub fn new(options: HttpSmsOptions) -> Result<Self, OptionError> {
        let HttpSmsOptions { url, token, from, segments_max, roots_file, patience } = options;
        if !token.reveal().bytes().all(|byte| byte.is_ascii_graphic()) || token.reveal().is_empty()
        {
            return Err(OptionError::new("token", "", "must be printable ASCII without blanks"));
        }
        if !(1..=32).contains(&from.chars().count()) || from.contains(char::is_control) {
            return Err(OptionError::new("from", from, "must have 1 to 32 printable characters"));
        }
        if !(1..=10).contains(&segments_max) {
            let value = segments_max.to_string();
            return Err(OptionError::new("segments_max", value, "must be 1 to 10"));
        }
        let url = check_url(&url)?;
        let trust = tls::client_config(tls::roots(roots_file.as_deref())?);
        let client = client::builder(trust, patience).build();
        let client = client.map_err(|e| OptionError::new("patience", "", e.to_string()))?;
        Ok(Self { client, url, token, from, segments_max })
    }

    fn check(&self, sms: &Sms) -> Result<(), SendError> {
        check_id(&sms.id)?;
        let segments = size_of(&sms.text).segments;
        if (1..=self.segments_max).contains(&segments) {
            return Ok(());
        }
        let most = self.segments_max;
        Err(SendError::never(format!("text takes {segments} segments, 1 to {most} are sent")))
    }
}

impl SmsChannel for HttpSms {
    /// # Errors
    /// - `Never`: a text that is too long, or 400, 404, 410, 413, 422: the gateway will not have this one.
    /// - `Unknown`: no answer in time, or 500, 502, 504: it may have gone out before that.
    /// - `Later`: not connected, or anything else: 401 and 403 are mended with another token, 409 says that
    ///   the first try is still under way, 429 and 503 say when.
    fn send<'a>(&'a self, sms: &'a Sms, now: UnixMillis) -> Later<'a, Result<(), SendError>> {
        Box::pin(async move {
            self.check(sms)?;
            let Sms { id, to, text } = sms;
            let body = Body { id, to: to.as_str(), text, from: &self.from };
            let body = serde_json::to_vec(&body).expect("four texts are JSON");
            let request = self
                .client
                .post(self.url.clone())
                .bearer_auth(self.token.reveal())
                .header("Idempotency-Key", id)
                .header("Content-Type", "application/json")
                .body(body);
            let answer = client::post(request, now).await?;
            match answer.status.as_u16() {
                200..=299 => Ok(()),
                400 | 404 | 410 | 413 | 422 => Err(SendError::never(answer.describe())),
                500 | 502 | 504 => Err(SendError::unknown(answer.describe())),
                _ => Err(answer.later()),
            }
        })
    }
}

fn check_url(text: &str) -> Result<Url, OptionError> {
    let refuse = |reason: &str| OptionError::new("url", text, reason);
    let url = Url::parse(text).map_err(|error| refuse(&error.to_string()))?;
    let is_loopback = match url.host_str() {
        Some(host) => {
            host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
        }
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback => Ok(url),
        _ => Err(refuse("must be https, or http to a loopback address")),
    }
}
