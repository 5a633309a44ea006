//! Where the load goes.

use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// A server on this machine. Nothing else is ever loaded: whoever wants to load a server elsewhere
/// runs this program beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub address: SocketAddr,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("http://").ok_or("must begin with http://")?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('/') {
            return Err("must have no path".to_owned());
        }
        let with_port =
            if has_port(authority) { authority.into() } else { format!("{authority}:80") };
        let addresses = with_port.to_socket_addrs().map_err(|error| error.to_string())?;
        let addresses: Vec<SocketAddr> = addresses.collect();
        if addresses.iter().any(|address| !address.ip().is_loopback()) {
            return Err("is not this machine; load is only put on loopback".to_owned());
        }
        let address = addresses.first().copied().ok_or("has no address")?;
        Ok(Self { address })
    }
}

fn has_port(authority: &str) -> bool {
    authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loaded() {
        for good in ["http://127.0.0.1:8080", "http://127.0.0.1:8080/", "http://[::1]:80"] {
            assert!(good.parse::<Target>().is_ok(), "{good}");
        }
        let port = "http://127.0.0.1".parse::<Target>().map(|target| target.address.port());
        assert_eq!(port, Ok(80));
        for bad in ["http://192.0.2.1:80", "https://127.0.0.1", "127.0.0.1", "http://127.0.0.1/v1"]
        {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }
}
