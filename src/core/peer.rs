//! Where may requests come from? The proxy's word for the peer's address, and no header (SEC-15, S-030).

use ::core::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use crate::core::deny::DenyReason;

/// Who is at the other end of the proxy's connection, in the proxy's own words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peer<'a> {
    /// The address; none when that is no IP address.
    pub address: Option<IpAddr>,
    /// The name in a client certificate that the proxy has verified: the URI, the DNS name, or the subject. None
    /// without one.
    pub principal: Option<&'a str>,
}

/// The networks requests may come from; all, where none are named.
#[derive(Debug, Clone, Default)]
pub struct PeerRule(Option<Vec<IpNet>>);

impl PeerRule {
    /// Only these networks.
    #[must_use]
    pub fn only(networks: Vec<IpNet>) -> Self {
        Self(Some(networks.into_iter().map(fold).collect()))
    }

    /// Whether a request may come from here. A peer without an address is nowhere.
    ///
    /// # Errors
    /// [`DenyReason::AddressNotAllowed`] when not.
    pub fn admit(&self, peer: Option<IpAddr>) -> Result<(), DenyReason> {
        let Some(networks) = &self.0 else {
            return Ok(());
        };
        let peer = peer.map(|peer| peer.to_canonical());
        let inside = peer.is_some_and(|peer| networks.iter().any(|network| network.contains(&peer)));
        if inside { Ok(()) } else { Err(DenyReason::AddressNotAllowed) }
    }
}

/// A network as a person writes it: `10.0.0.0/8`, or one address.
#[must_use]
pub fn parse(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`: one address has one form.
fn fold(network: IpNet) -> IpNet {
    let IpNet::V6(long) = network else {
        return network;
    };
    let short = long.addr().to_ipv4_mapped().zip(long.prefix_len().checked_sub(96));
    short.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(networks: &[&str], peer: &str) -> bool {
        let rule = PeerRule::only(networks.iter().map(|text| parse(text).unwrap()).collect());
        rule.admit(peer.parse().ok()).is_ok()
    }

    #[test]
    fn only_peers_of_the_networks_come_in_x07_s030() {
        assert!(admits(&["10.0.0.0/8"], "10.0.0.5"), "X07");
        assert!(!admits(&["10.0.0.0/8"], "6.6.6.6"), "X05");
        assert!(admits(&["10.0.0.0/8"], "::ffff:10.0.0.5"));
        assert!(admits(&["::ffff:10.0.0.0/104"], "10.0.0.5"));
        assert!(admits(&["10.0.0.5"], "10.0.0.5") && !admits(&["10.0.0.5"], "10.0.0.6"));
        assert!(admits(&["6.0.0.0/8", "fd00::/8"], "fd00::1") && !admits(&["fd00::/8"], "10.0.0.5"));
        assert!(!admits(&["::/0"], "10.0.0.5"), "one form for each address");
        assert!(!admits(&["0.0.0.0/0"], "a pipe"), "no address is nowhere");
        assert!(PeerRule::default().admit(None).is_ok());
    }

    #[test]
    fn a_network_is_a_network() {
        for text in ["", "10.0.0.0/33", "10.0.0", "10.0.0.0/", "localhost", "10.0.0.0-10.0.0.9", "010.0.0.1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
