//! How much may be asked in a time. Tollgate does not count: it tells the proxy's rate limiter.

use std::collections::BTreeMap;

use crate::core::identity::Identity;
use crate::core::record::EndUser;

/// Limits of one subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests a minute.
    pub requests: Option<u64>,
    /// Tokens a minute.
    pub tokens: Option<u64>,
    /// Requests at one time.
    pub parallel: Option<u64>,
}

impl Limits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, and where they say nothing, the other's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            requests: self.requests.or(other.requests),
            tokens: self.tokens.or(other.tokens),
            parallel: self.parallel.or(other.parallel),
        }
    }
}

/// Limits of single models, by the name a request uses.
pub type ModelLimits = BTreeMap<Box<str>, Limits>;

/// Whom a limit counts for, and how much (LiteLLM LIM).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// LiteLLM's name for the kind of subject.
    pub name: &'static str,
    /// The subject.
    pub value: String,
    /// Its limits; empty where it has none.
    pub limits: Limits,
}

/// Everybody a request counts for: whoever is known, and models where they have limits of their own.
pub fn descriptors(
    identity: &Identity,
    end_user: Option<(&str, Option<&EndUser>)>,
    models: &[&str],
) -> Vec<Descriptor> {
    let mut all = Vec::new();
    let mut add = |name, value: &str, limits| all.push(Descriptor { name, value: value.to_owned(), limits });
    let key_hash = identity.key_hash().unwrap_or_default();
    if !key_hash.is_empty() {
        add("api_key", &key_hash, identity.key().map(|key| key.terms.limits).unwrap_or_default());
    }
    if let Some(user) = identity.user_id() {
        add("user", user, identity.user().map(|user| user.limits).unwrap_or_default());
    }
    if let Some(team) = identity.team() {
        add("team", &team.id, team.limits);
        if let Some(user) = identity.user() {
            let limits = identity.member().map(|member| member.limits).unwrap_or_default();
            add("team_member", &joined(&team.id, &user.id), limits);
        }
    }
    if let Some((id, end_user)) = end_user {
        add("end_user", id, end_user.map(|end_user| end_user.limits).unwrap_or_default());
    }
    if let Some(organization) = identity.organization() {
        add("organization", &organization.id, organization.limits);
    }
    if let Some(agent) = identity.record().and_then(|key| key.agent.as_ref()) {
        add("agent", &agent.id, agent.limits);
    }
    let of_models = [
        ("model_per_key", identity.key().map(|key| (key_hash.as_str(), &key.terms.model_limits))),
        ("model_per_team", identity.team().map(|team| (team.id.as_str(), &team.model_limits))),
        ("model_per_project", identity.project().map(|project| (project.id.as_str(), &project.model_limits))),
        ("model_per_organization", identity.organization().map(|org| (org.id.as_str(), &org.model_limits))),
    ];
    for (name, subject) in of_models {
        let Some((id, limits)) = subject else { continue };
        let mut counted: Vec<&str> = Vec::new();
        for model in models {
            let short = model.rsplit_once('/').map(|(_, short)| short);
            let Some((model, limits)) =
                [Some(*model), short].into_iter().flatten().find_map(|name| limits.get_key_value(name))
            else {
                continue;
            };
            if !counted.contains(&model.as_ref()) {
                counted.push(model);
                add(name, &joined(id, model), *limits);
            }
        }
    }
    all
}

/// Two ids as one. A colon within is encoded, so that no two pairs are one subject.
fn joined(one: &str, two: &str) -> String {
    let plain = |id: &str| id.replace('%', "%25").replace(':', "%3A");
    format!("{}:{}", plain(one), plain(two))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::credential::KeyHash;
    use crate::core::record::{KeyRecord, Team, Terms, User};

    #[test]
    fn a_request_counts_for_everybody_who_is_known() {
        let limits = Limits { requests: Some(3), ..Limits::default() };
        let key = KeyRecord {
            terms: Arc::new(Terms { limits, model_limits: [("gpt-4o".into(), limits)].into(), ..Terms::default() }),
            user: Some(Arc::new(User::new("ada"))),
            team: Some(Arc::new(Team { id: "red".into(), ..Team::default() })),
            ..KeyRecord::new(KeyHash::of("sk-a"))
        };
        let all = descriptors(&Identity::VirtualKey(Arc::new(key)), Some(("c1", None)), &["gpt-4o", "gpt-4o-mini"]);
        let hash = KeyHash::of("sk-a").to_hex();
        let seen: Vec<_> = all.iter().map(|one| (one.name, one.value.as_str(), !one.limits.is_empty())).collect();
        let of_model = format!("{hash}:gpt-4o");
        assert_eq!(
            seen,
            [
                ("api_key", hash.as_str(), true),
                ("user", "ada", false),
                ("team", "red", false),
                ("team_member", "red:ada", false),
                ("end_user", "c1", false),
                ("model_per_key", of_model.as_str(), true),
            ]
        );
        assert_eq!(descriptors(&Identity::Anonymous, None, &[]), []);
    }
}
