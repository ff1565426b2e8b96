//! From what a token says to somebody: user, team, organisation, role (LiteLLM section 5). However the token was
//! believed, this is the one way to an identity.

mod client;
mod undecided;
pub mod writer;
pub mod writes;

use std::sync::Arc;

use jiff::Timestamp;

use super::{Failure, Identified};
use crate::core::deny::{DenyReason, TokenDenial};
use crate::core::identity::{Bearer, Identity, Vouched};
use crate::core::jwt::claims::{Facts, OrganizationClaim};
use crate::core::jwt::team::{TeamName, TeamSearch};
use crate::core::jwt::terms::{TermRules, Terms};
use crate::core::peer::Peer;
use crate::core::record::{KeyRecord, Role, Team, User};
use crate::core::request::HeaderView;
use crate::core::route::Match;
use crate::store::{AlsoKnownAs, Directory as _, Found, Resolved, Standing, Store};
pub use client::{ClientRules, KeyTemplate, Unregistered};
pub use undecided::Undecided;
use writes::Write;

/// What a believed token says.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Why it is believed.
    pub vouched: Vouched,
    /// What it says.
    pub facts: Arc<Facts>,
    /// When it expires.
    pub expires: Option<Timestamp>,
}

/// What a request asks, as far as that decides who its bearer is.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The method.
    pub method: &'a str,
    /// The canonical path.
    pub path: &'a str,
    /// The route, if the path is one of the catalogue.
    pub found: Option<&'a Match<'a>>,
    /// The headers, one of which may name a team.
    pub headers: &'a HeaderView<'a>,
    /// Who is at the other end of the proxy's connection.
    pub peer: Peer<'a>,
}

/// What a configuration says of bearers.
#[derive(Debug, Default)]
pub struct BearerRules {
    /// On which terms they are let in.
    pub terms: TermRules,
    /// Virtual keys that stand for tokens.
    pub clients: Option<ClientRules>,
}

/// Names the team (LiteLLM 6.2).
const TEAM_HEADER: &str = "x-litellm-team-id";

impl Asking<'_> {
    /// The team the request names. A repeated header is one team of a name that nobody has (S-127).
    fn team(&self) -> Option<String> {
        let lines: Vec<_> = self.headers.all(TEAM_HEADER).map(String::from_utf8_lossy).collect();
        let team = lines.join(",");
        (!team.is_empty()).then_some(team)
    }
}

/// Somebody, but for the team.
#[derive(Debug, Clone)]
struct Person {
    claimed: Claimed,
    terms: Terms,
    /// User and organisation, and the team once that is known.
    place: Standing,
    role: Option<Role>,
    /// What is known of the place; with a key, the key's.
    record: Arc<KeyRecord>,
    /// The virtual key that stands for the token.
    key: Option<Arc<KeyRecord>>,
    /// Whether the team has no row yet.
    is_team_new: bool,
    stale: bool,
}

