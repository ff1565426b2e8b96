//! Identity headers of an oauth2-proxy in front (LiteLLM 8.4).
//!
//! They are believed from configured peers only, and taken out of every request, whoever sent it. LiteLLM lets
//! in a request without any of them (V163) and does not enforce `models` (V164); neither holds here (W25).

use ipnet::IpNet;

use super::said::{MAX_MODELS, Said, Unusable, email, name};
use crate::core::deny::{DenyReason, TokenDenial};
use crate::core::header::HeaderName;
use crate::core::peer::{Peer, PeerRule};
use crate::core::request::{Fidelity, HeaderView};

/// Which headers say what, and from whom they are believed.
#[derive(Debug, Clone)]
pub struct ProxyHeaders {
    /// Networks of the proxy.
    networks: Option<PeerRule>,
    /// Names in the proxy's client certificate.
    principals: Vec<String>,
    names: Names,
}

/// The headers, by what they say. LiteLLM maps these six and refuses every other (V165).
#[derive(Debug, Clone)]
pub struct Names {
    /// The user. Without it nobody is known.
    pub user_id: HeaderName,
    /// The user's mail address.
    pub user_email: Option<HeaderName>,
    /// The team, by id.
    pub team_id: Option<HeaderName>,
    /// The team, by name.
    pub team_alias: Option<HeaderName>,
    /// The organisation.
    pub org_id: Option<HeaderName>,
    /// The only models the user may name, separated by commas.
    pub models: Option<HeaderName>,
}

impl Names {
    /// All that are configured.
    pub fn iter(&self) -> impl Iterator<Item = &HeaderName> {
        let more = [&self.user_email, &self.team_id, &self.team_alias, &self.org_id, &self.models];
        std::iter::once(&self.user_id).chain(more.into_iter().flatten())
    }
}

impl ProxyHeaders {
    /// `None` when there is nobody to believe.
    #[must_use]
    pub fn new(networks: Vec<IpNet>, principals: Vec<String>, names: Names) -> Option<Self> {
        let somebody = !networks.is_empty() || !principals.is_empty();
        let networks = (!networks.is_empty()).then(|| PeerRule::only(networks));
        somebody.then_some(Self { networks, principals, names })
    }

    /// The headers, which never reach the upstream.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.names.iter()
    }

    /// Whether a request comes from the proxy itself: the peer of the connection, never what a header says.
    #[must_use]
    pub fn trusts(&self, peer: &Peer<'_>) -> bool {
        let near = self.networks.as_ref().is_some_and(|networks| networks.admit(peer.address).is_ok());
        let known =
            peer.principal.is_some_and(|name| !name.is_empty() && self.principals.iter().any(|one| one == name));
        near || known
    }

    /// Whom the proxy has signed in. `None` when the request is not the proxy's, or it signed nobody in: then
    /// the headers mean nothing, and the caller has to show a credential.
    ///
    /// # Errors
    /// [`TokenDenial::ProxyHeaders`] when the proxy says something that cannot be used, such as a header twice.
    pub fn read(&self, headers: &HeaderView<'_>, peer: &Peer<'_>) -> Result<Option<Said>, DenyReason> {
        if !self.trusts(peer) {
            return Ok(None);
        }
        let said = self.said(headers).map_err(|_| TokenDenial::ProxyHeaders)?;
        if said.user_id.is_some() {
            return Ok(Some(said));
        }
        // A team without a user would be whoever the proxy let through without signing in.
        let silent = said.models.as_ref().is_none_or(Vec::is_empty);
        if silent && (Said { models: None, ..said }) == Said::default() {
            return Ok(None);
        }
        Err(TokenDenial::ProxyHeaders.into())
    }

    fn said(&self, headers: &HeaderView<'_>) -> Result<Said, Unusable> {
        let text = |setting, name: Option<&HeaderName>| text(headers, setting, name);
        let address = text("user_email", self.names.user_email.as_ref())?;
        let models = self.names.models.as_ref().map(|name| list(headers, name)).transpose()?;
        Ok(Said {
            user_id: text("user_id", Some(&self.names.user_id))?,
            email: address.map(|address| email("user_email", &address)).transpose()?,
            team_id: text("team_id", self.names.team_id.as_ref())?,
            team_alias: text("team_alias", self.names.team_alias.as_ref())?,
            organization_id: text("org_id", self.names.org_id.as_ref())?,
            models,
            ..Said::default()
        })
    }
}

/// The one value of a header. Empty is absent; twice is unusable, and so is what is no text.
fn raw<'a>(
    headers: &'a HeaderView<'a>,
    setting: &'static str,
    name: Option<&'a HeaderName>,
) -> Result<Option<&'a str>, Unusable> {
    let mut values = name.into_iter().flat_map(|name| headers.all(name.as_str()));
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = std::str::from_utf8(value).map_err(|_| Unusable::Name(setting))?.trim_matches([' ', '\t']);
    let lossy = headers.fidelity() == Fidelity::Lossy && text.contains('!');
    if values.next().is_some() || lossy {
        return Err(Unusable::Name(setting));
    }
    Ok((!text.is_empty()).then_some(text))
}

