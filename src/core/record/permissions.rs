//! What somebody may name in a request, beside models.

use std::collections::BTreeSet;

/// Names somebody may use. That nothing was said is not that nothing is granted (SEC-14): two lists
/// without a name in common grant nothing, where LiteLLM takes an empty list for no list (AG1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Names {
    /// Whatever there is.
    #[default]
    Any,
    /// These, and no others.
    Only(BTreeSet<String>),
}

impl Names {
    /// LiteLLM's lists, of which an empty one does not restrict; `*` stands for whatever there is.
    pub fn unless_empty(names: impl IntoIterator<Item = String>) -> Self {
        let names: BTreeSet<_> = names.into_iter().collect();
        if names.is_empty() { Self::Any } else { Self::only(names) }
    }

    /// These, and no others, unless `*` is one of them.
    pub fn only(names: impl IntoIterator<Item = String>) -> Self {
        let names: BTreeSet<_> = names.into_iter().collect();
        if names.contains("*") { Self::Any } else { Self::Only(names) }
    }

    /// Whether a name is granted.
    #[must_use]
    pub fn grant(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(names) => names.contains(name),
        }
    }

    /// Whether there is no list.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self == Self::Any
    }

    /// What both grant.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Any, names) | (names, Self::Any) => names.clone(),
            (Self::Only(one), Self::Only(two)) => Self::Only(one.intersection(two).cloned().collect()),
        }
    }

    /// What one of them grants.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (Self::Only(one), Self::Only(two)) => Self::Only(one.union(two).cloned().collect()),
        }
    }
}

/// Objects somebody may name (LiteLLM's object permission). Every level that has a list must grant an
/// object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectGrants {
    /// Ids of vector stores (COMMON-20).
    pub vector_stores: Names,
    /// Ids of agents (OBJ-3).
    pub agents: Names,
    /// Names of search tools (OBJ-4).
    pub search_tools: Names,
    /// Names of MCP servers and of groups of them. A key has those of itself and its team; without any, it
    /// has none (OBJ-1).
    pub mcp_servers: Names,
}

impl ObjectGrants {
    /// What both grant.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            vector_stores: self.vector_stores.and(&other.vector_stores),
            agents: self.agents.and(&other.agents),
            search_tools: self.search_tools.and(&other.search_tools),
            mcp_servers: self.mcp_servers.and(&other.mcp_servers),
        }
    }
}

/// The MCP servers of a key (OBJ-1): its own and its team's in common, or those of whichever of them has a
/// list, and those of its access groups. Without any of the three there are none.
#[must_use]
pub fn mcp_servers(of_key: &Names, of_team: &Names, of_groups: &BTreeSet<String>) -> Names {
    let nothing_said = Names::Only(BTreeSet::new());
    let own = if *of_key == nothing_said {
        of_team.clone()
    } else if *of_team == nothing_said {
        of_key.clone()
    } else {
        of_key.and(of_team)
    };
    own.or(&Names::Only(of_groups.clone()))
}

/// Rules about requests of a key or a team.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestGrants {
    /// `metadata.allowed_tools`.
    pub tools: Names,
    /// `object_permission`.
    pub objects: ObjectGrants,
    /// `metadata.enforced_params`.
    pub enforced_params: Vec<String>,
    /// `metadata.service_account_id` is there: the deployment may want more parameters of such keys.
    pub is_service_account: bool,
    /// `metadata.guardrails.modify_guardrails: false`.
    pub keeps_guardrails: bool,
    /// What runs beside the deployment's own guardrails, for the upstream.
    pub guardrails: Guardrails,
}

/// What `metadata` says about guardrails. Told to the upstream, which runs them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guardrails {
    /// `guardrails`, where it is a list.
    pub names: Vec<String>,
    /// `policies`.
    pub policies: Vec<String>,
    /// `disable_global_guardrails: true`.
    pub disable_global: bool,
}

/// Whether a text names a member, or a member of a member.
#[must_use]
pub fn is_param(name: &str) -> bool {
    let mut parts = name.split('.');
    parts.by_ref().take(2).all(|part| !part.is_empty()) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(names: &[&str]) -> Names {
        Names::Only(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn nothing_in_common_is_not_everything_ag1() {
        let common = only(&["a"]).and(&only(&["b"]));
        assert_eq!(common, only(&[]));
        assert!(!common.grant("z"));
        assert_eq!(Names::Any.and(&only(&["a"])), only(&["a"]));
        assert_eq!(Names::unless_empty(Vec::new()), Names::Any);
        assert_eq!(Names::unless_empty(["*".to_owned(), "a".to_owned()]), Names::Any);
    }

    #[test]
    fn mcp_servers_must_be_granted_by_somebody_obj1() {
        let none = only(&[]);
        let groups = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        for (key, team, of_groups, expected) in [
            (&none, &none, &[][..], none.clone()),
            (&only(&["a"]), &none, &[], only(&["a"])),
            (&none, &only(&["a"]), &[], only(&["a"])),
            (&only(&["a", "b"]), &only(&["b", "c"]), &[], only(&["b"])),
            (&only(&["a"]), &only(&["c"]), &["g"], only(&["g"])),
            (&Names::Any, &only(&["c"]), &[], only(&["c"])),
            (&Names::Any, &none, &[], Names::Any),
        ] {
            assert_eq!(mcp_servers(key, team, &groups(of_groups)), expected, "{key:?} {team:?} {of_groups:?}");
        }
    }
}
