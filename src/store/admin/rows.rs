//! Rows as operators write and read them.

use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Row as _};

use super::{Admin, AdminError, Open};
use crate::store::sql::schema::Table;
use crate::store::sql::write::{Condition, Statement};

/// Columns with their values.
pub type Row = Vec<(&'static str, Value)>;

/// One change of a table.
#[derive(Debug, Clone)]
pub enum Change {
    /// A new row.
    Insert(&'static Table, Row),
    /// These columns, of the rows whose columns have those values.
    Update(&'static Table, Row, Row),
    /// The rows whose columns have these values.
    Delete(&'static Table, Row),
}

impl Change {
    fn table(&self) -> &'static Table {
        match self {
            Self::Insert(table, _) | Self::Update(table, ..) | Self::Delete(table, _) => table,
        }
    }
}

impl Admin {
    /// Makes the changes in one transaction; all of them, or none. Returns how many rows the first one changed: when
    /// that is none, nothing is done.
    ///
    /// # Errors
    /// A name that is no column; a row that is there already; a database that refuses.
    pub async fn change(&self, changes: &[Change]) -> Result<u64, AdminError> {
        let statements = changes.iter().map(|change| self.statement(change)).collect::<Result<Vec<_>, _>>()?;
        self.run(&statements).await.map_err(|error| match (&error, changes.first()) {
            (AdminError::Database(sqlx::Error::Database(cause)), Some(change)) if cause.is_unique_violation() => {
                AdminError::Exists { table: change.table().name }
            }
            _ => error,
        })
    }

    fn statement(&self, change: &Change) -> Result<Statement, AdminError> {
        let dialect = self.dialect();
        let statement = match change {
            Change::Insert(table, row) => dialect.insert(table, row),
            Change::Update(table, changes, row) => dialect.update(table, changes, row),
            Change::Delete(table, row) => dialect.delete(table, row),
        };
        statement.ok_or(AdminError::UnknownColumn { table: change.table().name })
    }

    /// The rows that fit a condition, as objects of the columns that decisions and people look at, by their key.
    ///
    /// # Errors
    /// A name that is no column of text; a database that refuses; a row that cannot be read.
    pub async fn find(&self, table: &Table, condition: Condition<'_>) -> Result<Vec<Map<String, Value>>, AdminError> {
        let statement = self.dialect().find(table, condition).ok_or(AdminError::UnknownColumn { table: table.name })?;
        let Statement { sql, parameters } = statement;
        let texts: Vec<String> = match &self.place {
            Open::Sqlite(pool) => {
                let query = parameters.iter().fold(sqlx::query(AssertSqlSafe(sql)), sqlx::query::Query::bind);
                let rows = query.fetch_all(pool).await?;
                rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?
            }
            Open::Postgres(pool) => {
                let query = parameters.iter().fold(sqlx::query(AssertSqlSafe(sql)), sqlx::query::Query::bind);
                let rows = query.fetch_all(pool).await?;
                rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?
            }
        };
        texts.iter().map(|text| serde_json::from_str(text).map_err(|_| AdminError::Unreadable)).collect()
    }
}
