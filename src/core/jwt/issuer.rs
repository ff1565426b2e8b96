//! Whom tokens are accepted from, and on which terms.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::claims::Mapping;
use super::compact::Compact;
use super::key_set::KeySet;
use super::moment::{self, Seconds, TimeRules};
use super::{Malformed, Refusal, json};

/// Claims LiteLLM uses between its own parts begin like this. A token never brings them (S-118).
pub const RESERVED: &str = "_litellm_";
/// Types accepted when none are listed, in lower case and without `application/`. So is no type at all.
const USUAL_TYPES: [&str; 2] = ["jwt", "at+jwt"];
/// Types that are never a bearer token, whatever is listed (S-128).
const NEVER_TYPES: [&str; 3] = ["oauth-id-jag+jwt", "logout+jwt", "dpop+jwt"];

/// A token that was read and is not verified. Its claims cannot be had from it, but for the issuer, which
/// chooses the keys.
#[derive(Debug, Clone)]
pub struct Token<'t> {
    compact: Compact<'t>,
    claims: Claims,
}

/// Claims do not go into logs.
#[derive(Clone)]
struct Claims(Map<String, Value>);

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Claims(…)")
    }
}

impl<'t> Token<'t> {
    /// Reads a token of at most `max` bytes, header and claims.
    ///
    /// # Errors
    /// What is wrong with it, before any key is looked at.
    pub fn parse(text: &'t str, max: usize) -> Result<Self, Refusal> {
        let compact = Compact::parse(text, max)?;
        let mut claims = json::object(&compact.payload).map_err(|_| Malformed::Claims)?;
        claims.retain(|name, _| !name.starts_with(RESERVED));
        Ok(Self { compact, claims: Claims(claims) })
    }

    /// The signed message.
    #[must_use]
    pub fn compact(&self) -> &Compact<'t> {
        &self.compact
    }

    /// The claims that a mapping requires and the token lacks, by their names. What they say stays in here.
    #[must_use]
    pub fn lacking(&self, mapping: &Mapping) -> Vec<String> {
        mapping.lacking(&self.claims.0).map(ToString::to_string).collect()
    }

    /// Who the token says issued it. Only good for choosing the keys that check it (S-124).
    ///
    /// # Errors
    /// [`Refusal::Issuer`] when `iss` is there and no text (S-107).
    pub fn claimed_issuer(&self) -> Result<Option<&str>, Refusal> {
        self.claims.0.get("iss").map(|issuer| issuer.as_str().ok_or(Refusal::Issuer)).transpose()
    }
}

/// Whom tokens must be for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// One of these, compared exactly (S-109).
    OneOf(Vec<String>),
    /// Anybody. Only when the operator says so (W07).
    Unchecked,
}

/// The terms for one issuer.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// `iss`, compared exactly, without reading it as a URL (S-110). None accepts whatever no other entry
    /// is for, `iss` or not: LiteLLM's global path, only when the operator says so (S-123).
    pub issuer: Option<String>,
    /// Whom tokens must be for.
    pub audience: Audience,
    /// How times are judged.
    pub times: TimeRules,
    /// Types of which the token must have one. None is for no type and the usual ones.
    pub types: Option<Vec<String>>,
    /// Of whom `azp` must name one.
    pub authorized_parties: Option<Vec<String>>,
}

/// What a signature vouches for. There is no other way to make one than [`Issuer::verify`].
#[derive(Debug, Clone)]
pub struct Verified {
    issuer: Option<String>,
    claims: Claims,
    issued: Option<Seconds>,
    expires: Option<Timestamp>,
    key: [u8; 32],
}

impl Verified {
    /// The issuer, as configured, or as the token says where any is accepted.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The claims, without those reserved.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims.0
    }

    /// The same without its claims: enough to be remembered by, once they were read.
    #[must_use]
    pub fn without_claims(self) -> Self {
        Self { claims: Claims(Map::new()), ..self }
    }

    /// When it was issued (`iat`), if it says so: never later than now and the leeway.
    #[must_use]
    pub fn issued(&self) -> Option<Seconds> {
        self.issued
    }

    /// When `exp` comes, without leeway. None when there is none, or it is beyond the calendar.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Thumbprint of the key that verified it.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }
}

