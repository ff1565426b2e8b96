//! Typed access to the columns of a row. What cannot be read is an error that names the column, and never
//! shows what was in it: rows hold secrets (LiteLLM DB-8).

use jiff::Timestamp;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::core::budget::Amount;
use crate::core::header::HeaderValue;
use crate::core::time;
use crate::store::sql::schema::Table;

/// A record that cannot be believed. Whoever needs it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("`{table}`.`{column}`: {problem}")]
pub struct Unreadable {
    /// The table.
    pub table: &'static str,
    /// The column, or `column.member` of a document.
    pub column: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// One row.
#[derive(Debug)]
pub(super) struct Columns {
    table: &'static str,
    values: Map<String, Value>,
}

impl Columns {
    pub(super) fn parse(table: &Table, text: &str) -> Result<Self, Unreadable> {
        let values = serde_json::from_str(text);
        let values = values.map_err(|_| Unreadable { table: table.name, column: "*", problem: "it is no row" })?;
        Ok(Self { table: table.name, values })
    }

    pub(super) fn error(&self, column: &'static str, problem: &'static str) -> Unreadable {
        Unreadable { table: self.table, column, problem }
    }

    /// A column that is not there means nothing that could be relied on (S-188).
    fn value(&self, column: &'static str) -> Result<&Value, Unreadable> {
        self.values.get(column).ok_or_else(|| self.error(column, "the column is missing"))
    }

    fn optional<'a, T>(
        &'a self,
        column: &'static str,
        problem: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Unreadable> {
        let value = self.value(column)?;
        if value.is_null() {
            return Ok(None);
        }
        read(value).map(Some).ok_or_else(|| self.error(column, problem))
    }

    pub(super) fn text(&self, column: &'static str) -> Result<Option<&str>, Unreadable> {
        self.optional(column, "it must be a text", Value::as_str)
    }

    /// An id travels in a header, whole or not at all; an empty one would be everybody's (S-205).
    pub(super) fn id(&self, column: &'static str) -> Result<Option<&str>, Unreadable> {
        let id = self.text(column)?;
        if id.is_some_and(|id| HeaderValue::encode(id).is_none()) {
            return Err(self.error(column, "the id is empty, or too long"));
        }
        Ok(id)
    }

    pub(super) fn own_id(&self, column: &'static str) -> Result<&str, Unreadable> {
        self.id(column)?.ok_or_else(|| self.error(column, "it must not be NULL"))
    }

    pub(super) fn texts(&self, column: &'static str) -> Result<Option<Vec<&str>>, Unreadable> {
        self.optional(column, "it must be a list of texts", list_of_texts)
    }

    pub(super) fn is_true(&self, column: &'static str) -> Result<bool, Unreadable> {
        Ok(self.optional(column, "it must be true or false", Value::as_bool)?.unwrap_or_default())
    }

    pub(super) fn amount(&self, column: &'static str) -> Result<Option<Amount>, Unreadable> {
        self.optional(column, NO_AMOUNT, amount)
    }

    pub(super) fn count(&self, column: &'static str) -> Result<Option<u64>, Unreadable> {
        self.optional(column, NO_COUNT, Value::as_u64)
    }

    pub(super) fn time(&self, column: &'static str) -> Result<Option<Timestamp>, Unreadable> {
        self.optional(column, time::NO_TIME, |value| time::parse(value.as_str()?))
    }

    pub(super) fn object(&self, column: &'static str) -> Result<Option<&Map<String, Value>>, Unreadable> {
        self.optional(column, "it must be an object", Value::as_object)
    }

    pub(super) fn list(&self, column: &'static str) -> Result<Option<&Vec<Value>>, Unreadable> {
        self.optional(column, "it must be a list", Value::as_array)
    }

    /// The row's `metadata`.
    pub(super) fn metadata(&self) -> Result<Members<'_>, Unreadable> {
        Ok(Members { table: self.table, values: self.object("metadata")? })
    }
}

/// Members of a row's `metadata` that rules read (LiteLLM DB-8). The rest is never looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Members<'a> {
    table: &'static str,
    values: Option<&'a Map<String, Value>>,
}

impl<'a> Members<'a> {
    /// The member; `None` when it is absent or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.raw(name).filter(|value| !value.is_null())
    }

    /// The member, null included.
    pub(super) fn raw(&self, name: &str) -> Option<&'a Value> {
        self.values.and_then(|values| values.get(name))
    }

    pub(super) fn error(&self, column: &'static str, problem: &'static str) -> Unreadable {
        Unreadable { table: self.table, column, problem }
    }

    /// A list of texts; `column` is the member's whole name.
    pub(super) fn texts(&self, name: &str, column: &'static str) -> Result<Vec<&'a str>, Unreadable> {
        let list = self.get(name).map(|value| list_of_texts(value).ok_or(value)).transpose();
        list.map(Option::unwrap_or_default).map_err(|_| self.error(column, "it must be a list of texts"))
    }

    /// A list of texts that are not empty.
    pub(super) fn names(&self, name: &str, column: &'static str) -> Result<Vec<&'a str>, Unreadable> {
        let names = self.texts(name, column)?;
        if names.iter().any(|name| name.is_empty()) { Err(self.error(column, "a name is empty")) } else { Ok(names) }
    }

    pub(super) fn is_true(&self, name: &str, column: &'static str) -> Result<bool, Unreadable> {
        let flag = self.get(name).map(|value| value.as_bool().ok_or(value)).transpose();
        flag.map(Option::unwrap_or_default).map_err(|_| self.error(column, "it must be true or false"))
    }

    pub(super) fn object(
        &self,
        name: &str,
        column: &'static str,
    ) -> Result<Option<&'a Map<String, Value>>, Unreadable> {
        let object = self.get(name).map(|value| value.as_object().ok_or(value)).transpose();
        object.map_err(|_| self.error(column, "it must be an object"))
    }
}

pub(super) const NO_AMOUNT: &str = "it must be an amount: a number that is not negative";
pub(super) const NO_COUNT: &str = "it must be a whole number that is not negative";

/// NaN and infinity come as texts from PostgreSQL, and are no numbers (SEC-32, S-200).
pub(super) fn amount(value: &Value) -> Option<Amount> {
    value.as_f64().and_then(Amount::new)
}

fn list_of_texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}
