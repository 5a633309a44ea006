//! From where a request comes: the other end of the connection, or, when that is a proxy of ours, what it says.
//!
//! Each proxy adds the address that it was asked from at the end of the header, so the list is read from its
//! end, and the first address there that is no proxy of ours is the client. What stands before it the client
//! may have written itself, and is not looked at. From anybody else the header says nothing.

use std::net::IpAddr;

use axum::http::HeaderMap;
use ipnet::IpNet;

use crate::config::ForwardedHeader;
use crate::faults;

/// Proxies whose word counts, and the header that has it.
pub struct Proxies {
    trusted: Vec<IpNet>,
    header: ForwardedHeader,
}

/// From where a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// IPv4 as IPv4, however it was written.
    pub address: IpAddr,
    /// A proxy of ours named no address that can be read; `address` is the proxy's, and many may share it.
    pub is_hidden: bool,
}

/// Proxies in a row that are looked at. More is no chain of ours, and each costs a little.
const HOPS_MAX: usize = 16;

impl Proxies {
    pub fn new(trusted: Vec<IpNet>, header: ForwardedHeader) -> Self {
        Self { trusted, header }
    }

    /// The client of a request that came from `peer`.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        let peer = peer.to_canonical();
        if !self.is_trusted(peer) && !faults::planted("trust_anybody") {
            return Client { address: peer, is_hidden: false };
        }
        let mut client = Client { address: peer, is_hidden: false };
        let lines = headers.get_all(self.header.as_str());
        let mut hops = 0;
        for line in lines.iter().rev() {
            // What is no ASCII hides what stands before it, as any other word that is no address.
            let line = line.to_str().unwrap_or("?");
            for element in FromEnd(line) {
                hops += 1;
                let address = match self.header {
                    ForwardedHeader::XForwardedFor => address(element),
                    ForwardedHeader::Forwarded => of_forwarded(element),
                };
                let Some(address) = address.filter(|_| hops <= HOPS_MAX) else {
                    return Client { is_hidden: true, ..client };
                };
                client.address = address;
                if !self.is_trusted(address) {
                    return client;
                }
            }
        }
        client
    }

    /// Whether this is a proxy of ours.
    pub fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&address))
    }

    /// Whether somebody says that they are a proxy and is none of ours.
    pub fn is_stray(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let speaks = [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded]
            .iter()
            .any(|header| headers.contains_key(header.as_str()));
        speaks && !self.is_trusted(peer.to_canonical())
    }
}

/// Elements of a list between commas, the last one first. A comma between quotes is none.
struct FromEnd<'a>(&'a str);

impl<'a> Iterator for FromEnd<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let mut is_quoted = false;
        let comma = self.0.bytes().enumerate().rev().find(|(_, byte)| {
            is_quoted ^= *byte == b'"';
            *byte == b',' && !is_quoted
        });
        let element = match comma {
            Some((at, _)) => {
                let element = &self.0[at + 1..];
                self.0 = &self.0[..at];
                element
            }
            None => std::mem::take(&mut self.0),
        };
        Some(element.trim())
    }
}

/// The `for` of one element of `Forwarded` (RFC 7239).
fn of_forwarded(element: &str) -> Option<IpAddr> {
    let mut found = element.split(';').filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value)
    });
    let (Some(value), None) = (found.next(), found.next()) else { return None };
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    address(quoted.unwrap_or(value))
}

