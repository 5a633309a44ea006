//! The door for buyers: where it is, how much may come through it at once, and whose word on addresses counts.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

use super::bounds::{millis, networks, non_zero, number, quoted, within};
use super::error::Unfit;
use super::raw::RawServer;
use super::{KIB, MIB, address};

/// The door for buyers.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Loopback while `identity.mode` is `development`. Port 0: any free one.
    pub listen: SocketAddr,
    /// Open connections, 1 to 1,000,000; the next one waits to be accepted.
    pub connections_max: NonZeroU32,
    /// Bytes of one request body, 4 KiB to 16 MiB.
    pub body_bytes_max: usize,
    /// Until a request head is complete, 0.1 s to 600 s, from when the connection begins to wait for
    /// it. hyper counts from the end of the last answer, so this also ends a resting connection.
    pub header_timeout: Duration,
    /// Silence while it is the client's turn (next request, rest of a body, reading its answer),
    /// 0.1 s to 600 s. Between requests the shorter of this and `header_timeout` holds.
    pub idle_timeout: Duration,
    /// What open connections get to finish when the server stops, 0 s to 600 s.
    pub drain: Duration,
    /// Streams of events' logs at once, 1 to 10,000; the next one is refused.
    pub log_streams_max: NonZeroU32,
    /// Fans of waiting rooms who are told their place as it changes, 0 to 1,000,000; others poll.
    pub place_streams_max: u32,
    /// Until a request body is complete, 0.1 s to 600 s.
    pub body_timeout: Duration,
    /// Requests under way at the most, 10 to 1,000,000; what matters least is refused before.
    pub in_flight_max: NonZeroU32,
    /// Open connections from one address, or IPv6 /64; `None`: no bound but `connections_max`.
    pub connections_per_address_max: Option<NonZeroU32>,
    /// Whose word on the client's address counts.
    pub trusted_proxies: Vec<IpNet>,
    pub forwarded_header: ForwardedHeader,
    /// How long browsers are to come by https only, 0 s to two years; 0: nothing is said.
    pub hsts_seconds: u32,
}

/// In which header the proxies say who asked them. One only: the other may have come from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardedHeader {
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

impl ForwardedHeader {
    /// Its name, small.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

impl TryFrom<RawServer> for ServerConfig {
    type Error = Unfit;

    fn try_from(raw: RawServer) -> Result<Self, Unfit> {
        let (connections, body) = (raw.connections_max, raw.body_bytes_max);
        let (streams, logs) = (raw.place_streams_max, raw.log_streams_max);
        Ok(Self {
            listen: address("server.listen", &raw.listen)?,
            connections_max: within(
                "server.connections_max",
                connections,
                1..=1_000_000,
                non_zero,
            )?,
            body_bytes_max: within("server.body_bytes_max", body, 4 * KIB..=16 * MIB, number)?,
            header_timeout: millis("server.header_timeout_ms", raw.header_timeout_ms, CLIENT_MS)?,
            idle_timeout: millis("server.idle_timeout_ms", raw.idle_timeout_ms, CLIENT_MS)?,
            drain: within("server.drain_seconds", raw.drain_seconds, 0..=600, number)
                .map(Duration::from_secs)?,
            log_streams_max: within("server.log_streams_max", logs, 1..=10_000, non_zero)?,
            place_streams_max: within("server.place_streams_max", streams, 0..=1_000_000, number)?,
            hsts_seconds: within("server.hsts_seconds", raw.hsts_seconds, 0..=63_072_000, number)?,
            body_timeout: millis("server.body_timeout_ms", raw.body_timeout_ms, CLIENT_MS)?,
            in_flight_max: within(
                "server.in_flight_max",
                raw.in_flight_max,
                10..=1_000_000,
                non_zero,
            )?,
            connections_per_address_max: NonZeroU32::new(within(
                "server.connections_per_address_max",
                raw.connections_per_address_max,
                0..=1_000_000,
                number,
            )?),
            trusted_proxies: networks("server.trusted_proxies", &raw.trusted_proxies)?,
            forwarded_header: match raw.forwarded_header.as_str() {
                "x-forwarded-for" => ForwardedHeader::XForwardedFor,
                "forwarded" => ForwardedHeader::Forwarded,
                other => {
                    let reason = "must be \"x-forwarded-for\" or \"forwarded\"";
                    return Err(Unfit::new("server.forwarded_header", quoted(other), reason));
                }
            },
        })
    }
}

/// Bounds of what a client may take, in milliseconds: less would cut honest slow lines, more keeps a
/// silent connection for longer than anybody waits.
const CLIENT_MS: RangeInclusive<i64> = 100..=600_000;
