//! A database as a directory: one query, one document, one record.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sqlx::SqlStr;

use super::Database;
use super::lookup::{MAX_DOCUMENT, Queries};
use super::tables::{END_USER, JWT_KEY_MAPPING, KEY, SPEND_LOG, TAG, USER};
use crate::core::budget::{Amount, Budget};
use crate::core::credential::KeyHash;
use crate::core::decision::Outage;
use crate::core::record::{EndUser, KeyRecord, Tag, Team};
use crate::store::rows::{Key, Meaning, Reader, Unreadable};
use crate::store::{AlsoKnownAs, Answer, ClaimValue, Directory, Found, Resolved, Standing, Trouble};

/// What one budget for everybody counts.
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How a configuration reads a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interpretation {
    /// What rows mean.
    pub meaning: Meaning,
    /// The `budget_id` that holds for end users without a limit of their own.
    pub default_end_user_budget: Option<String>,
}

/// LiteLLM's tables in a database. It keeps nothing: every question is a query.
#[derive(Debug)]
pub struct SqlDirectory<D> {
    database: D,
    queries: Queries,
    reader: Reader,
    default_end_user_budget: Option<String>,
    clock: fn() -> Timestamp,
}

impl<D: Database> SqlDirectory<D> {
    /// Reads a database. `clock` tells the time that grace periods and windows are judged by.
    #[must_use]
    pub fn new(database: D, interpretation: Interpretation, clock: fn() -> Timestamp) -> Self {
        let Interpretation { meaning, default_end_user_budget } = interpretation;
        let (queries, reader) = (Queries::new(D::DIALECT), Reader::new(meaning));
        Self { database, queries, reader, default_end_user_budget, clock }
    }

    /// The database itself.
    #[must_use]
    pub fn database(&self) -> &D {
        &self.database
    }

    /// Fills in what the windows of a key and its team have used up.
    async fn sum_up(&self, key: Key) -> Result<KeyRecord, Trouble> {
        let Key { mut record, windows, team_windows } = key;
        let hash = record.hash.to_hex();
        self.spent(&self.queries.key_spend, &hash, &mut record.windows, &windows).await?;
        if let Some(team) = record.team.as_ref().filter(|_| !team_windows.is_empty()) {
            let mut team = Team::clone(team);
            self.spent(&self.queries.team_spend, &team.id, &mut team.windows, &team_windows).await?;
            record.team = Some(Arc::new(team));
        }
        Ok(record)
    }

    async fn spent(
        &self,
        query: &SqlStr,
        subject: &str,
        windows: &mut [Budget],
        since: &[Timestamp],
    ) -> Result<(), Trouble> {
        for (window, since) in windows.iter_mut().zip(since) {
            window.spend = amount(self.database.sum(query, &[&utc(*since), subject]).await?)?;
        }
        Ok(())
    }
}

impl<D: Database> Directory for SqlDirectory<D> {
    async fn key(&self, hash: &KeyHash) -> Answer<KeyRecord> {
        let Some(document) = self.database.document(&self.queries.key, &[Some(&hash.to_hex())]).await? else {
            return Ok(None);
        };
        let document = document.ok_or_else(|| too_long(KEY.name))?;
        let key = self.reader.key(&document, (self.clock)());
        let Some(key) = key.inspect_err(|error| log(error, &hash.prefix()))? else {
            return Ok(None);
        };
        Ok(Some(Found::fresh(Arc::new(self.sum_up(key).await?))))
    }

    async fn end_user(&self, id: &str) -> Answer<EndUser> {
        let default = self.default_end_user_budget.as_deref();
        let document = self.database.document(&self.queries.end_user, &[Some(searchable(id)), default]).await?;
        let document = document.flatten().ok_or_else(|| too_long(END_USER.name))?;
        let end_user = self.reader.end_user(&document, default.is_some()).inspect_err(|error| log(error, ""))?;
        Ok(end_user.map(Arc::new).map(Found::fresh))
    }

