//! `tollgate teams`, `tollgate users` and `tollgate orgs`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::values::{fresh_id, without_secrets};
use super::{Common, Desk, Done, Place, at_desk, check_id, pretty, said, table, values};
use crate::store::admin::{Change, Row};
use crate::store::sql::schema::Table;
use crate::store::sql::tables::{BUDGET, KEY, MEMBERSHIP, ORGANIZATION, ORGANIZATION_MEMBERSHIP, PROJECT, TEAM, USER};
use crate::store::sql::write::Condition;

/// What to do with records of a kind.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb<F: Args> {
    /// Make one
    Create {
        /// Its id
        id: String,
        #[command(flatten)]
        fields: F,
        #[command(flatten)]
        place: Place,
    },
    /// List all
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Show one
    Show {
        /// Its id
        id: String,
        #[command(flatten)]
        place: Place,
    },
    /// Change what is named, and nothing else
    Update {
        /// Its id
        id: String,
        #[command(flatten)]
        fields: F,
        #[command(flatten)]
        place: Place,
    },
    /// Refuse all of its keys
    Block {
        /// Its id
        id: String,
        #[command(flatten)]
        place: Place,
    },
    /// Take that back
    Unblock {
        /// Its id
        id: String,
        #[command(flatten)]
        place: Place,
    },
    /// Delete one that no key belongs to
    Delete {
        /// Its id
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

/// A kind of records.
pub(in crate::cli) struct Kind {
    noun: &'static str,
    table: &'static Table,
    id: &'static str,
    /// Limits are in a row of budgets of its own.
    budget_row: bool,
    /// What is listed: heads and columns.
    listed: &'static [(&'static str, &'static str)],
    /// Tables that refer to it, and what their rows are called.
    dependents: &'static [(&'static Table, &'static str)],
    /// Tables whose rows go with it.
    members: &'static [&'static Table],
}

/// Arguments that say what is in a record.
pub(in crate::cli) trait Fields: Args {
    /// What it is a record of.
    const KIND: Kind;
    /// What every kind can say.
    fn common(&self) -> &Common;
    /// What only this kind can say.
    fn own(&self) -> Row;
}

/// What a team can say.
#[derive(Debug, Args)]
pub(in crate::cli) struct TeamFields {
    /// A name for people, or `none`
    #[arg(long, value_parser = values::text)]
    alias: Option<Value>,
    /// The organisation, or `none`
    #[arg(long, value_name = "ID", value_parser = values::text)]
    org: Option<Value>,
    #[command(flatten)]
    common: Common,
}

impl Fields for TeamFields {
    const KIND: Kind = Kind {
        noun: "team",
        table: &TEAM,
        id: "team_id",
        budget_row: false,
        listed: &[
            ("TEAM", "team_id"),
            ("ALIAS", "team_alias"),
            ("ORG", "organization_id"),
            ("MODELS", "models"),
            ("SPENT", "spend"),
            ("BUDGET", "max_budget"),
            ("BLOCKED", "blocked"),
        ],
        dependents: &[(&KEY, "keys"), (&PROJECT, "projects")],
        members: &[&MEMBERSHIP],
    };

    fn common(&self) -> &Common {
        &self.common
    }

    fn own(&self) -> Row {
        said(&[("team_alias", &self.alias), ("organization_id", &self.org)])
    }
}