/// An address as proxies write it: alone, with a port, an IPv6 one in brackets. No zone, no other base.
fn address(text: &str) -> Option<IpAddr> {
    let is_port = |port: &str| {
        (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
    };
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let fits = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return Some(IpAddr::V6(address.parse().ok().filter(|_| fits)?).to_canonical());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, port) = text.split_once(':')?;
    Some(IpAddr::V4(address.parse().ok().filter(|_| is_port(port))?))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn proxies(header: ForwardedHeader) -> Proxies {
        let trusted = ["127.0.0.0/8", "10.0.0.0/8", "fd00::/8"];
        Proxies::new(trusted.map(|net| net.parse().unwrap()).to_vec(), header)
    }

    fn headers(name: &str, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            let name = HeaderName::try_from(name).unwrap();
            headers.append(name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        headers
    }

    fn from(peer: &str, lines: &[&str]) -> (String, bool) {
        let proxies = proxies(ForwardedHeader::XForwardedFor);
        let client = proxies.client(peer.parse().unwrap(), &headers("x-forwarded-for", lines));
        (client.address.to_string(), client.is_hidden)
    }

    #[test]
    fn a_header_from_anybody_who_is_no_proxy_of_ours_says_nothing() {
        for peer in ["203.0.113.9", "2001:db8::9", "::ffff:203.0.113.9"] {
            let (address, is_hidden) = from(peer, &["198.51.100.1", "127.0.0.1"]);
            let canonical = peer.trim_start_matches("::ffff:");
            assert_eq!((address.as_str(), is_hidden), (canonical, false));
        }
    }

    #[test]
    fn the_last_address_that_is_no_proxy_of_ours_is_the_client() {
        for (lines, client) in [
            (&["203.0.113.9"][..], "203.0.113.9"),
            (&["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
            (&["127.0.0.1, 203.0.113.9"], "203.0.113.9"),
            (&["198.51.100.1", "203.0.113.9, 10.0.0.7"], "203.0.113.9"),
            (&["198.51.100.1,203.0.113.9", "10.0.0.7", "fd00::1"], "203.0.113.9"),
            (&["junk, <script>, 203.0.113.9"], "203.0.113.9"),
            (&["\"junk, 203.0.113.9"], "203.0.113.9"),
            (&["203.0.113.9:51234"], "203.0.113.9"),
            (&["[2001:db8::9]:443"], "2001:db8::9"),
            (&["2001:db8::9"], "2001:db8::9"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&["[::ffff:cb00:7109]"], "203.0.113.9"),
            // Only proxies: the first of them asked.
            (&["10.0.0.7, 10.0.0.8"], "10.0.0.7"),
            (&[], "127.0.0.1"),
        ] {
            assert_eq!(from("127.0.0.1", lines), (client.to_owned(), false), "{lines:?}");
        }
        assert_eq!(from("::ffff:127.0.0.1", &["203.0.113.9"]).0, "203.0.113.9");
    }

    #[test]
    fn what_is_no_address_hides_what_stands_before_it() {
        let long = "203.0.113.9, ".repeat(HOPS_MAX) + &["10.0.0.7"; HOPS_MAX + 1].join(",");
        for lines in [
            &["203.0.113.9, unknown"][..],
            &["203.0.113.9, _hidden"],
            &["203.0.113.9,"],
            &["203.0.113.9, , "],
            &["203.0.113.9", " "],
            &["203.0.113.9, 0x7f.1"],
            &["203.0.113.9, 127.1"],
            &["203.0.113.9, 010.0.0.1"],
            &["203.0.113.9, 1.2.3.4:"],
            &["203.0.113.9, 1.2.3.4:http"],
            &["203.0.113.9, 1.2.3.4:123456"],
            &["203.0.113.9, fe80::1%eth0"],
            &["203.0.113.9, [2001:db8::1"],
            &["203.0.113.9, [2001:db8::1]x"],
            &["203.0.113.9, 2001:db8::1]:443"],
            &["203.0.113.9, \"1.2.3.4\""],
            &["203.0.113.9, 1.2.3.4 1.2.3.5"],
            &["203.0.113.9, \u{e9}"],
            &[long.as_str()],
        ] {
            let (address, is_hidden) = from("127.0.0.1", lines);
            assert!(is_hidden, "{lines:?}");
            assert!(address == "127.0.0.1" || address == "10.0.0.7", "{lines:?}: {address}");
        }
    }

    #[test]
    fn forwarded_is_read_when_it_is_the_header_and_the_other_one_never() {
        let proxies = proxies(ForwardedHeader::Forwarded);
        for (line, client) in [
            ("for=203.0.113.9", Some("203.0.113.9")),
            ("For=203.0.113.9;proto=https;by=10.0.0.1", Some("203.0.113.9")),
            ("proto=https ; for=\"203.0.113.9:47011\"", Some("203.0.113.9")),
            ("for=198.51.100.1, for=\"[2001:db8::9]:4711\"", Some("2001:db8::9")),
            ("for=198.51.100.1;host=\"a,b\", for=203.0.113.9;host=\"c,d\"", Some("203.0.113.9")),
            ("for=203.0.113.9, for=10.0.0.7", Some("203.0.113.9")),
            ("for=unknown", None),
            ("for=_secret", None),
            ("by=203.0.113.9", None),
            ("for=203.0.113.9;for=198.51.100.1", None),
            ("for=\"203.0.113.9", None),
            ("203.0.113.9", None),
        ] {
            let mut headers = headers("forwarded", &[line]);
            headers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
            let found = proxies.client(IpAddr::from([127, 0, 0, 1]), &headers);
            assert_eq!(found.is_hidden, client.is_none(), "{line}");
            let expected = client.unwrap_or("127.0.0.1");
            assert_eq!(found.address.to_string(), expected, "{line}");
        }
    }

    #[test]
    fn whoever_speaks_as_a_proxy_and_is_none_of_ours_is_noticed() {
        let proxies = proxies(ForwardedHeader::XForwardedFor);
        let spoken = headers("x-forwarded-for", &["203.0.113.9"]);
        assert!(proxies.is_stray(IpAddr::from([192, 0, 2, 1]), &spoken));
        assert!(!proxies.is_stray(IpAddr::from([127, 0, 0, 1]), &spoken));
        assert!(!proxies.is_stray(IpAddr::from([192, 0, 2, 1]), &HeaderMap::new()));
    }
}
