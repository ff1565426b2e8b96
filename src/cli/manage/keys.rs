//! `tollgate keys create`, `list`, `show`, `update`, `block`, `unblock`, `rotate`, `delete` and `import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::values::{fresh_id, without_secrets};
use super::{Common, Desk, Done, Place, at_desk, check_id, fill, in_words, pretty, said, table, values};
use crate::cli::files::fresh_key;
use crate::core::credential::{KeyHash, Secret};
use crate::core::time;
use crate::store::admin::{Admin, Change, Row};
use crate::store::sql::tables::{DEPRECATED_KEY, JWT_KEY_MAPPING, KEY};
use crate::store::sql::write::Condition;

/// What to do with the keys of a store. A key is named by its alias, or by the first digits of its hash.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Make a key in the store, and show it once
    Create {
        #[command(flatten)]
        fields: Fields,
        #[command(flatten)]
        place: Place,
    },
    /// List keys
    List {
        /// Of this team alone
        #[arg(long, value_name = "ID", conflicts_with = "user")]
        team: Option<String>,
        /// Of this user alone
        #[arg(long, value_name = "ID")]
        user: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Show one
    Show {
        /// Its alias, or 8 or more digits of its hash
        key: String,
        #[command(flatten)]
        place: Place,
    },
    /// Change what is named, and nothing else
    Update {
        /// Its alias, or 8 or more digits of its hash
        key: String,
        #[command(flatten)]
        fields: Fields,
        #[command(flatten)]
        place: Place,
    },
    /// Refuse a key
    Block {
        /// Its alias, or 8 or more digits of its hash
        key: String,
        #[command(flatten)]
        place: Place,
    },
    /// Let it in again
    Unblock {
        /// Its alias, or 8 or more digits of its hash
        key: String,
        #[command(flatten)]
        place: Place,
    },
    /// Replace a key by a new one, which is shown once; its record stays
    Rotate {
        /// Its alias, or 8 or more digits of its hash
        key: String,
        /// How long the old key still works; `0s` ends it, and those before it, at once, as after a leak
        #[arg(long, value_name = "DURATION", default_value = "24h")]
        grace: String,
        #[command(flatten)]
        place: Place,
    },
    /// Delete a key, and old ones that lead to it
    Delete {
        /// Its alias, or 8 or more digits of its hash
        key: String,
        #[command(flatten)]
        place: Place,
    },
    /// Write the keys of a key file, and whom they belong to, into the store
    ///
    /// What is there already stays as it is.
    Import {
        /// A file such as `keys.yaml`
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
}

/// What a key can say.
#[derive(Debug, Args)]
pub(in crate::cli) struct Fields {
    /// A name for people, which no other key has, or `none`
    #[arg(long, value_parser = values::text)]
    alias: Option<Value>,
    /// The owner, or `none`
    #[arg(long, value_name = "ID", value_parser = values::text)]
    user: Option<Value>,
    /// The team, or `none`
    #[arg(long, value_name = "ID", value_parser = values::text)]
    team: Option<Value>,
    /// The organisation, or `none` for the team's
    #[arg(long, value_name = "ID", value_parser = values::text)]
    org: Option<Value>,
    /// The project, or `none`
    #[arg(long, value_name = "ID", value_parser = values::text)]
    project: Option<Value>,
    /// Routes it may call, divided by commas: paths and groups; `""` for no restriction
    #[arg(long, value_name = "ROUTES", value_delimiter = ',')]
    routes: Option<Vec<String>>,
    /// When it expires: a time such as `2027-01-31T12:00:00Z`, a duration from now such as `30d`, or `never`
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl Fields {
    fn row(&self, desk: &Desk) -> Result<Row, String> {
        let expires = self.expires.as_deref().map(|text| values::moment(text, desk.now)).transpose()?;
        let routes = self.routes.as_deref().map(values::list);
        let mut row = said(&[
            ("key_alias", &self.alias),
            ("user_id", &self.user),
            ("team_id", &self.team),
            ("organization_id", &self.org),
            ("project_id", &self.project),
            ("allowed_routes", &routes),
            ("expires", &expires),
        ]);
        row.extend(self.common.limits());
        row.extend(self.common.own(&KEY)?);
        Ok(row)
    }
}

impl Verb {
    pub(in crate::cli) fn run(self) -> Done {
        match self {
            Self::Create { fields, place } => at_desk(&place, async |desk| create(desk, &fields).await),
            Self::List { team, user, place } => {
                at_desk(&place, async |desk| list(desk, team.as_deref(), user.as_deref()).await)
            }
            Self::Show { key, place } => at_desk(&place, async |desk| show(desk, &key).await),
            Self::Update { key, fields, place } => at_desk(&place, async |desk| update(desk, &key, &fields).await),
            Self::Block { key, place } => at_desk(&place, async |desk| block(desk, &key, true).await),
            Self::Unblock { key, place } => at_desk(&place, async |desk| block(desk, &key, false).await),
            Self::Rotate { key, grace, place } => at_desk(&place, async |desk| rotate(desk, &key, &grace).await),
            Self::Delete { key, place } => at_desk(&place, async |desk| delete(desk, &key).await),
            Self::Import { file, place } => {
                let rows = fill::read(&file, &place.config)?;
                at_desk(&place, async |desk| fill::fill(desk, rows).await)
            }
        }
    }
}

async fn create(desk: &Desk, fields: &Fields) -> Done {
    let mut row = fields.row(desk)?;
    check(desk, &row).await?;
    if !row.iter().any(|(name, _)| *name == "models") {
        row.push(("models", json!([])));
    }
    let secret = fresh_key()?;
    let hash = KeyHash::of(secret.expose());
    row.insert(0, ("token", json!(hash.to_hex())));
    desk.stamp_new(&KEY, &mut row);
    desk.change(&[Change::Insert(&KEY, row)]).await?;
    told_once(desk, &secret, &hash).await
}

/// The only place that shows a key.
async fn told_once(desk: &Desk, secret: &Secret, hash: &KeyHash) -> Done {
    let mut row = named(desk, &hash.to_hex()).await?;
    if desk.json {
        row.insert("key".to_owned(), secret.expose().into());
        return Ok(pretty(&Value::Object(without_secrets(row))));
    }
    eprintln!("this is the only time that the key is shown");
    Ok(format!("key: {}\nkey_hash: {}\n", secret.expose(), hash.to_hex()))
}

/// Whether a row can be written, and believed afterwards.
async fn check(desk: &Desk, row: &Row) -> Result<(), String> {
    desk.check_references(row).await?;
    desk.check_routes(row)?;
    if let Some(alias) = row.iter().find(|(name, _)| *name == "key_alias").and_then(|(_, alias)| alias.as_str()) {
        check_id(alias)?;
        if alias.starts_with("sk-") {
            return Err("an alias does not begin like a key".to_owned());
        }
        if !desk.find(&KEY, Condition::Is("key_alias", alias)).await?.is_empty() {
            return Err(format!("another key is called `{}`", table::cell(Some(&json!(alias)))));
        }
    }
    Ok(())
}

/// The key of an alias, or of the first digits of a hash. A key itself is no name: arguments are not secret.
async fn named(desk: &Desk, name: &str) -> Result<Map<String, Value>, String> {
    called(&desk.admin, name).await
}

/// The hash of a key by what it is called.
pub(in crate::cli) async fn hash_of(admin: &Admin, name: &str) -> Result<KeyHash, String> {
    let key = called(admin, name).await?;
    let hash = key.get("token").and_then(Value::as_str).and_then(KeyHash::from_hex);
    hash.ok_or_else(|| format!("the key `{name}` has no sound hash in the store"))
}

async fn called(admin: &Admin, name: &str) -> Result<Map<String, Value>, String> {
    if name.starts_with("sk-") {
        return Err("name the key by its alias or its hash: arguments are not secret".to_owned());
    }
    let find = async |condition| admin.find(&KEY, condition).await.map_err(in_words);
    let mut found = find(Condition::Is("key_alias", name)).await?;
    let is_hash = (8..=64).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if found.is_empty() && is_hash {
        found = find(Condition::Begins("token", name)).await?;
    }
    let shown = table::cell(Some(&json!(name)));
    match (found.pop(), found.len()) {
        (Some(key), 0) => Ok(key),
        (Some(_), others) => Err(format!("{} keys are called `{shown}`; name one by more of its hash", others + 1)),
        (None, _) => Err(format!("no key has the alias `{shown}`, or a hash that begins with it (8 digits or more)")),
    }
}

/// The key, and the columns that find its row.
async fn found(desk: &Desk, name: &str) -> Result<(Map<String, Value>, Row), String> {
    let row = named(desk, name).await?;
    let token = row.get("token").cloned().unwrap_or_default();
    Ok((row, vec![("token", token)]))
}

fn key_text<'a>(row: &'a Map<String, Value>, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn short(row: &Map<String, Value>) -> String {
    let hash: String = row.get("token").and_then(Value::as_str).unwrap_or_default().chars().take(8).collect();
    match row.get("key_alias").filter(|alias| !alias.is_null()) {
        Some(alias) => format!("key {hash} {}", table::cell(Some(alias))),
        None => format!("key {hash}"),
    }
}

async fn told(desk: &Desk, id: &Row, done: &str) -> Done {
    let token = id.first().and_then(|(_, token)| token.as_str()).unwrap_or_default();
    let row = without_secrets(named(desk, token).await?);
    Ok(if desk.json { pretty(&Value::Object(row)) } else { format!("{}: {done}\n", short(&row)) })
}

async fn list(desk: &Desk, team: Option<&str>, user: Option<&str>) -> Done {
    let condition = match (team, user) {
        (Some(team), _) => Condition::Is("team_id", team),
        (None, Some(user)) => Condition::Is("user_id", user),
        (None, None) => Condition::All,
    };
    let rows = desk.find(&KEY, condition).await?;
    if desk.json {
        return Ok(pretty(&rows.into_iter().map(without_secrets).map(Value::Object).collect()));
    }
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let cell = |name: &str| table::listed(row, name);
            let hash = cell("token").chars().take(8).collect();
            let state = state(desk, row).to_owned();
            vec![
                hash,
                cell("key_alias"),
                cell("user_id"),
                cell("team_id"),
                cell("models"),
                cell("spend"),
                cell("max_budget"),
                cell("expires"),
                state,
            ]
        })
        .collect();
    Ok(table::table(&["HASH", "ALIAS", "USER", "TEAM", "MODELS", "SPENT", "BUDGET", "EXPIRES", "STATE"], &rows))
}

