//! The rows of one write. What is there already is left as it is.

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::authn::bearer::writes::{Registration, Write};
use crate::core::credential::KeyHash;
use crate::store::admin::{Admin, AdminError, Change, Row};
use crate::store::sql::schema::Table;
use crate::store::sql::tables::{JWT_KEY_MAPPING, KEY, TEAM, USER};
use crate::store::sql::write::Condition;

/// Who has written a row, in LiteLLM's columns.
const AUTHOR: &str = "tollgate";
/// How LiteLLM writes times.
const FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.3f";

/// Writes one thing, in one transaction but for the teams of a user.
pub(super) async fn write(admin: &Admin, write: &Write, now: Timestamp) -> Result<(), AdminError> {
    match write {
        Write::User { id, email } => {
            let mut row: Row = vec![("user_id", json!(id)), ("models", json!([])), ("teams", json!([]))];
            row.extend(email.as_ref().map(|email| ("user_email", json!(email))));
            insert(admin, &USER, row, now).await
        }
        Write::Team { id } => insert(admin, &TEAM, vec![("team_id", json!(id)), ("models", json!([]))], now).await,
        Write::Join { user, team, .. } => admin.join(user, team).await.map(drop),
        Write::Role { user, role, .. } => {
            let (row, of) = (vec![("user_role", json!(role.as_str()))], vec![("user_id", json!(user))]);
            admin.change(&[Change::Update(&USER, row, of)]).await.map(drop)
        }
        Write::Teams { user, teams, .. } => sync(admin, user, teams).await,
        Write::Register(registration) => register(admin, registration, now).await,
    }
}

async fn insert(admin: &Admin, table: &'static Table, mut row: Row, now: Timestamp) -> Result<(), AdminError> {
    stamp(table, &mut row, now);
    there(admin.change(&[Change::Insert(table, row)]).await)
}

/// Somebody else may have been faster.
fn there(result: Result<u64, AdminError>) -> Result<(), AdminError> {
    match result {
        Ok(_) | Err(AdminError::Exists { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn stamp(table: &Table, row: &mut Row, now: Timestamp) {
    let at = json!(now.strftime(FORMAT).to_string());
    for (name, value) in
        [("created_at", at.clone()), ("updated_at", at), ("created_by", json!(AUTHOR)), ("updated_by", json!(AUTHOR))]
    {
        row.extend(table.column(name).map(|column| (column.name, value)));
    }
}

/// The user's teams become those of the token (LiteLLM 4.7). A team that does not exist stays away.
async fn sync(admin: &Admin, user: &str, teams: &[String]) -> Result<(), AdminError> {
    let rows = admin.find(&USER, Condition::Is("user_id", user)).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let known = texts(row, "teams");
    for team in teams.iter().filter(|team| !known.contains(team)) {
        admin.join(user, team).await?;
    }
    for team in known.iter().filter(|team| !teams.contains(team)) {
        admin.leave(user, team).await?;
    }
    Ok(())
}

fn texts(row: &Map<String, Value>, name: &str) -> Vec<String> {
    let list = row.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A key and its mapping, both or none: of two who register a client at one time one finds the other's mapping, and its
/// key is not made (W31). Nobody ever sees the text of the key: it is good for nothing but the client's tokens.
async fn register(admin: &Admin, registration: &Registration, now: Timestamp) -> Result<(), AdminError> {
    let Registration { name, value, user, template } = registration;
    let hash = KeyHash::of(&random("sk-")?).to_hex();
    let metadata = json!({ "auto_registered": true, "jwt_claim_field": name, "jwt_claim_value": value });
    let mut key: Row = vec![("token", json!(hash)), ("models", json!(template.models.0)), ("metadata", metadata)];
    key.extend(user.as_ref().map(|user| ("user_id", json!(user))));
    key.extend(template.max_budget.map(|amount| ("max_budget", json!(amount.dollars()))));
    key.extend(template.limits.requests.map(|limit| ("rpm_limit", json!(limit))));
    key.extend(template.limits.tokens.map(|limit| ("tpm_limit", json!(limit))));
    let life = template.days.map(|days| SignedDuration::from_hours(i64::from(days).saturating_mul(24)));
    let expires = life.and_then(|life| now.saturating_add(life).ok());
    key.extend(expires.map(|expires| ("expires", json!(expires.strftime(FORMAT).to_string()))));
    stamp(&KEY, &mut key, now);
    let mut mapping: Row = vec![
        ("id", json!(random("")?)),
        ("jwt_claim_name", json!(name)),
        ("jwt_claim_value", json!(value)),
        ("token", json!(hash)),
        ("is_active", json!(true)),
    ];
    stamp(&JWT_KEY_MAPPING, &mut mapping, now);
    there(admin.change(&[Change::Insert(&KEY, key), Change::Insert(&JWT_KEY_MAPPING, mapping)]).await)
}

fn random(prefix: &str) -> Result<String, AdminError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| AdminError::Unreadable)?;
    Ok(format!("{prefix}{}", HEXLOWER.encode(&bytes)))
}
