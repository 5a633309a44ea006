//! The bounds of one request, in their order: is there room, from where does it come, how often was it there.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use super::address::{Client, Proxies};
use super::admit::Asked;
use super::caller::Caller;
use super::limits::{LimitOptions, Limits, Subject, Told};
use super::load::Load;
use crate::domain::ids::{CustomerId, OrganizerId};
use crate::http::problem::Problem;
use crate::http::state::Front;

/// How they are set up.
pub struct BoundOptions {
    pub proxies: Proxies,
    pub limits: LimitOptions,
    /// Requests under way at the most.
    pub in_flight_max: u32,
}

/// See the module.
pub struct Bounds {
    proxies: Proxies,
    pub limits: Limits,
    load: Load,
    /// Somebody was told that limits stand still behind a proxy.
    has_warned: AtomicBool,
}

impl Bounds {
    pub fn new(options: BoundOptions) -> Self {
        Self {
            proxies: options.proxies,
            limits: Limits::new(options.limits),
            load: Load::new(options.in_flight_max),
            has_warned: AtomicBool::new(false),
        }
    }

    /// The first look, which costs next to nothing: is there room, and from where does it come.
    ///
    /// # Errors
    /// 503 `busy`.
    pub fn enter(&self, front: &Front, asked: Asked<'_>, peer: IpAddr) -> Result<Client, Problem> {
        let in_flight = front.requests_in_flight();
        self.load.check(asked.kind(), in_flight, || asked.has_pass(front))?;
        let client = self.proxies.client(peer, asked.headers);
        if !self.has_warned.load(Ordering::Relaxed)
            && self.limits.exempts(client.address)
            && self.proxies.is_stray(peer, asked.headers)
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                %peer,
                "requests come through a proxy that server.trusted_proxies does not name; its address is \
                 in limits.exempt, so nobody behind it is limited"
            );
        }
        Ok(client)
    }

    /// The second look, once it is known who asks.
    ///
    /// # Errors
    /// 429 `rate_limited`, or 503 `busy` for strangers while too many of them are counted.
    pub fn check(
        &self,
        front: &Front,
        asked: Asked<'_>,
        client: Client,
        caller: &Caller,
    ) -> (Result<(), Problem>, Option<Told>) {
        let Some(class) = asked.kind().class() else { return (Ok(()), None) };
        // An address that a proxy hides may be anybody's.
        let is_known_address = !client.is_hidden && self.limits.exempts(client.address);
        let subject = Subject {
            address: client.address,
            customer: caller.customer().map(CustomerId::as_str),
            organizer: caller.organizer().map(OrganizerId::as_str),
            is_exempt: is_known_address,
            has_pass: &|| asked.has_pass(front) || asked.has_place(front, class),
        };
        self.limits.check(class, &subject)
    }

    /// Whether connections from there are counted.
    pub fn counts_connections(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        !self.proxies.is_trusted(peer) && !self.limits.exempts(peer)
    }
}
