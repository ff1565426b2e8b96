use serde_json::{Value, json};

use super::*;
use crate::store::sql::schema::Table;

fn row(table: &Table, set: &Value) -> Value {
    let columns = table.columns.iter().filter(|column| column.read);
    let mut row: serde_json::Map<_, _> = columns.map(|column| (column.name.to_owned(), Value::Null)).collect();
    row.extend(set.as_object().unwrap().clone());
    Value::Object(row)
}

/// A document of a key alone, with changes.
fn document(changes: &Value) -> String {
    let key = json!({
        "token": KeyHash::of("sk-a").to_hex(), "models": [], "spend": 0, "metadata": {}, "aliases": {},
        "permissions": {}, "model_spend": {}, "model_max_budget": {},
    });
    let mut rows = json!({
        "revoke_at": null, "key": row(&KEY, &key), "key_budget": null, "key_objects": null, "key_groups": [],
        "team": null, "team_aliases": null, "team_objects": null, "team_groups": [], "team_default": null,
        "member": null, "member_budget": null, "member_role": null, "organization": null, "organization_budget": null, "organization_objects": null,
        "project": null, "project_budget": null, "user": null, "user_roles": [], "agent": null, "agent_objects": null,
    });
    for (path, value) in changes.as_object().unwrap() {
        *rows.pointer_mut(path).unwrap() = value.clone();
    }
    rows.to_string()
}

fn read(changes: &Value) -> Result<Option<Key>, Unreadable> {
    Reader::default().key(&document(changes), Timestamp::UNIX_EPOCH)
}

#[test]
fn a_missing_column_is_an_error_that_names_it_s188() {
    // The query alone reads these.
    let joined = ["access_group_ids"];
    for column in KEY.columns.iter().filter(|column| column.read && !joined.contains(&column.name)) {
        let mut document: Value = serde_json::from_str(&document(&json!({}))).unwrap();
        document["key"].as_object_mut().unwrap().remove(column.name);
        let error = Reader::default().key(&document.to_string(), Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!((error.table, error.column), (KEY.name, column.name));
    }
}

#[test]
fn an_error_shows_nothing_of_the_row() {
    let secret = json!({"/key/metadata": {"tags": "sk-canary"}});
    assert!(!read(&secret).unwrap_err().to_string().contains("canary"));
    let text = Reader::default().key("{\"key\": \"sk-canary\"", Timestamp::UNIX_EPOCH).unwrap_err().to_string();
    assert!(!text.contains("canary"));
}

#[test]
fn values_of_another_type_are_errors() {
    for (path, value) in [
        ("/key/blocked", json!("true")),
        ("/key/blocked", json!(1)),
        ("/key/spend", Value::Null),
        ("/key/spend", json!("NaN")),
        ("/key/expires", json!("infinity")),
        ("/key/expires", json!("2027-01-01")),
        ("/key/models", json!(["a", null])),
        ("/key/token", json!("sk-a")),
        ("/key/team_id", json!("x".repeat(300))),
        ("/revoke_at", json!("soon")),
    ] {
        assert!(read(&json!({(path): value})).is_err(), "{path}: {value}");
    }
    assert!(!read(&json!({"/key/blocked": null})).unwrap().unwrap().record.blocked);
    assert!(read(&json!({"/key/blocked": true})).unwrap().unwrap().record.blocked);
}

#[test]
fn what_a_budget_row_says_holds_where_the_key_says_nothing_db2() {
    let budget = row(&BUDGET, &json!({"budget_id": "b", "max_budget": 10, "rpm_limit": 5, "tpm_limit": 6}));
    let of_row = json!({"/key/budget_id": "b", "/key_budget": budget, "/key/rpm_limit": 1});
    let key = read(&of_row).unwrap().unwrap().record;
    assert_eq!(key.budget.max.unwrap().dollars().to_string(), "10", "B08");
    assert_eq!((key.terms.limits.requests, key.terms.limits.tokens), (Some(1), Some(6)));
    let own = json!({"/key/budget_id": "b", "/key_budget": budget, "/key/max_budget": 0});
    assert_eq!(read(&own).unwrap().unwrap().record.budget.max.unwrap().dollars().to_string(), "0", "B09");
}

#[test]
fn keys_of_one_team_share_its_record() {
    let team = row(&TEAM, &json!({"team_id": "red", "spend": 0, "metadata": {}, "blocked": false}));
    let of_team = json!({"/key/team_id": "red", "/team": team});
    let reader = Reader::default();
    let team = |document: &str| reader.key(document, Timestamp::UNIX_EPOCH).unwrap().unwrap().record.team.unwrap();
    let first = team(&document(&of_team));
    assert!(Arc::ptr_eq(&first, &team(&document(&of_team))));
    let mut blocked = of_team.clone();
    blocked["/team"]["blocked"] = json!(true);
    assert!(team(&document(&blocked)).blocked, "a changed row is another record");
}
