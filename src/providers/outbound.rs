//! Calls that carry a secret of ours, to a base URL from the settings: where they may go, and how much of
//! an answer is read.

use reqwest::{Client, Response, Url};
use rustls::RootCertStore;

pub use super::client::Patience;
use super::send::OptionError;
use super::{client, tls};

/// Why a base URL cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("{url:?} is not a URL: {reason}")]
    NotAUrl { url: String, reason: String },
    #[error("{url:?} is refused: {reason}")]
    Refused { url: String, reason: &'static str },
    #[error("no root certificates")]
    Roots(#[from] OptionError),
    #[error("making the HTTP client failed")]
    Client(#[source] reqwest::Error),
}

/// Checks where secrets are going to be sent: https, or plain http to this machine only.
///
/// # Errors
/// Names the URL and what is wrong with it; the start of the program should end with it.
pub fn base_url(text: &str) -> Result<Url, OutboundError> {
    let refused = |reason| Err(OutboundError::Refused { url: text.to_owned(), reason });
    let url = Url::parse(text).map_err(|error| OutboundError::NotAUrl {
        url: text.to_owned(),
        reason: error.to_string(),
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        // Without the text itself, which would bring the password into the log.
        let url = "with a user or password".to_owned();
        return Err(OutboundError::Refused { url, reason: "secrets have an option of their own" });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refused("it must have neither query nor fragment");
    }
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => refused("plain http is for loopback only, use https"),
        _ => refused("only https is spoken"),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A client for calls to `base`, as [`client`](super::client) makes them. Certificates are judged by the
/// machine's own roots.
///
/// # Errors
/// [`OutboundError`]: `base` is https and this machine has no root certificates.
pub fn client(base: &Url, patience: Patience) -> Result<Client, OutboundError> {
    let is_https = base.scheme() == "https";
    // Without TLS no root certificates need to be there.
    let roots = if is_https { tls::roots(None)? } else { RootCertStore::empty() };
    let builder = client::builder(tls::client_config(roots), patience).https_only(is_https);
    builder.build().map_err(OutboundError::Client)
}

/// Why an answer could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the connection was lost within the answer")]
    Lost(#[source] reqwest::Error),
    #[error("the answer has more than {bytes_max} bytes")]
    TooLong { bytes_max: usize },
}

/// The body, as long as it has at most `bytes_max` bytes.
///
/// # Errors
/// The call itself was heard and may have had its effect.
pub async fn body(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Lost)? {
        if bytes_max < body.len() + chunk.len() {
            return Err(BodyError::TooLong { bytes_max });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_over_https_or_stay_on_this_machine() {
        let fine =
            ["https://api.stripe.com", "http://127.0.0.1:9", "http://[::1]:9", "http://localhost"];
        fine.iter().for_each(|url| drop(base_url(url).expect(url)));
        let bad = [
            "",
            "api.stripe.com",
            "http://api.stripe.com",
            "http://10.0.0.1",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "ftp://127.0.0.1",
            "https://a?b",
            "https://a#b",
        ];
        for url in bad {
            let error = base_url(url).expect_err(url).to_string();
            assert!(error.contains(&format!("{url:?}")), "{error}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        let error = base_url("https://user:geheim@api.stripe.com").expect_err("a password");
        assert!(!error.to_string().contains("geheim"), "{error}");
    }
}
