//! Who is asking: established by `authn`, never by a header.

use std::sync::Arc;

use jiff::Timestamp;

use crate::core::record::permissions::{Guardrails, ObjectGrants};
use crate::core::record::{KeyRecord, Member, Organization, Project, Role, Team, User};
use crate::core::route::select::RouteChoice;

/// The caller. There is no empty or default identity (S-179): each variant is somebody, or the
/// explicit nobody of a public route.
#[derive(Debug, Clone)]
pub enum Identity {
    /// Holder of the master key. It has every right and no record (LiteLLM LOOK-5).
    MasterKey,
    /// Holder of a virtual key.
    VirtualKey(Arc<KeyRecord>),
    /// Somebody without a key, for whom others vouch.
    Bearer(Arc<Bearer>),
    /// Nobody in particular, on a route that is public.
    Anonymous,
}

/// A caller for whom an identity provider, an authorization server or a proxy in front vouches.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// How.
    pub vouched: Vouched,
    /// Who issued the token, where somebody did.
    pub issuer: Option<String>,
    /// The id of the user's row, else what was claimed.
    pub user_id: Option<String>,
    /// The e-mail address that was claimed.
    pub email: Option<String>,
    /// What the caller may do in this request: what a scope says, else the user's row.
    pub role: Option<Role>,
    /// The customer that was claimed. It wins over what the request says.
    pub end_user: Option<String>,
    /// The only models that scopes and role permissions leave, taken literally (LiteLLM 4.3.2, 4.4).
    pub models: Option<Vec<String>>,
    /// Routes that a scope, a role, or being a team's leaves: each list must hold the request's.
    pub routes: Vec<Arc<RouteChoice>>,
    /// When the token expires.
    pub expires: Option<Timestamp>,
    /// Whether `record` is that of a virtual key, which stands for the token (LiteLLM 7.3).
    pub registered: bool,
    /// What the directory knows of user, team and organisation: a key's record without a key.
    pub record: Arc<KeyRecord>,
}

/// Who vouches for a [`Bearer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vouched {
    /// The signature of an identity provider (RFC 7519).
    Jwt,
    /// An authorization server that was asked about the token (RFC 7662).
    Oauth2,
    /// A provider that was asked who the bearer is (`OpenID` Connect Core 5.3).
    UserInfo,
    /// A proxy in front, which is trusted.
    Oauth2Proxy,
    /// The operator's own service.
    Custom,
}

impl Vouched {
    /// The stable label, as in headers, metadata and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Oauth2 => "oauth2",
            Self::UserInfo => "oidc_userinfo",
            Self::Oauth2Proxy => "oauth2_proxy",
            Self::Custom => "custom",
        }
    }
}

/// What LiteLLM reports in place of the master key's hash.
pub const MASTER_KEY_ALIAS: &str = "litellm_proxy_master_key";
/// What LiteLLM reports as the master key's user.
pub const MASTER_USER_ID: &str = "default_user_id";

