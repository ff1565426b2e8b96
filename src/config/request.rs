//! `request:` becomes the rule about peers.

use super::compile::Section;
use super::raw::RawRequest;
use crate::core::peer::{self, PeerRule};

/// Compiles the section. `None` when that failed; the reasons were noted.
pub(super) fn peers(raw: &RawRequest, section: &mut Section<'_, '_>) -> Option<PeerRule> {
    let Some(written) = &raw.allowed_ips else {
        return Some(PeerRule::default());
    };
    if written.is_empty() {
        section.problem("request.allowed_ips", "it lets nobody in; name networks, or leave it out");
        return None;
    }
    let mut networks = Vec::new();
    for (index, text) in written.iter().enumerate() {
        match peer::parse(text) {
            Some(network) => networks.push(network),
            None => section.problem(
                &format!("request.allowed_ips[{index}]"),
                "it is no network; write it like `10.0.0.0/8`, or one address",
            ),
        }
    }
    (networks.len() == written.len()).then(|| PeerRule::only(networks))
}
