//! Triggers by which PostgreSQL tells of changes.

use super::schema::Table;
use super::tables::{
    ACCESS_GROUP, AGENT, BUDGET, DEPRECATED_KEY, END_USER, JWT_KEY_MAPPING, KEY, MEMBERSHIP, MODEL, OBJECT_PERMISSION,
    ORGANIZATION, ORGANIZATION_MEMBERSHIP, PROJECT, TAG, TEAM, USER,
};
use crate::core::credential::KeyHash;
use crate::store::cached::Change;

/// The channel changes are told on.
pub const CHANNEL: &str = "tollgate";
/// The name of every trigger.
const NAME: &str = "tollgate_notify";

/// Which tables tell what: the letter of a payload, and the column that follows it.
pub const WATCHED: &[(&Table, char, &str)] = &[
    (&KEY, 'K', "token"),
    (&DEPRECATED_KEY, 'K', "token"),
    (&USER, 'U', "user_id"),
    (&ORGANIZATION_MEMBERSHIP, 'U', "user_id"),
    (&MEMBERSHIP, 'U', "user_id"),
    (&TEAM, 'T', "team_id"),
    (&ORGANIZATION, 'O', "organization_id"),
    (&PROJECT, 'P', "project_id"),
    (&AGENT, 'G', "agent_id"),
    (&END_USER, 'E', "user_id"),
    (&TAG, 'L', "tag_name"),
    (&JWT_KEY_MAPPING, 'M', "id"),
    (&BUDGET, 'A', "budget_id"),
    (&MODEL, 'A', "id"),
    (&ACCESS_GROUP, 'A', "access_group_id"),
    (&OBJECT_PERMISSION, 'A', "object_permission_id"),
];

/// Tells who changed: the old and the new id of the row. Spending alone is not told, for it changes with every
/// request, unless it crosses the row's own limit; how late it is seen is the cache's `ttl`.
const FUNCTION: &str = r"CREATE OR REPLACE FUNCTION tollgate_notify() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  busy constant text[] := ARRAY['spend', 'total_spend', 'model_spend', 'updated_at', 'updated_by', 'last_active',
                                'soft_budget_cooldown'];
  before jsonb := CASE WHEN TG_OP IN ('UPDATE', 'DELETE') THEN to_jsonb(OLD) END;
  after jsonb := CASE WHEN TG_OP IN ('UPDATE', 'INSERT') THEN to_jsonb(NEW) END;
  was text := before ->> TG_ARGV[1];
  is_now text := after ->> TG_ARGV[1];
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    PERFORM pg_notify('tollgate', 'A:');
    RETURN NULL;
  END IF;
  IF TG_OP = 'UPDATE' AND before - busy = after - busy AND NOT (before ? 'max_budget' AND
      ((before ->> 'spend')::float8 >= (before ->> 'max_budget')::float8)
      IS DISTINCT FROM ((after ->> 'spend')::float8 >= (after ->> 'max_budget')::float8)) THEN
    RETURN NULL;
  END IF;
  IF octet_length(concat(was, is_now)) > 4000 THEN
    PERFORM pg_notify('tollgate', 'A:');
    RETURN NULL;
  END IF;
  IF was IS NOT NULL THEN
    PERFORM pg_notify('tollgate', TG_ARGV[0] || ':' || was);
  END IF;
  IF is_now IS NOT NULL AND is_now IS DISTINCT FROM was THEN
    PERFORM pg_notify('tollgate', TG_ARGV[0] || ':' || is_now);
  END IF;
  RETURN NULL;
END $$";

/// Installs the triggers, or brings them up to date.
#[must_use]
pub fn install() -> Vec<String> {
    let triggers = WATCHED.iter().flat_map(|(table, letter, column)| {
        let name = table.name;
        [
            format!(
                "CREATE OR REPLACE TRIGGER {NAME} AFTER INSERT OR UPDATE OR DELETE ON \"{name}\" \
                 FOR EACH ROW EXECUTE FUNCTION tollgate_notify('{letter}', '{column}')"
            ),
            format!(
                "CREATE OR REPLACE TRIGGER {NAME}_truncate AFTER TRUNCATE ON \"{name}\" \
                 FOR EACH STATEMENT EXECUTE FUNCTION tollgate_notify('A', '{column}')"
            ),
        ]
    });
    std::iter::once(FUNCTION.to_owned()).chain(triggers).collect()
}

/// Removes the triggers, if they are there.
#[must_use]
pub fn remove() -> Vec<String> {
    let triggers = WATCHED.iter().flat_map(|(table, ..)| {
        let name = table.name;
        [
            format!("DROP TRIGGER IF EXISTS {NAME} ON \"{name}\""),
            format!("DROP TRIGGER IF EXISTS {NAME}_truncate ON \"{name}\""),
        ]
    });
    triggers.chain(std::iter::once("DROP FUNCTION IF EXISTS tollgate_notify()".to_owned())).collect()
}

/// How many tables of the search path have a trigger that is on.
pub const COUNT: &str = "SELECT count(*) FROM pg_trigger WHERE tgname = 'tollgate_notify' AND tgenabled IN ('O', 'A') \
                         AND pg_table_is_visible(tgrelid)";

/// What a payload says. What cannot be read says that something changed.
#[must_use]
pub fn change(payload: &str) -> Change {
    let (letter, id) = payload.split_once(':').unwrap_or_default();
    let id = || id.to_owned();
    match letter {
        "K" => KeyHash::from_hex(&id()).map_or(Change::Anything, Change::Key),
        "U" => Change::User(id()),
        "T" => Change::Team(id()),
        "O" => Change::Organization(id()),
        "P" => Change::Project(id()),
        "G" => Change::Agent(id()),
        "E" => Change::EndUser(id()),
        "L" => Change::Tag(id()),
        "M" => Change::Mapping,
        _ => Change::Anything,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_read_and_the_rest_is_anything() {
        let hash = KeyHash::of("sk-a");
        assert_eq!(change(&format!("K:{}", hash.to_hex())), Change::Key(hash));
        assert_eq!(change("U:a:b"), Change::User("a:b".to_owned()));
        for payload in ["", "A:", "A:x", "K:", "K:sk-a", "x", "Z:1"] {
            assert_eq!(change(payload), Change::Anything, "{payload}");
        }
    }

    #[test]
    fn every_letter_is_understood() {
        for (_, letter, _) in WATCHED {
            let about = change(&format!("{letter}:{}", KeyHash::of("sk-a").to_hex()));
            assert_eq!(about == Change::Anything, *letter == 'A', "{letter}");
        }
    }
}
