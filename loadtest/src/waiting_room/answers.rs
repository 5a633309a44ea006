//! What the server says of a place, as far as fans look at it.

use serde::Deserialize;

/// A place, told at joining and at each poll.
#[derive(Debug, Deserialize)]
pub struct Place<'a> {
    pub status: &'a str,
    pub place: Option<u32>,
    pub expected_wait_seconds: Option<Wait>,
    pub chance: Option<&'a str>,
    pub poll_after_ms: Option<u32>,
    #[serde(borrow)]
    pub pass: Option<Pass<'a>>,
    pub as_of: Option<&'a str>,
    pub token: Option<&'a str>,
}

/// Unit: seconds.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Wait {
    pub low: u32,
    pub mid: u32,
    pub high: u32,
}

#[derive(Debug, Deserialize)]
pub struct Pass<'a> {
    pub token: &'a str,
    pub expires_at: &'a str,
}

#[derive(Debug, Deserialize)]
pub struct Reservation<'a> {
    pub id: &'a str,
    pub expires_at: Option<&'a str>,
}