impl Identity {
    /// How the caller was authenticated: `master_key`, `virtual_key`, `anonymous` (LiteLLM ID-4), or who
    /// vouched.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Self::MasterKey => "master_key",
            Self::VirtualKey(_) => "virtual_key",
            Self::Bearer(bearer) => bearer.vouched.as_str(),
            Self::Anonymous => "anonymous",
        }
    }

    /// The virtual key, when there is one.
    #[must_use]
    pub fn key(&self) -> Option<&KeyRecord> {
        match self {
            Self::VirtualKey(key) => Some(key),
            Self::Bearer(bearer) => bearer.registered.then_some(&*bearer.record),
            Self::MasterKey | Self::Anonymous => None,
        }
    }

    /// The bearer of a token.
    #[must_use]
    pub fn bearer(&self) -> Option<&Bearer> {
        match self {
            Self::Bearer(bearer) => Some(bearer),
            Self::MasterKey | Self::VirtualKey(_) | Self::Anonymous => None,
        }
    }

    /// What the directory knows of the caller. Nobody is behind the master key, which nothing restricts.
    #[must_use]
    pub fn record(&self) -> Option<&KeyRecord> {
        match self {
            Self::VirtualKey(record) => Some(record),
            Self::Bearer(bearer) => Some(&bearer.record),
            Self::MasterKey | Self::Anonymous => None,
        }
    }

    /// The key's hash in hexadecimal, or the master key's alias.
    #[must_use]
    pub fn key_hash(&self) -> Option<String> {
        match self {
            Self::MasterKey => Some(MASTER_KEY_ALIAS.to_owned()),
            Self::VirtualKey(_) | Self::Bearer(_) => self.key().map(|key| key.hash.to_hex()),
            Self::Anonymous => None,
        }
    }

    /// The first 8 digits of the key's hash, for logs.
    #[must_use]
    pub fn key_hash_prefix(&self) -> Option<String> {
        self.key().map(|key| key.hash.prefix())
    }

    /// The owner's record.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.record().and_then(|key| key.user.as_deref())
    }

    /// The owner's id.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        match self {
            Self::MasterKey => Some(MASTER_USER_ID),
            Self::Bearer(bearer) => bearer.user_id.as_deref(),
            Self::VirtualKey(_) | Self::Anonymous => self.user().map(|user| user.id.as_str()),
        }
    }

    /// The e-mail address of the owner's record, else the one that was claimed.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        let of_row = self.user().and_then(|user| user.email.as_deref());
        of_row.or_else(|| self.bearer()?.email.as_deref())
    }

    /// The role. A key without an owner has none (LiteLLM AUTHZ-21).
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::MasterKey => Some(Role::ProxyAdmin),
            Self::Bearer(bearer) => bearer.role,
            Self::VirtualKey(_) | Self::Anonymous => self.user().and_then(|user| user.role),
        }
    }

    /// The team.
    #[must_use]
    pub fn team(&self) -> Option<&Team> {
        self.record().and_then(|key| key.team.as_deref())
    }

    /// The project.
    #[must_use]
    pub fn project(&self) -> Option<&Project> {
        self.record().and_then(|key| key.project.as_deref())
    }

    /// What the team says of the owner.
    #[must_use]
    pub fn member(&self) -> Option<&Member> {
        self.record().and_then(|key| key.member.as_deref())
    }

    /// Guardrails that the key and its team ask for.
    #[must_use]
    pub fn guardrails(&self) -> Guardrails {
        let of_key = self.record().map(|key| &key.terms.requests.guardrails);
        let of_team = self.team().map(|team| &team.requests.guardrails);
        let mut all = Guardrails::default();
        for one in [of_key, of_team].into_iter().flatten() {
            all.names.extend(one.names.iter().filter(|name| !all.names.contains(name)).cloned().collect::<Vec<_>>());
            all.policies
                .extend(one.policies.iter().filter(|name| !all.policies.contains(name)).cloned().collect::<Vec<_>>());
            all.disable_global |= one.disable_global;
        }
        all
    }

    /// Whether anybody the request counts for has limits of single models.
    #[must_use]
    pub fn has_model_limits(&self) -> bool {
        let of_key = self.record().map(|key| &key.terms.model_limits);
        let of_team = self.team().map(|team| &team.model_limits);
        let of_project = self.project().map(|project| &project.model_limits);
        let of_organization = self.organization().map(|organization| &organization.model_limits);
        [of_key, of_team, of_project, of_organization].into_iter().flatten().any(|limits| !limits.is_empty())
    }

    /// What key, team, organisation and agent leave to requests.
    pub fn object_grants(&self) -> impl Iterator<Item = &ObjectGrants> {
        let of_key = self.record().map(|key| &key.terms.requests.objects);
        let of_team = self.team().map(|team| &team.requests.objects);
        let of_organization = self.organization().map(|organization| &organization.objects);
        let of_agent = self.record().and_then(|key| key.agent.as_deref()).map(|agent| &agent.objects);
        [of_key, of_team, of_organization, of_agent].into_iter().flatten()
    }

    /// The organisation.
    #[must_use]
    pub fn organization(&self) -> Option<&Organization> {
        self.record().and_then(|key| key.organization.as_deref())
    }
}
