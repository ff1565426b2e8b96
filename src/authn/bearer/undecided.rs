//! A bearer of several teams acts for the first that may do what is asked: so the request has to be read first.

use super::{BearerRules, Person};
use crate::authn::{Failure, Identified};
use crate::store::Store;

/// Somebody who has still to choose between teams.
#[derive(Debug, Clone)]
pub struct Undecided {
    person: Person,
    teams: Vec<String>,
}

impl Undecided {
    pub(super) fn between(person: Person, teams: Vec<String>) -> Self {
        Self { person, teams }
    }

    /// The bearer without a team: who asks, as long as that is all that is known.
    pub(super) fn identified(self) -> Identified {
        let (identity, stale) = (self.person.clone().identity(), self.person.stale);
        Identified { identity, stale, undecided: Some(Box::new(self)), writes: Vec::new() }
    }

    /// The teams, in the order in which they are tried (W46).
    pub fn teams(&self) -> impl Iterator<Item = &str> {
        self.teams.iter().map(String::as_str)
    }
}

impl BearerRules {
    /// The bearer, acting for one of the teams. `None` when there is no such team.
    ///
    /// # Errors
    /// When that cannot be found out, or a record cannot be believed.
    pub(in crate::authn) async fn acting_for(
        &self,
        undecided: &Undecided,
        team: &str,
        store: &Store,
    ) -> Result<Option<Identified>, Failure> {
        let mut person = undecided.person.clone();
        let exists = person.enter(team.into(), store).await?;
        Ok(exists.then(|| self.settled(person)))
    }
}