/// A name. A comma may be two lines that were joined on the way (S-031).
fn text(headers: &HeaderView<'_>, setting: &'static str, of: Option<&HeaderName>) -> Result<Option<String>, Unusable> {
    let text = raw(headers, setting, of)?;
    if text.is_some_and(|text| text.contains(',')) {
        return Err(Unusable::Name(setting));
    }
    text.map(|text| name(setting, text)).transpose()
}

/// A list. Where a header says which models there are, its absence says that there are none.
fn list(headers: &HeaderView<'_>, of: &HeaderName) -> Result<Vec<String>, Unusable> {
    const SETTING: &str = "models";
    let text = raw(headers, SETTING, Some(of))?.unwrap_or_default();
    let items: Vec<_> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    if items.len() > MAX_MODELS {
        return Err(Unusable::TooMany);
    }
    items.into_iter().map(|item| name(SETTING, item)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::peer;

    fn proxy(networks: &[&str], principals: &[&str]) -> ProxyHeaders {
        let header = |name: &str| HeaderName::new(name);
        let names = Names {
            user_id: header("X-User").unwrap(),
            user_email: header("x-email"),
            team_id: header("x-team"),
            team_alias: None,
            org_id: None,
            models: header("x-models"),
        };
        let networks = networks.iter().map(|text| peer::parse(text).unwrap()).collect();
        ProxyHeaders::new(networks, principals.iter().map(ToString::to_string).collect(), names).unwrap()
    }

    fn read(peer: &str, headers: &[(&str, &[u8])]) -> Result<Option<Said>, DenyReason> {
        let peer = Peer { address: peer.parse().ok(), principal: None };
        proxy(&["10.0.0.0/8"], &[]).read(&HeaderView::new(headers.to_vec(), Fidelity::Exact), &peer)
    }

    #[test]
    fn the_proxys_word_is_taken_v161_v164() {
        let said = read("10.0.0.5", &[("x-user", b"bob"), ("x-models", b"m1, m2,"), ("x-email", b"b@x.org")]).unwrap();
        let said = said.unwrap();
        assert_eq!((said.user_id.as_deref(), said.role), (Some("bob"), None));
        assert_eq!(said.models, Some(vec!["m1".to_owned(), "m2".to_owned()]));
        assert_eq!(said.email.as_deref(), Some("b@x.org"));
        let said = read("10.0.0.5", &[("x-user", b"bob")]).unwrap().unwrap();
        assert_eq!(said.models, Some(vec![]), "none are named, and not all");
    }

    #[test]
    fn nobody_elses_word_is_v162_s178() {
        let headers: &[(&str, &[u8])] = &[("x-user", b"bob"), ("x-forwarded-for", b"10.0.0.5")];
        for peer in ["6.6.6.6", "11.0.0.5", "a pipe", "::1"] {
            assert_eq!(read(peer, headers), Ok(None), "{peer}");
        }
        assert!(read("::ffff:10.0.0.5", headers).unwrap().is_some());
    }

    #[test]
    fn a_certificate_names_the_proxy_exactly() {
        let proxy = proxy(&[], &["spiffe://corp/oauth2-proxy"]);
        let trusts = |principal| proxy.trusts(&Peer { address: "10.0.0.5".parse().ok(), principal });
        assert!(trusts(Some("spiffe://corp/oauth2-proxy")));
        for other in [None, Some(""), Some("spiffe://corp/oauth2-proxy/x"), Some("SPIFFE://corp/oauth2-proxy")] {
            assert!(!trusts(other), "{other:?}");
        }
    }

    #[test]
    fn nobody_signed_in_is_nobody_v163_s179() {
        assert_eq!(read("10.0.0.5", &[]), Ok(None));
        assert_eq!(read("10.0.0.5", &[("x-user", b""), ("x-models", b" ")]), Ok(None));
        assert_eq!(read("10.0.0.5", &[("x-team", b"red")]), Err(TokenDenial::ProxyHeaders.into()));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let bad: &[&[(&str, &[u8])]] = &[
            &[("x-user", b"bob"), ("x-user", b"eve")],
            &[("x-user", b"bob,eve")],
            &[("x-user", b"b\xffb")],
            &[("x-user", b"b\x00b")],
            &[("x-user", b"bob"), ("x-email", b"a@b@c")],
            &[("x-user", b"bob"), ("x-models", b"m"), ("x-models", b"n")],
        ];
        for headers in bad {
            assert_eq!(read("10.0.0.5", headers), Err(TokenDenial::ProxyHeaders.into()), "{headers:?}");
        }
        let peer = Peer { address: "10.0.0.5".parse().ok(), principal: None };
        let lossy = HeaderView::new(vec![("x-user", b"b!b".as_slice())], Fidelity::Lossy);
        assert_eq!(proxy(&["10.0.0.0/8"], &[]).read(&lossy, &peer), Err(TokenDenial::ProxyHeaders.into()));
    }
}
