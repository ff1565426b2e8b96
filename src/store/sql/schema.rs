//! How a table is described.

/// A table, under LiteLLM's own name, which needs quotes.
#[derive(Debug)]
pub struct Table {
    /// The name.
    pub name: &'static str,
    /// The columns of the primary key.
    pub key: &'static [&'static str],
    /// Columns that are unique beside it.
    pub unique: &'static [&'static str],
    /// Columns that are unique together.
    pub unique_together: &'static [&'static str],
    /// Columns that are searched by, beside those.
    pub indexed: &'static [&'static str],
    /// The columns, in LiteLLM's order.
    pub columns: &'static [Column],
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Never NULL.
    pub required: bool,
    /// Whether a decision depends on it. The others are kept for people and for LiteLLM.
    pub read: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A list of texts.
    Texts,
    /// A JSON document.
    Json,
    /// True or false.
    Bool,
    /// A double, and money.
    Float,
    /// 32 bits.
    Int,
    /// 64 bits.
    BigInt,
    /// A number that the database counts up.
    Serial,
    /// UTC without an offset, in milliseconds.
    Time,
}

pub(super) const fn read(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, required: false, read: true }
}

pub(super) const fn kept(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, required: false, read: false }
}

impl Column {
    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

pub(super) const fn table(name: &'static str, key: &'static [&'static str], columns: &'static [Column]) -> Table {
    Table { name, key, unique: &[], unique_together: &[], indexed: &[], columns }
}

impl Table {
    pub(super) const fn unique(mut self, columns: &'static [&'static str]) -> Self {
        self.unique = columns;
        self
    }

    pub(super) const fn unique_together(mut self, columns: &'static [&'static str]) -> Self {
        self.unique_together = columns;
        self
    }

    pub(super) const fn indexed(mut self, columns: &'static [&'static str]) -> Self {
        self.indexed = columns;
        self
    }

    /// The column of a name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}