fn state(desk: &Desk, row: &Map<String, Value>) -> &'static str {
    let expires = row.get("expires").and_then(Value::as_str).and_then(time::parse);
    match (row.get("blocked") == Some(&json!(true)), expires.is_some_and(|at| at < desk.now)) {
        (true, _) => "blocked",
        (false, true) => "expired",
        (false, false) => "ok",
    }
}

async fn show(desk: &Desk, name: &str) -> Done {
    let row = without_secrets(named(desk, name).await?);
    Ok(if desk.json { pretty(&Value::Object(row)) } else { table::lines(&row) })
}

async fn update(desk: &Desk, name: &str, fields: &Fields) -> Done {
    let (key, id) = found(desk, name).await?;
    let mut row = fields.row(desk)?;
    if row.is_empty() {
        return Err("nothing is named that could be changed".to_owned());
    }
    // Its own name is no other key's.
    row.retain(|(name, value)| *name != "key_alias" || key.get(*name) != Some(value));
    check(desk, &row).await?;
    desk.stamp(&KEY, &mut row);
    desk.change(&[Change::Update(&KEY, row, id.clone())]).await?;
    told(desk, &id, "changed").await
}

async fn block(desk: &Desk, name: &str, blocked: bool) -> Done {
    let (_, id) = found(desk, name).await?;
    let mut row = vec![("blocked", json!(blocked))];
    desk.stamp(&KEY, &mut row);
    desk.change(&[Change::Update(&KEY, row, id.clone())]).await?;
    told(desk, &id, if blocked { "blocked" } else { "not blocked" }).await
}