impl BearerRules {
    /// Finds out who the bearer is, or between which teams that is still open.
    ///
    /// # Errors
    /// [`Failure::Denied`] when nobody is let in by what the token says, [`Failure::Outage`] when that is not known.
    pub(super) async fn identify(
        &self,
        mut claimed: Claimed,
        asking: &Asking<'_>,
        store: &Store,
    ) -> Result<Identified, Failure> {
        let terms = self.terms.admit(&claimed.facts)?;
        let key = self.registered(&claimed.facts, store).await?;
        match key {
            Some(_) => claimed.facts = claimed.facts.with_key(),
            None => self.terms.somebody(&claimed.facts)?,
        }
        let facts = Arc::clone(&claimed.facts);
        let team = key.as_ref().and_then(|key| key.record.team.as_ref()).filter(|team| !team.is_label);
        let header = asking.team();
        let search = match team {
            Some(team) => facts.teams.search_for(&team.id, header.as_deref()),
            None => facts.teams.search(header.as_deref(), facts.is_admin),
        };
        let search = search.map_err(DenyReason::from)?;
        let mut person = self.person(claimed, terms, key, &search, store).await?;
        person.role = self.role(&person, asking);
        match search {
            TeamSearch::Nothing => Ok(self.settled(person)),
            TeamSearch::FirstOf(groups) => Ok(Undecided::between(person, groups).identified()),
            TeamSearch::OnlyTeamOfUser => {
                if let Some(team) = person.record.user.as_ref().and_then(|user| user.only_team.clone()) {
                    person.enter(team, store).await?;
                }
                Ok(self.settled(person))
            }
            TeamSearch::One { .. } if person.record.team.is_some() => Ok(self.settled(person)),
            TeamSearch::One { team: TeamName::Id(team), .. } if self.terms.team_id_upsert && !facts.is_admin => {
                // As it will be, once it is written.
                person.record_mut().team = Some(Arc::new(Team { id: team, ..Team::default() }));
                person.is_team_new = true;
                Ok(self.settled(person))
            }
            TeamSearch::One { if_unknown: None, .. } => Err(TokenDenial::TeamUnknown.into()),
            TeamSearch::One { if_unknown: Some(mut groups), .. } => {
                groups
                    .extend(person.record.user.as_ref().and_then(|user| user.only_team.as_deref()).map(str::to_owned));
                person.place.team = None;
                Ok(Undecided::between(person, groups).identified())
            }
        }
    }

    /// Looks up everybody the token names, in one question as a rule.
    async fn person(
        &self,
        claimed: Claimed,
        mut terms: Terms,
        key: Option<Found<KeyRecord>>,
        search: &TeamSearch,
        store: &Store,
    ) -> Result<Person, Failure> {
        let facts = Arc::clone(&claimed.facts);
        if facts.is_user_an_address && !facts.is_email_verified {
            // Nobody vouches for whose address that is (W42).
            return Err(TokenDenial::UserUnknown.into());
        }
        let (key, is_key_stale) = key.map_or((None, false), |found| (Some(found.record), found.stale));
        let owner = key.as_ref().and_then(|key| key.user.as_ref()).map(|user| Box::from(user.id.as_str()));
        let of_key = key.as_ref().and_then(|key| key.organization.as_ref()).map(|one| Box::from(one.id.as_str()));
        let place = Standing {
            user: facts.user_id.as_deref().map(Box::from).or_else(|| owner.clone()),
            team: team(search, store).await?,
            organization: organization(&facts, store).await?.or(of_key),
        };
        let Found { record, stale } = standing(&place, store).await?;
        let stale = stale || is_key_stale;
        if facts.is_admin {
            terms.routes.push(Arc::clone(&self.terms.admin_allowed_routes));
        }
        let mut person = Person { claimed, terms, place, role: None, record, key, is_team_new: false, stale };
        if person.record.user.is_none() && facts.user_id.is_some() {
            person.recognise(store).await?;
        }
        let row = person.record.user.as_ref();
        if facts.is_user_an_address && row.is_some_and(|user| user.administers()) {
            return Err(TokenDenial::UserUnknown.into());
        }
        // Whoever the key belongs to is known.
        let is_known = row.is_some() || person.place.user.is_none() || person.place.user == owner;
        if !is_known && !facts.is_admin && !self.terms.user_id_upsert {
            return Err(TokenDenial::UserUnknown.into());
        }
        let wanted = person.place.organization.as_deref();
        let has_it = wanted.is_none() || person.record.organization.as_ref().map(|one| one.id.as_str()) == wanted;
        if !has_it {
            return Err(TokenDenial::OrganizationUnknown.into());
        }
        person.settle_place(store).await?;
        Ok(person)
    }

    /// The role for this request. A client's key without an owner has none (LiteLLM AUTHZ-21), before it is made as well.
    fn role(&self, person: &Person, asking: &Asking<'_>) -> Option<Role> {
        let is_client = person.key.is_some() || self.template(person).is_some();
        if is_client && person.place.user.is_none() {
            return None;
        }
        let of_row = person.record.user.as_ref().and_then(|user| user.role);
        Some(self.terms.role(&person.claimed.facts, of_row, asking.path, asking.found))
    }

