//! What a look-up answers: rows in one document.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::columns::{Columns, Unreadable};
use super::people::DANGLING;
use super::pool::Pool;
use crate::core::time;
use crate::store::sql::schema::Table;
use crate::store::sql::tables::{DEPRECATED_KEY, KEY};

/// The document of `Queries::key`, or of `standing`, which has no key.
#[derive(Debug, Deserialize)]
pub(super) struct Document<'a> {
    #[serde(borrow)]
    pub(super) revoke_at: Row<'a>,
    pub(super) key: Row<'a>,
    pub(super) key_budget: Row<'a>,
    pub(super) key_objects: Row<'a>,
    pub(super) key_groups: Row<'a>,
    pub(super) team: Row<'a>,
    pub(super) team_aliases: Row<'a>,
    pub(super) team_objects: Row<'a>,
    pub(super) team_groups: &'a RawValue,
    pub(super) team_default: Row<'a>,
    pub(super) member: Row<'a>,
    pub(super) member_role: Option<String>,
    pub(super) member_budget: Row<'a>,
    pub(super) organization: Row<'a>,
    pub(super) organization_budget: Row<'a>,
    pub(super) organization_objects: Row<'a>,
    pub(super) project: Row<'a>,
    pub(super) project_budget: Row<'a>,
    pub(super) user: Row<'a>,
    pub(super) user_roles: &'a RawValue,
    pub(super) agent: Row<'a>,
    pub(super) agent_objects: Row<'a>,
}

pub(super) type Row<'a> = Option<&'a RawValue>;

/// Whom a key belongs to.
pub(super) struct Ids<'a> {
    pub(super) user: Option<&'a str>,
    pub(super) team: Option<&'a str>,
    pub(super) organization: Option<&'a str>,
    /// Without one of its own, the organisation is the team's (DB-3).
    pub(super) of_team: bool,
}

impl<'a> Ids<'a> {
    pub(super) fn of(row: &'a Columns) -> Result<Self, Unreadable> {
        let (user, team, organization) = (row.id("user_id")?, row.id("team_id")?, row.id("organization_id")?);
        Ok(Self { user, team, organization, of_team: true })
    }
}

pub(super) fn dangling(column: &'static str) -> Unreadable {
    Unreadable { table: KEY.name, column, problem: DANGLING }
}

/// The record a key refers to: one for everybody whose rows read the same.
pub(super) fn related<T>(
    id: Option<&str>,
    rows: &[Row<'_>],
    pool: &Pool<T>,
    dangling: Unreadable,
    make: impl FnOnce() -> Result<T, Unreadable>,
) -> Result<Option<Arc<T>>, Unreadable> {
    if id.is_none() {
        return Ok(None);
    }
    if rows.first().is_none_or(Option::is_none) {
        return Err(dangling);
    }
    let texts: Vec<_> = rows.iter().map(|row| row.map(RawValue::get)).collect();
    pool.get(&texts, make).map(Some)
}

/// Until when a replaced key works.
pub(super) fn grace(rows: &Document<'_>) -> Result<Option<Timestamp>, Unreadable> {
    let Some(text) = rows.revoke_at else {
        return Ok(None);
    };
    let error = Unreadable { table: DEPRECATED_KEY.name, column: "revoke_at", problem: time::NO_TIME };
    let text: String = serde_json::from_str(text.get()).map_err(|_| error)?;
    let until = time::parse(&text).ok_or(error)?;
    // Good until, and not at, that moment; `expires` is good at it.
    Ok(Some(until.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(until)))
}

pub(super) fn parse(table: &Table, row: Row<'_>) -> Result<Option<Columns>, Unreadable> {
    row.map(|row| Columns::parse(table, row.get())).transpose()
}

/// A row that is known to be there.
pub(super) fn one(table: &'static Table, row: Row<'_>) -> Result<Columns, Unreadable> {
    parse(table, row)?.ok_or(Unreadable { table: table.name, column: "*", problem: DANGLING })
}

pub(super) fn parse_all(table: &Table, rows: &RawValue) -> Result<Vec<Columns>, Unreadable> {
    let error = Unreadable { table: table.name, column: "*", problem: "it is no list of rows" };
    let rows: Vec<&RawValue> = serde_json::from_str(rows.get()).map_err(|_| error)?;
    rows.into_iter().map(|row| Columns::parse(table, row.get())).collect()
}