async fn rotate(desk: &Desk, name: &str, grace: &str) -> Done {
    let until = values::after(grace, desk.now)
        .ok_or_else(|| format!("`{grace}` is no duration; write it like `24h`, or `0s` to end the old key at once"))?;
    let (key, _) = found(desk, name).await?;
    let old = key.get("token").and_then(Value::as_str).and_then(KeyHash::from_hex);
    let old = old.ok_or_else(|| format!("{} has no hash that could be replaced", short(&key)))?;
    let secret = fresh_key()?;
    let new = KeyHash::of(secret.expose());
    let (row_id, until) = (fresh_id()?, (until > desk.now).then(|| values::stored(until)));
    let grace = until.as_ref().and_then(Value::as_str).map(|until| (row_id.as_str(), until));
    if grace.is_none() {
        // Whoever ends a key at once means those before it, too.
        desk.change(&[Change::Delete(&DEPRECATED_KEY, vec![("active_token_id", json!(old.to_hex()))])]).await?;
    }
    desk.admin.rotate(&old, &new, grace).await.map_err(in_words)?;
    match &until {
        Some(until) => eprintln!("the old key works until {} UTC", table::cell(Some(until))),
        None => eprintln!("no old key works any longer"),
    }
    told_once(desk, &secret, &new).await
}

async fn delete(desk: &Desk, name: &str) -> Done {
    let (key, id) = found(desk, name).await?;
    if let Some(mapping) = desk.find(&JWT_KEY_MAPPING, Condition::Is("token", key_text(&key, "token"))).await?.first() {
        let (claim, value) = (table::listed(mapping, "jwt_claim_name"), table::listed(mapping, "jwt_claim_value"));
        return Err(format!(
            "tokens whose `{claim}` is `{value}` stand for {}; delete that row of {} first, or block the key",
            short(&key),
            JWT_KEY_MAPPING.name
        ));
    }
    let old = vec![("active_token_id", id.first().map(|(_, token)| token.clone()).unwrap_or_default())];
    desk.change(&[Change::Delete(&KEY, id.clone()), Change::Delete(&DEPRECATED_KEY, old)]).await?;
    let token = key.get("token").cloned().unwrap_or_default();
    Ok(if desk.json { pretty(&json!({ "token": token })) } else { format!("{}: deleted\n", short(&key)) })
}
