//! Which team a bearer acts for (LiteLLM section 6): what to look up, and how to choose.

use super::claims::{Mapping, Reader, Unmapped};

/// Teams a token names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "settings that do not depend on each other")]
pub struct TeamClaims {
    /// The one of `team_id_jwt_field`, or the default.
    pub id: Option<String>,
    /// The one of `team_alias_jwt_field`.
    pub alias: Option<String>,
    /// The one of `object_id_jwt_field`, when RBAC takes the bearer for a team.
    pub object: Option<String>,
    /// Those of `team_ids_jwt_field`, in the claim's order, each once.
    pub groups: Vec<String>,
    /// Whether the claim of the groups was there at all.
    pub groups_claimed: bool,
    /// Whether the id is the default.
    is_default: bool,
    /// Whether there must be a team (6.3.6).
    is_required: bool,
    /// Whether a token without teams is refused (6.4.1).
    is_enforced: bool,
    falls_back: bool,
    admin_may_name: bool,
}

/// A team that must exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TeamName {
    /// By its id.
    Id(String),
    /// By its name, which must be one team's only.
    Alias(String),
}

/// What to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TeamSearch {
    /// None: an admin acts for nobody in particular (step 8).
    Nothing,
    /// The token names none. A user of exactly one team acts for that (step 19).
    OnlyTeamOfUser,
    /// This one. When it does not exist the request is refused (W06), or, with `team_claim_fallback`,
    /// these groups are tried and then the only team of the user, and then it is refused (W05). An
    /// outage is never "does not exist" (W47).
    One {
        /// The team.
        team: TeamName,
        /// None: no fallback.
        if_unknown: Option<Vec<String>>,
    },
    /// The first of these that exists and may be used for the request, see [`NoTeam::of`] for when there is none.
    FirstOf(Vec<String>),
}

/// Why there is no team.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NoTeam {
    /// The token must name one, and does not (V098, V100, V114).
    #[error("no team in the token")]
    NotNamed,
    /// Access goes by teams, and the token names none (V112).
    #[error("no teams in the token")]
    NoTeams,
    /// The header names a team that is not among those of the token (V116, V117).
    #[error("the team of the header is not one of the token")]
    Header,
    /// The virtual key that stands for the token is of a team that is not among those of the token.
    #[error("the key's team is not one of the token")]
    Key,
    /// None of the teams exists (W45).
    #[error("no team of the token exists")]
    Unknown,
    /// None may use the model (V109).
    #[error("no team may use the model")]
    Model,
    /// None may use the route (V113).
    #[error("no team may use the route")]
    Route,
    /// All that could are blocked.
    #[error("the teams are blocked")]
    Blocked,
}

impl TeamClaims {
    pub(super) fn read(mapping: &Mapping, reader: &Reader<'_>) -> Result<Self, Unmapped> {
        let path = mapping.team_id_jwt_field.as_ref();
        // The default is for tokens where the claim is absent; `null` and an empty list are not (3.2.5).
        let is_absent = path.and_then(|path| path.find(reader.claims)).is_none();
        let named = reader.names("team_id_jwt_field", path)?.and_then(|ids| ids.into_iter().next());
        let id = if is_absent { mapping.team_id_default.clone() } else { named };
        let groups = reader.names("team_ids_jwt_field", mapping.team_ids_jwt_field.as_ref())?;
        let groups_claimed = groups.is_some();
        let mut once: Vec<String> = Vec::new();
        for group in groups.unwrap_or_default() {
            if !once.contains(&group) {
                once.push(group);
            }
        }
        Ok(Self {
            is_default: is_absent && id.is_some(),
            id,
            alias: reader.name("team_alias_jwt_field", mapping.team_alias_jwt_field.as_ref())?,
            object: None,
            groups: once,
            groups_claimed,
            is_required: path.is_some() || mapping.team_alias_jwt_field.is_some(),
            is_enforced: mapping.enforce_team_based_model_access,
            falls_back: mapping.team_claim_fallback,
            admin_may_name: mapping.admin_team_header,
        })
    }