impl Issuer {
    /// Verifies a token with the issuer's own keys: the signature first, so that nobody without one learns
    /// which claims are wanted.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self, token: &Token<'_>, keys: &KeySet, now: Timestamp) -> Result<Verified, Refusal> {
        let key = keys.verify(&token.compact)?.thumbprint();
        self.judge_type(token.compact.declared.as_deref())?;
        let claims = &token.claims.0;
        let issuer = token.claimed_issuer()?;
        if self.issuer.as_deref().is_some_and(|expected| issuer != Some(expected)) {
            return Err(Refusal::Issuer);
        }
        let expires = moment::judge(claims, &self.times, Seconds(now.as_second()))?;
        self.judge_audience(claims.get("aud"))?;
        self.judge_party(claims.get("azp"))?;
        for name in ["sub", "jti"] {
            if claims.get(name).is_some_and(|value| !value.is_string()) {
                return Err(Refusal::ClaimType(name));
            }
        }
        let expires = expires.and_then(|seconds| Timestamp::from_second(seconds.0).ok());
        Ok(Verified {
            issued: moment::claim(claims, "iat")?,
            issuer: issuer.map(str::to_owned),
            claims: token.claims.clone(),
            expires,
            key,
        })
    }

    fn judge_type(&self, kind: Option<&str>) -> Result<(), Refusal> {
        let kind = kind.map(normal_type);
        let accepted = match (&self.types, kind.as_deref()) {
            (_, Some(kind)) if NEVER_TYPES.contains(&kind) => false,
            (Some(listed), Some(kind)) => listed.iter().any(|one| normal_type(one) == kind),
            (Some(_), None) => false,
            (None, Some(kind)) => USUAL_TYPES.contains(&kind),
            (None, None) => true,
        };
        if accepted { Ok(()) } else { Err(Refusal::Type) }
    }

    /// A text, or a list of texts only (S-108). Its type is judged even where the audience is not.
    fn judge_audience(&self, aud: Option<&Value>) -> Result<(), Refusal> {
        let audiences = match aud {
            None => Vec::new(),
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(all)) => {
                let texts: Option<Vec<_>> = all.iter().map(Value::as_str).collect();
                texts.ok_or(Refusal::Audience)?
            }
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => return Err(Refusal::Audience),
        };
        let accepted = match &self.audience {
            Audience::OneOf(expected) => expected.iter().any(|one| audiences.contains(&one.as_str())),
            Audience::Unchecked => true,
        };
        if accepted { Ok(()) } else { Err(Refusal::Audience) }
    }

    fn judge_party(&self, azp: Option<&Value>) -> Result<(), Refusal> {
        let Some(listed) = &self.authorized_parties else {
            return Ok(());
        };
        let party = azp.and_then(Value::as_str).ok_or(Refusal::AuthorizedParty)?;
        if listed.iter().any(|one| one == party) { Ok(()) } else { Err(Refusal::AuthorizedParty) }
    }
}

/// RFC 7515 section 4.1.9: case does not matter, nor does `application/`.
fn normal_type(kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    kind.strip_prefix("application/").map(str::to_owned).unwrap_or(kind)
}

/// All issuers. An issuer that is not among them is refused, unless one entry accepts any (W21).
#[derive(Debug, Clone)]
pub struct Issuers(Vec<Arc<Issuer>>);

/// Why a list of issuers is refused at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadIssuers {
    /// Two entries are for the same `iss`, or two accept any. The number is the later entry's position.
    #[error("the issuer of entry {0} is there already")]
    Twice(usize),
    /// An empty `iss`, audience, type or party, or an empty list of them.
    #[error("entry {0} has an empty issuer, audience, type or authorized party")]
    Empty(usize),
}

impl Issuers {
    /// Takes the entries of a configuration.
    ///
    /// # Errors
    /// See [`BadIssuers`].
    pub fn new(entries: Vec<Issuer>) -> Result<Self, BadIssuers> {
        let mut issuers: Vec<Arc<Issuer>> = Vec::new();
        for (position, entry) in entries.into_iter().enumerate() {
            let lists = [entry.types.as_deref(), entry.authorized_parties.as_deref(), entry.audience.listed()];
            let is_empty = |list: &[String]| list.is_empty() || list.iter().any(String::is_empty);
            if entry.issuer.as_ref().is_some_and(String::is_empty) || lists.into_iter().flatten().any(is_empty) {
                return Err(BadIssuers::Empty(position));
            }
            if issuers.iter().any(|known| known.issuer == entry.issuer) {
                return Err(BadIssuers::Twice(position));
            }
            issuers.push(Arc::new(entry));
        }
        Ok(Self(issuers))
    }

    /// Where the entry of an issuer is, exactly.
    #[must_use]
    pub fn position(&self, issuer: &str) -> Option<usize> {
        self.0.iter().position(|entry| entry.issuer.as_deref() == Some(issuer))
    }

    /// The entry a token is judged by, and whose keys check it. Its position names its key set.
    ///
    /// # Errors
    /// [`Refusal::Issuer`].
    pub fn select(&self, token: &Token<'_>) -> Result<(usize, &Arc<Issuer>), Refusal> {
        let claimed = token.claimed_issuer()?;
        let entry =
            |wanted: Option<&str>| self.0.iter().enumerate().find(|(_, entry)| entry.issuer.as_deref() == wanted);
        claimed.and_then(|claimed| entry(Some(claimed))).or_else(|| entry(None)).ok_or(Refusal::Issuer)
    }
}

impl Audience {
    /// The list, where there is one.
    #[must_use]
    pub fn listed(&self) -> Option<&[String]> {
        match self {
            Self::OneOf(listed) => Some(listed),
            Self::Unchecked => None,
        }
    }
}
