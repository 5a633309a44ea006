//! The key sets of those who vouch for customers: from a file, or from a URL that only https or this machine
//! may serve.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, StatusCode, Url};

use super::outbound::{self, BodyError, OutboundError, Patience};

/// Longest set that is read. Unit: bytes. A hundred keys of RSA with their certificates are less.
const SET_BYTES_MAX: usize = 256 << 10;

/// Where a key set is.
pub enum JwksSource {
    File(PathBuf),
    Url { url: Url, client: Client },
}

/// Why a key set was not read; what was known before stays.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    #[error("{} cannot be read", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the set has more than {SET_BYTES_MAX} bytes")]
    TooLong,
    #[error("no answer")]
    NoAnswer(#[source] reqwest::Error),
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("the answer broke off")]
    Body(#[source] BodyError),
}

impl JwksSource {
    /// `text`: a URL if it begins like one, else the path of a file.
    ///
    /// # Errors
    /// A URL that is neither https nor of this machine.
    pub fn parse(text: &str) -> Result<Self, OutboundError> {
        if !text.contains("://") {
            return Ok(Self::File(text.into()));
        }
        let url = outbound::base_url(text)?;
        let patience = Patience { connect: Duration::from_secs(3), total: Duration::from_secs(10) };
        let client = outbound::client(&url, patience)?;
        Ok(Self::Url { url, client })
    }

    /// Whether looking again costs nobody else anything.
    #[must_use]
    pub fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// The set as it is now.
    ///
    /// # Errors
    /// [`JwksError`].
    pub async fn fetch(&self) -> Result<Vec<u8>, JwksError> {
        match self {
            Self::File(path) => {
                let owned = path.clone();
                let read = tokio::task::spawn_blocking(move || std::fs::read(owned)).await;
                let read = read.unwrap_or_else(|error| Err(std::io::Error::other(error)));
                let set = read.map_err(|source| JwksError::File { path: path.clone(), source })?;
                if SET_BYTES_MAX < set.len() { Err(JwksError::TooLong) } else { Ok(set) }
            }
            Self::Url { url, client } => {
                let response = client.get(url.clone()).send().await;
                let response = response.map_err(JwksError::NoAnswer)?;
                if response.status() != StatusCode::OK {
                    return Err(JwksError::Status(response.status()));
                }
                outbound::body(response, SET_BYTES_MAX).await.map_err(|error| match error {
                    BodyError::TooLong { .. } => JwksError::TooLong,
                    lost => JwksError::Body(lost),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_set_comes_from_a_file_from_this_machine_or_over_https() {
        assert!(JwksSource::parse("keys/jwks.json").expect("a path").is_file());
        assert!(!JwksSource::parse("http://127.0.0.1:9/jwks").expect("loopback").is_file());
        for bad in ["http://10.0.0.1/jwks", "ftp://127.0.0.1/jwks", "https://a/jwks?b=c"] {
            assert!(JwksSource::parse(bad).is_err(), "{bad}");
        }
    }
}