    /// Teams a header may name, and to choose from: the groups in their order, then the claim's (W46).
    /// Those of alias and object id are not among them (V117).
    #[must_use]
    pub fn candidates(&self) -> Vec<String> {
        let more = self.id.iter().filter(|id| !self.groups.contains(id));
        self.groups.iter().chain(more).cloned().collect()
    }

    /// What to look up, in the order of 6.1: header, object id, claim, alias, groups. `header` is the whole
    /// value of `x-litellm-team-id`; an empty one is none, and `t1,t2` is one team of that name (S-127).
    ///
    /// # Errors
    /// See [`NoTeam`].
    pub fn search(&self, header: Option<&str>, is_admin: bool) -> Result<TeamSearch, NoTeam> {
        let one = |team| TeamSearch::One { team, if_unknown: None };
        if let Some(header) = header.filter(|header| !header.is_empty()) {
            let known = self.candidates().iter().any(|team| team == header);
            let allowed = if is_admin { self.admin_may_name } else { known };
            return if allowed { Ok(one(TeamName::Id(header.to_owned()))) } else { Err(NoTeam::Header) };
        }
        if is_admin {
            return Ok(TeamSearch::Nothing);
        }
        if let Some(object) = &self.object {
            return Ok(one(TeamName::Id(object.clone())));
        }
        if let Some(id) = &self.id {
            let if_unknown =
                self.falls_back.then(|| self.groups.iter().filter(|group| *group != id).cloned().collect());
            return Ok(TeamSearch::One { team: TeamName::Id(id.clone()), if_unknown });
        }
        match &self.alias {
            Some(alias) => Ok(one(TeamName::Alias(alias.clone()))),
            None if self.is_required => Err(NoTeam::NotNamed),
            None if !self.groups.is_empty() => Ok(TeamSearch::FirstOf(self.candidates())),
            None if self.is_enforced => Err(NoTeam::NoTeams),
            None => Ok(TeamSearch::OnlyTeamOfUser),
        }
    }

    /// The same where the virtual key of a team stands for the token: that team, unless the token names others. A
    /// default names nobody. Whose the alias is has still to be held against the key.
    ///
    /// # Errors
    /// See [`NoTeam`].
    pub fn search_for(&self, team: &str, header: Option<&str>) -> Result<TeamSearch, NoTeam> {
        if header.is_some_and(|header| !header.is_empty() && header != team) {
            return Err(NoTeam::Header);
        }
        let id = self.id.as_deref().filter(|_| !self.is_default);
        let named = self.groups.iter().map(String::as_str).chain(id).chain(self.object.as_deref());
        let names_another = self.groups_claimed || id.is_some() || self.object.is_some();
        let one = |team| Ok(TeamSearch::One { team, if_unknown: None });
        match &self.alias {
            _ if named.into_iter().any(|one| one == team) => one(TeamName::Id(team.to_owned())),
            Some(alias) => one(TeamName::Alias(alias.clone())),
            None if names_another => Err(NoTeam::Key),
            None => one(TeamName::Id(team.to_owned())),
        }
    }
}

/// What stands between a team and the request, the farthest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    /// The team does not exist.
    Unknown,
    /// It is blocked.
    Blocked,
    /// It may not use the model.
    Model,
    /// Its routes do not hold the request's, or it lacks the grant of a pass-through.
    Route,
}

impl NoTeam {
    /// Why no team was chosen: what stood before the one that came nearest, whether the request names a model or not
    /// (W45).
    #[must_use]
    pub fn of(nearest: Option<Obstacle>) -> Self {
        match nearest {
            None | Some(Obstacle::Unknown) => Self::Unknown,
            Some(Obstacle::Blocked) => Self::Blocked,
            Some(Obstacle::Model) => Self::Model,
            Some(Obstacle::Route) => Self::Route,
        }
    }
}
