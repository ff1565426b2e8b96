//! What the key file says of those who call with a token instead of a key.

use std::collections::HashMap;

use super::{Compiler, Sections};
use crate::config::raw::{RawJwtKeyMapping, RawKeyFile};
use crate::core::credential::KeyHash;
use crate::store::{AlsoKnownAs, ClaimValue, FilePlaces, Resolved};

impl Sections {
    /// Hands over whom tokens may name.
    pub(super) fn hand_over(self, places: &mut FilePlaces) {
        places.users = self.users.unwrap_or_default();
        places.organizations = self.organizations.unwrap_or_default();
        places.members = self.members;
        let teams = self.teams.unwrap_or_default().into_iter();
        places.teams = teams.map(|(id, team)| (id, team.team.clone())).collect();
    }
}

impl Compiler<'_> {
    /// Ids by other names. What the identity provider calls a person is one person's; other names may be
    /// several's, and then name nobody.
    pub(super) fn other_names(&mut self, raw: &RawKeyFile) -> HashMap<AlsoKnownAs, Resolved> {
        let mut names = HashMap::new();
        for (index, user) in raw.users.iter().flatten().enumerate() {
            let sso_id = user.sso_user_id.as_deref().map(|id| AlsoKnownAs::SsoId(id.into()));
            if sso_id.is_some_and(|name| !add(&mut names, name, &user.user_id)) {
                self.problem(format!("users[{index}].sso_user_id"), "two users have it; keep it at one");
            }
            if let Some(email) = &user.user_email {
                add(&mut names, AlsoKnownAs::Email(email.to_lowercase().into()), &user.user_id);
            }
        }
        for team in raw.teams.iter().flatten() {
            if let Some(alias) = &team.team_alias {
                add(&mut names, AlsoKnownAs::TeamAlias(alias.as_str().into()), &team.team_id);
            }
        }
        for organization in raw.organizations.iter().flatten() {
            if let Some(alias) = &organization.organization_alias {
                let name = AlsoKnownAs::OrganizationAlias(alias.as_str().into());
                add(&mut names, name, &organization.organization_id);
            }
        }
        names
    }

    /// Keys by what tokens claim. One that is not active refuses.
    pub(super) fn mapped_keys(&mut self, raw: &[RawJwtKeyMapping]) -> HashMap<ClaimValue, Option<KeyHash>> {
        let mut keys = HashMap::new();
        let mut seen = std::collections::HashSet::new();
        for (index, mapping) in raw.iter().enumerate() {
            let place = format!("jwt_key_mappings[{index}]");
            let hash = self.key_hash(&format!("{place}.key_hash"), &mapping.key_hash);
            let claim = ClaimValue {
                name: mapping.jwt_claim_name.as_str().into(),
                value: mapping.jwt_claim_value.as_str().into(),
            };
            if claim.name.is_empty() || claim.value.is_empty() {
                self.problem(&place, "the claim needs a name and a value");
            }
            if !seen.insert(claim.clone()) {
                self.problem(&place, "this claim is listed twice; keep one");
            }
            if let Some(hash) = hash {
                keys.insert(claim, mapping.is_active.then_some(hash));
            }
        }
        keys
    }
}

/// Whether the name was nobody's.
fn add(names: &mut HashMap<AlsoKnownAs, Resolved>, name: AlsoKnownAs, id: &str) -> bool {
    let first = !names.contains_key(&name);
    names.entry(name).and_modify(|known| *known = Resolved::Several).or_insert_with(|| Resolved::One(id.into()));
    first
}