    async fn tag(&self, name: &str) -> Answer<Tag> {
        let Some(document) = self.database.document(&self.queries.tag, &[Some(searchable(name))]).await? else {
            return Ok(None);
        };
        let tag = self.reader.tag(&document.ok_or_else(|| too_long(TAG.name))?).inspect_err(|error| log(error, ""))?;
        Ok(Some(Found::fresh(Arc::new(tag))))
    }

    async fn known(&self, id: &str) -> Answer<()> {
        let found = self.database.document(&self.queries.known, &[Some(searchable(id))]).await?;
        Ok(found.map(|_| Found::fresh(Arc::new(()))))
    }

    async fn proxy(&self) -> Answer<Budget> {
        // The last thirty days roll on, so that nobody can say when the budget begins anew (LiteLLM COMMON-16).
        let since = (self.clock)().saturating_sub(MONTH).map_err(|_| Outage::Internal)?;
        let spend = amount(self.database.sum(&self.queries.spend, &[&utc(since)]).await?)?;
        Ok(Some(Found::fresh(Arc::new(Budget { spend, ..Budget::default() }))))
    }

    async fn standing(&self, who: &Standing) -> Answer<KeyRecord> {
        let ids = [&who.user, &who.team, &who.organization].map(|id| id.as_deref().map(searchable));
        let document = self.database.document(&self.queries.standing, &ids).await?;
        let document = document.flatten().ok_or_else(|| too_long(USER.name))?;
        let standing = self.reader.standing(who, &document, (self.clock)()).inspect_err(|error| log(error, ""))?;
        Ok(Some(Found::fresh(Arc::new(self.sum_up(standing).await?))))
    }

    async fn resolve(&self, name: &AlsoKnownAs) -> Answer<Resolved> {
        let names = &self.queries.names;
        let (query, text) = match name {
            AlsoKnownAs::SsoId(text) => (&names.sso_id, text),
            AlsoKnownAs::Email(text) => (&names.email, text),
            AlsoKnownAs::TeamAlias(text) => (&names.team, text),
            AlsoKnownAs::OrganizationAlias(text) => (&names.organization, text),
        };
        let found = self.database.document(query, &[Some(searchable(text))]).await?;
        let resolved = found.map(|id| id.map_or(Resolved::Several, |id| Resolved::One(id.into())));
        Ok(resolved.map(Arc::new).map(Found::fresh))
    }

    async fn mapped_key(&self, claim: &ClaimValue) -> Answer<KeyHash> {
        const TOKEN: &str = "it must be 64 lower-case hexadecimal digits, and the mapping active";
        let texts = [&claim.name, &claim.value].map(|text| Some(searchable(text)));
        let Some(token) = self.database.document(&self.queries.mapped_key, &texts).await? else {
            return Ok(None);
        };
        let unreadable = Unreadable { table: JWT_KEY_MAPPING.name, column: "token", problem: TOKEN };
        let hash = token.and_then(|token| KeyHash::from_hex(&token)).ok_or(unreadable);
        Ok(Some(Found::fresh(Arc::new(hash.inspect_err(|error| log(error, ""))?))))
    }
}

/// LiteLLM writes UTC without an offset.
fn utc(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string()
}

fn amount(sum: f64) -> Result<Amount, Unreadable> {
    Amount::new(sum).ok_or(Unreadable { table: SPEND_LOG.name, column: "spend", problem: "the sum is no amount" })
}

/// A text that may be a name in a table. PostgreSQL stores no NUL, and asking for one is an error of its
/// own (S-187).
fn searchable(name: &str) -> &str {
    if name.contains('\0') { "" } else { name }
}

fn too_long(table: &'static str) -> Unreadable {
    const { assert!(MAX_DOCUMENT == 1024 * 1024) };
    let error = Unreadable { table, column: "*", problem: "the row and those it refers to are longer than 1 MiB" };
    log(&error, "");
    error
}

/// Whoever needs the record is refused, and an operator has to know why.
fn log(error: &Unreadable, key_hash: &str) {
    let Unreadable { table, column, problem } = error;
    tracing::warn!(key_hash, table, column, problem, "a record cannot be believed");
}