/// What a user can say.
#[derive(Debug, Args)]
pub(in crate::cli) struct UserFields {
    /// A name for people, or `none`
    #[arg(long, value_parser = values::text)]
    alias: Option<Value>,
    /// The e-mail address, or `none`
    #[arg(long, value_parser = values::text)]
    email: Option<Value>,
    /// The role
    #[arg(long, value_parser = ["proxy_admin", "proxy_admin_viewer", "org_admin", "internal_user", "internal_user_viewer", "team", "customer"])]
    role: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl Fields for UserFields {
    const KIND: Kind = Kind {
        noun: "user",
        table: &USER,
        id: "user_id",
        budget_row: false,
        listed: &[
            ("USER", "user_id"),
            ("ALIAS", "user_alias"),
            ("EMAIL", "user_email"),
            ("ROLE", "user_role"),
            ("MODELS", "models"),
            ("SPENT", "spend"),
            ("BUDGET", "max_budget"),
        ],
        dependents: &[(&KEY, "keys")],
        members: &[&MEMBERSHIP, &ORGANIZATION_MEMBERSHIP],
    };

    fn common(&self) -> &Common {
        &self.common
    }

    fn own(&self) -> Row {
        let role = self.role.as_deref().map(Value::from);
        said(&[("user_alias", &self.alias), ("user_email", &self.email), ("user_role", &role)])
    }
}

/// What an organisation can say.
#[derive(Debug, Args)]
pub(in crate::cli) struct OrgFields {
    /// A name for people
    #[arg(long)]
    alias: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl Fields for OrgFields {
    const KIND: Kind = Kind {
        noun: "organisation",
        table: &ORGANIZATION,
        id: "organization_id",
        budget_row: true,
        listed: &[
            ("ORG", "organization_id"),
            ("ALIAS", "organization_alias"),
            ("MODELS", "models"),
            ("SPENT", "spend"),
        ],
        dependents: &[(&KEY, "keys"), (&TEAM, "teams")],
        members: &[&ORGANIZATION_MEMBERSHIP],
    };

    fn common(&self) -> &Common {
        &self.common
    }

    fn own(&self) -> Row {
        said(&[("organization_alias", &self.alias.as_deref().map(Value::from))])
    }
}

impl<F: Fields> Verb<F> {
    pub(in crate::cli) fn run(self) -> Done {
        let kind = F::KIND;
        match self {
            Self::Create { id, fields, place } => at_desk(&place, async |desk| create(desk, &kind, &id, &fields).await),
            Self::List { place } => at_desk(&place, async |desk| list(desk, &kind).await),
            Self::Show { id, place } => at_desk(&place, async |desk| show(desk, &kind, &id).await),
            Self::Update { id, fields, place } => at_desk(&place, async |desk| update(desk, &kind, &id, &fields).await),
            Self::Block { id, place } => at_desk(&place, async |desk| block(desk, &kind, &id, true).await),
            Self::Unblock { id, place } => at_desk(&place, async |desk| block(desk, &kind, &id, false).await),
            Self::Delete { id, place } => at_desk(&place, async |desk| delete(desk, &kind, &id).await),
        }
    }
}

async fn create(desk: &Desk, kind: &Kind, id: &str, fields: &impl Fields) -> Done {
    check_id(id)?;
    if !desk.find(kind.table, Condition::Is(kind.id, id)).await?.is_empty() {
        return Err(format!("there is a{} `{id}` already; `update` changes it", with_article(kind.noun)));
    }
    let common = fields.common();
    let mut row = vec![(kind.id, json!(id))];
    row.extend(fields.own());
    row.extend(common.own(kind.table)?);
    let mut changes = Vec::new();
    if kind.budget_row {
        let budget_id = json!(fresh_id()?);
        let mut budget = vec![("budget_id", budget_id.clone())];
        budget.extend(common.limits());
        desk.stamp_new(&BUDGET, &mut budget);
        changes.push(Change::Insert(&BUDGET, budget));
        default(&mut row, "budget_id", budget_id);
        default(&mut row, "organization_alias", json!(id));
    } else {
        row.extend(common.limits());
        desk.check_references(&without(&row, kind.id)).await?;
    }
    // NULL would refuse everything, or nothing.
    default(&mut row, "models", json!([]));
    desk.stamp_new(kind.table, &mut row);
    changes.push(Change::Insert(kind.table, row));
    desk.change(&changes).await?;
    told(desk, kind, id, "made").await
}

fn default(row: &mut Row, name: &'static str, value: Value) {
    if !row.iter().any(|(known, _)| *known == name) {
        row.push((name, value));
    }
}

fn without(row: &Row, name: &str) -> Row {
    row.iter().filter(|(known, _)| *known != name).cloned().collect()
}

fn with_article(noun: &str) -> String {
    if noun.starts_with('o') { format!("n {noun}") } else { format!(" {noun}") }
}

/// The row, or that there is none.
async fn one(desk: &Desk, kind: &Kind, id: &str) -> Result<Map<String, Value>, String> {
    let mut rows = desk.find(kind.table, Condition::Is(kind.id, id)).await?;
    let missing = || format!("there is no {} `{}`", kind.noun, table::cell(Some(&json!(id))));
    let mut row = rows.pop().ok_or_else(missing)?;
    if kind.budget_row
        && let Some(id) = row.get("budget_id").and_then(Value::as_str)
    {
        let budget = desk.find(&BUDGET, Condition::Is("budget_id", id)).await?.pop().unwrap_or_default();
        for name in ["max_budget", "rpm_limit", "tpm_limit", "max_parallel_requests"] {
            row.insert(name.to_owned(), budget.get(name).cloned().unwrap_or_default());
        }
    }
    Ok(without_secrets(row))
}

async fn told(desk: &Desk, kind: &Kind, id: &str, done: &str) -> Done {
    if desk.json {
        return Ok(pretty(&Value::Object(one(desk, kind, id).await?)));
    }
    Ok(format!("{} {}: {done}\n", kind.noun, table::cell(Some(&json!(id)))))
}

async fn list(desk: &Desk, kind: &Kind) -> Done {
    let rows = desk.find(kind.table, Condition::All).await?;
    if desk.json {
        return Ok(pretty(&rows.into_iter().map(without_secrets).map(Value::Object).collect()));
    }
    let (heads, columns): (Vec<_>, Vec<_>) = kind.listed.iter().copied().unzip();
    let rows: Vec<Vec<_>> =
        rows.iter().map(|row| columns.iter().map(|name| table::listed(row, name)).collect()).collect();
    Ok(table::table(&heads, &rows))
}

async fn show(desk: &Desk, kind: &Kind, id: &str) -> Done {
    let row = one(desk, kind, id).await?;
    Ok(if desk.json { pretty(&Value::Object(row)) } else { table::lines(&row) })
}

async fn update(desk: &Desk, kind: &Kind, id: &str, fields: &impl Fields) -> Done {
    let row = one(desk, kind, id).await?;
    let common = fields.common();
    let (mut own, limits) = (fields.own(), common.limits());
    own.extend(common.own(kind.table)?);
    if own.is_empty() && limits.is_empty() {
        return Err("nothing is named that could be changed".to_owned());
    }
    desk.check_references(&own).await?;
    let mut changes = Vec::new();
    if kind.budget_row && !limits.is_empty() {
        let budget = row.get("budget_id").cloned().unwrap_or_default();
        let mut limits = limits;
        desk.stamp(&BUDGET, &mut limits);
        changes.push(Change::Update(&BUDGET, limits, vec![("budget_id", budget)]));
    } else {
        own.extend(limits);
    }
    desk.stamp(kind.table, &mut own);
    changes.push(Change::Update(kind.table, own, vec![(kind.id, json!(id))]));
    desk.change(&changes).await?;
    told(desk, kind, id, "changed").await
}

/// A team has a column for it. A user is blocked as a directory service does it (LiteLLM DB-8).
async fn block(desk: &Desk, kind: &Kind, id: &str, blocked: bool) -> Done {
    one(desk, kind, id).await?;
    let mut row = if kind.table.column("blocked").is_some() {
        vec![("blocked", json!(blocked))]
    } else if kind.id == "user_id" {
        let rows = desk.find(kind.table, Condition::Is(kind.id, id)).await?;
        let mut metadata = rows.first().and_then(|row| row.get("metadata")?.as_object().cloned()).unwrap_or_default();
        if blocked {
            metadata.insert("scim_active".to_owned(), json!(false));
        } else {
            metadata.remove("scim_active");
        }
        vec![("metadata", Value::Object(metadata))]
    } else {
        return Err(format!(
            "LiteLLM cannot block an {}; `update --models no-default-models` lets nobody use a model",
            kind.noun
        ));
    };
    desk.stamp(kind.table, &mut row);
    desk.change(&[Change::Update(kind.table, row, vec![(kind.id, json!(id))])]).await?;
    told(desk, kind, id, if blocked { "blocked" } else { "not blocked" }).await
}

async fn delete(desk: &Desk, kind: &Kind, id: &str) -> Done {
    one(desk, kind, id).await?;
    for (table, nouns) in kind.dependents {
        let count = desk.find(table, Condition::Is(kind.id, id)).await?.len();
        if count > 0 {
            return Err(format!("{count} {nouns} belong to it; delete them, or give them to others, first"));
        }
    }
    let row: Row = vec![(kind.id, json!(id))];
    // The first change decides whether anything is done at all.
    let mut changes = vec![Change::Update(kind.table, row.clone(), row.clone())];
    changes.extend(kind.members.iter().map(|table| Change::Delete(table, row.clone())));
    changes.push(Change::Delete(kind.table, row));
    desk.change(&changes).await?;
    let shown = table::cell(Some(&json!(id)));
    Ok(if desk.json { pretty(&json!({ kind.id: id })) } else { format!("{} {shown}: deleted\n", kind.noun) })
}