    /// The identity of somebody whose team is known, or who has none, and what is to be written of that.
    fn settled(&self, mut person: Person) -> Identified {
        let writes = self.writes(&person);
        if person.record.team.is_some() {
            person.terms.routes.push(Arc::clone(&self.terms.team_allowed_routes));
        }
        if let Some(template) = self.template(&person).cloned() {
            template.restrict(person.record_mut());
        }
        let stale = person.stale;
        Identified { identity: person.identity(), stale, undecided: None, writes }
    }

    /// What the store lacks of what the token says. Written later, and only of requests that were allowed (W40, W41).
    fn writes(&self, person: &Person) -> Vec<Write> {
        let (facts, rules) = (&person.claimed.facts, &self.terms);
        let mut writes = Vec::new();
        if facts.is_admin {
            return writes;
        }
        // Of the owner of a key the token says nothing.
        let user = person.place.user.as_deref().filter(|_| facts.user_id.is_some());
        let team = person.record.team.as_ref();
        let row = person.record.user.as_ref();
        if let Some(user) = user.filter(|_| rules.user_id_upsert && row.is_none()) {
            let email = facts.email.as_ref().map(|email| email.as_str().to_owned());
            writes.push(Write::User { id: user.to_owned(), email });
        }
        if let Some(team) = team.filter(|_| person.is_team_new) {
            writes.push(Write::Team { id: team.id.clone() });
        }
        if let (Some(user), Some(team)) = (user, team)
            && rules.upsert_sso_user_to_team
            && person.record.terms.member_role.is_none()
        {
            writes.push(Write::Join { user: user.to_owned(), team: team.id.clone(), issued: facts.issued });
        }
        let is_mine = facts.may_administer || row.is_none_or(|user| !user.administers());
        if let (Some(user), true) = (user, rules.sync_user_role_and_teams && is_mine) {
            let (of_row, issued) = (row.and_then(|row| row.role), facts.issued);
            let role = |role| Write::Role { user: user.to_owned(), role, issued, is_there: of_row == Some(role) };
            writes.extend(facts.role_to_sync.map(role));
            let teams = facts.teams_to_sync.clone();
            writes.extend(teams.map(|teams| Write::Teams { user: user.to_owned(), teams, issued }));
        }
        writes.extend(self.registration(person));
        writes
    }
}

