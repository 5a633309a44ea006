//! Where webhooks may go. Organizers choose the URL and we make the request from inside of our network, so
//! it must not become their way to our database, our cloud's metadata or our neighbours (SSRF).
//!
//! Two checks, since one alone can be got around: addresses written in the URL are checked before the
//! request ([`check_url`]); addresses that a name stands for are checked in the look-up whose result is
//! connected to, so a name that answers otherwise the second time gains nothing. Redirects are not followed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// What besides the public Internet may be reached. The default: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Also `http://`; who listens in between can read and change what is sent, though not forge it.
    pub allow_http: bool,
    /// Every address, our own machine's too: only for development.
    pub allow_private: bool,
    /// Networks of ours that organizers may reach.
    pub allowed: Vec<IpNet>,
}

impl Reach {
    fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allow_private
            || self.allowed.iter().any(|network| network.contains(&address))
            || is_public(address)
    }
}

/// Why a webhook cannot go to a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("must be an absolute URL of at most 2048 characters")]
    NotAUrl,
    #[error("must begin with https://")]
    NotHttps,
    #[error("must not hold a user name or password")]
    HoldsUser,
    #[error("must not lead to an address that is not public")]
    NotPublic,
}

/// A URL to which webhooks may be sent, as far as can be told without a look-up.
///
/// # Errors
/// Tell the organizer. These do not pass by waiting.
pub fn check_url(text: &str, reach: &Reach) -> Result<Url, UrlError> {
    if URL_BYTES_MAX < text.len() {
        return Err(UrlError::NotAUrl);
    }
    // The parser also unmasks addresses: `https://0x7f.1/` and `https://2130706433/` are 127.0.0.1.
    let url = Url::parse(text).map_err(|_| UrlError::NotAUrl)?;
    if url.scheme() != "https" && !(reach.allow_http && url.scheme() == "http") {
        return Err(UrlError::NotHttps);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::HoldsUser);
    }
    let host = url.host_str().ok_or(UrlError::NotAUrl)?;
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match literal {
        Ok(address) if !reach.allows(address) => Err(UrlError::NotPublic),
        _ => Ok(url),
    }
}

const URL_BYTES_MAX: usize = 2048;

/// Whether an address is one on the public Internet that anybody may serve.
///
/// Of IPv6 only what is given out as global unicast counts (2000::/3), so that new special ranges are
/// closed by themselves; IPv4 has no such range and is listed. Addresses that only wrap another (mapped,
/// NAT64, 6to4, Teredo) are not public: whatever they wrap can be reached directly.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !V4_CLOSED.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            V6_GLOBAL.contains(&address)
                && !V6_CLOSED.iter().any(|network| network.contains(&address))
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// IANA's special-purpose registry, multicast and reserved.
const V4_CLOSED: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),        // this network; Linux connects 0.0.0.0 to itself
    v4(10, 0, 0, 0, 8),       // private
    v4(100, 64, 0, 0, 10),    // carrier's NAT; also metadata at Alibaba
    v4(127, 0, 0, 0, 8),      // loopback
    v4(168, 63, 129, 16, 32), // Azure's host, public by its number only
    v4(169, 254, 0, 0, 16),   // link-local; metadata at most clouds
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // protocol assignments; metadata at Oracle
    v4(192, 0, 2, 0, 24),     // documentation
    v4(192, 88, 99, 0, 24),   // 6to4 relays, withdrawn
    v4(192, 168, 0, 0, 16),   // private
    v4(198, 18, 0, 0, 15),    // benchmarks
    v4(198, 51, 100, 0, 24),  // documentation
    v4(203, 0, 113, 0, 24),   // documentation
    v4(224, 0, 0, 0, 4),      // multicast
    v4(240, 0, 0, 0, 4),      // reserved, and broadcast
];

const V6_GLOBAL: Ipv6Net = v6(0x2000, 0, 3);

const V6_CLOSED: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),     // protocol assignments: Teredo, benchmarks, ORCHID
    v6(0x2001, 0xdb8, 32), // documentation
    v6(0x2002, 0, 16),     // 6to4: wraps an IPv4 address
    v6(0x3fff, 0, 20),     // documentation
];

/// The system's look-up, which gives back only what may be reached.
pub(super) struct GuardedLookup(pub Reach);

impl Resolve for GuardedLookup {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let open: Vec<SocketAddr> = found.filter(|found| reach.allows(found.ip())).collect();
            if open.is_empty() {
                // Without the address: an organizer reads this and shall not learn our inner names.
                return Err(io::Error::other("the name leads to no address that is public").into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
