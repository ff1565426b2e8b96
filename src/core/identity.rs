//! Who is asking: established by `authn`, never by a header.

use std::sync::Arc;

use crate::core::record::permissions::{Guardrails, ObjectGrants};
use crate::core::record::{KeyRecord, Member, Organization, Project, Role, Team, User};

/// The caller. There is no empty or default identity (S-179): each variant is somebody, or the
/// explicit nobody of a public route.
#[derive(Debug, Clone)]
pub enum Identity {
    /// Holder of the master key. It has every right and no record (LiteLLM LOOK-5).
    MasterKey,
    /// Holder of a virtual key.
    VirtualKey(Arc<KeyRecord>),
    /// Nobody in particular, on a route that is public.
    Anonymous,
}

/// What LiteLLM reports in place of the master key's hash.
pub const MASTER_KEY_ALIAS: &str = "litellm_proxy_master_key";
/// What LiteLLM reports as the master key's user.
pub const MASTER_USER_ID: &str = "default_user_id";

impl Identity {
    /// How the caller was authenticated: `master_key`, `virtual_key` or `anonymous` (LiteLLM ID-4).
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Self::MasterKey => "master_key",
            Self::VirtualKey(_) => "virtual_key",
            Self::Anonymous => "anonymous",
        }
    }

    /// The virtual key, when there is one.
    #[must_use]
    pub fn key(&self) -> Option<&KeyRecord> {
        match self {
            Self::VirtualKey(key) => Some(key),
            Self::MasterKey | Self::Anonymous => None,
        }
    }

    /// The key's hash in hexadecimal, or the master key's alias.
    #[must_use]
    pub fn key_hash(&self) -> Option<String> {
        match self {
            Self::MasterKey => Some(MASTER_KEY_ALIAS.to_owned()),
            Self::VirtualKey(key) => Some(key.hash.to_hex()),
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
        self.key().and_then(|key| key.user.as_deref())
    }

    /// The owner's id.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        match self {
            Self::MasterKey => Some(MASTER_USER_ID),
            Self::VirtualKey(_) | Self::Anonymous => self.user().map(|user| user.id.as_str()),
        }
    }

    /// The role. A key without an owner has none (LiteLLM AUTHZ-21).
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::MasterKey => Some(Role::ProxyAdmin),
            Self::VirtualKey(_) | Self::Anonymous => self.user().and_then(|user| user.role),
        }
    }

    /// The team.
    #[must_use]
    pub fn team(&self) -> Option<&Team> {
        self.key().and_then(|key| key.team.as_deref())
    }

    /// The project.
    #[must_use]
    pub fn project(&self) -> Option<&Project> {
        self.key().and_then(|key| key.project.as_deref())
    }

    /// What the team says of the owner.
    #[must_use]
    pub fn member(&self) -> Option<&Member> {
        self.key().and_then(|key| key.member.as_deref())
    }

    /// Guardrails that the key and its team ask for.
    #[must_use]
    pub fn guardrails(&self) -> Guardrails {
        let of_key = self.key().map(|key| &key.requests.guardrails);
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
        let of_key = self.key().map(|key| &key.model_limits);
        let of_team = self.team().map(|team| &team.model_limits);
        let of_project = self.project().map(|project| &project.model_limits);
        let of_organization = self.organization().map(|organization| &organization.model_limits);
        [of_key, of_team, of_project, of_organization].into_iter().flatten().any(|limits| !limits.is_empty())
    }

    /// What key, team, organisation and agent leave to requests.
    pub fn object_grants(&self) -> impl Iterator<Item = &ObjectGrants> {
        let of_key = self.key().map(|key| &key.requests.objects);
        let of_team = self.team().map(|team| &team.requests.objects);
        let of_organization = self.organization().map(|organization| &organization.objects);
        let of_agent = self.key().and_then(|key| key.agent.as_deref()).map(|agent| &agent.objects);
        [of_key, of_team, of_organization, of_agent].into_iter().flatten()
    }

    /// The organisation.
    #[must_use]
    pub fn organization(&self) -> Option<&Organization> {
        self.key().and_then(|key| key.organization.as_deref())
    }
}