impl Person {
    /// Finds the row under another name: what the provider calls the user, or a verified mail address. Nobody who
    /// administers something is found by an address, nor, for an issuer without administrators, by anything but the
    /// id (LiteLLM 5.2.2, W42, S-119).
    async fn recognise(&mut self, store: &Store) -> Result<(), Failure> {
        let facts = Arc::clone(&self.claimed.facts);
        let by_id = self.place.user.clone().map(AlsoKnownAs::SsoId);
        let by_email = facts.email.as_ref().filter(|_| facts.is_email_verified);
        let by_email = by_email.map(|email| AlsoKnownAs::Email(email.as_str().into()));
        for (name, is_email) in [(by_id, false), (by_email, true)] {
            let Some(name) = name else { continue };
            let Some(Found { record: resolved, stale }) = store.resolve(&name).await? else { continue };
            self.stale |= stale;
            let Resolved::One(id) = resolved.as_ref() else { continue };
            let place = Standing { user: Some(id.clone()), ..self.place.clone() };
            let Found { record, stale } = standing(&place, store).await?;
            self.stale |= stale;
            let may_administer = facts.may_administer && !is_email;
            if record.user.as_ref().is_some_and(|user| may_administer || !user.administers()) {
                (self.place, self.record) = (place, record);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes a place in a team. Whether there is such a team.
    async fn enter(&mut self, team: Box<str>, store: &Store) -> Result<bool, Failure> {
        let place = Standing { team: Some(team), ..self.place.clone() };
        let Found { record, stale } = standing(&place, store).await?;
        self.stale |= stale;
        let exists = record.team.is_some();
        if exists {
            (self.place, self.record) = (place, record);
            self.settle_place(store).await?;
        }
        Ok(exists)
    }

    /// Holds the place against itself, and against the key, if there is one. Nobody's team spends for another
    /// organisation than its own.
    async fn settle_place(&mut self, store: &Store) -> Result<(), Failure> {
        if let Standing { team: team @ Some(_), organization: Some(organization), .. } = &self.place {
            let team = Standing { team: team.clone(), ..Standing::default() };
            let Found { record, stale } = standing(&team, store).await?;
            self.stale |= stale;
            if record.organization.as_ref().is_some_and(|own| *own.id != **organization) {
                return Err(TokenDenial::TeamOfAnother.into());
            }
        }
        if let Some(key) = &self.key {
            self.record = client::joined(key, &self.place, &self.record)?;
        }
        Ok(())
    }

    fn identity(mut self) -> Identity {
        let administers = self.record.user.as_ref().is_some_and(|user| user.administers());
        // The directory's own record is shared, and a copy is made for those few who lose something.
        if administers && !self.claimed.facts.may_administer {
            self.record_mut().user.iter_mut().map(Arc::make_mut).for_each(User::step_down);
        }
        let Self { claimed, terms, place, role, record, key, .. } = self;
        let facts = claimed.facts;
        let user_id = record.user.as_ref().map(|user| user.id.clone()).or(place.user.map(String::from));
        Identity::Bearer(Arc::new(Bearer {
            vouched: claimed.vouched,
            issuer: facts.issuer.clone(),
            user_id,
            email: facts.email.as_ref().map(|email| email.as_str().to_owned()),
            role,
            end_user: facts.end_user_id.clone(),
            models: terms.models,
            routes: terms.routes,
            expires: claimed.expires,
            registered: key.is_some(),
            record,
        }))
    }

    fn record_mut(&mut self) -> &mut KeyRecord {
        Arc::make_mut(&mut self.record)
    }
}

/// The one team there is to look for.
async fn team(search: &TeamSearch, store: &Store) -> Result<Option<Box<str>>, Failure> {
    match search {
        TeamSearch::One { team: TeamName::Id(id), .. } => Ok(Some(id.as_str().into())),
        TeamSearch::One { team: TeamName::Alias(alias), .. } => {
            let id = by_alias(AlsoKnownAs::TeamAlias(alias.as_str().into()), store).await?;
            id.ok_or(TokenDenial::TeamUnknown.into()).map(Some)
        }
        TeamSearch::Nothing | TeamSearch::OnlyTeamOfUser | TeamSearch::FirstOf(_) => Ok(None),
    }
}

async fn organization(facts: &Facts, store: &Store) -> Result<Option<Box<str>>, Failure> {
    match &facts.organization {
        None => Ok(None),
        Some(OrganizationClaim::Id(id)) => Ok(Some(id.as_str().into())),
        Some(OrganizationClaim::Alias(alias)) => {
            let id = by_alias(AlsoKnownAs::OrganizationAlias(alias.as_str().into()), store).await?;
            id.ok_or(TokenDenial::OrganizationUnknown.into()).map(Some)
        }
    }
}

/// The id behind a name that is one's only (V106).
async fn by_alias(name: AlsoKnownAs, store: &Store) -> Result<Option<Box<str>>, Failure> {
    let found = store.resolve(&name).await?;
    Ok(found.and_then(|found| match found.record.as_ref() {
        Resolved::One(id) => Some(id.clone()),
        Resolved::Several => None,
    }))
}

async fn standing(place: &Standing, store: &Store) -> Result<Found<KeyRecord>, Failure> {
    store.standing(place).await?.ok_or(DenyReason::RecordUnreadable.into())
}
