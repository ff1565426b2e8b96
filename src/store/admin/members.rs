//! Who belongs to a team: three places say it, and LiteLLM reads all of them.

use super::{Admin, AdminError};
use crate::store::sql::Dialect;
use crate::store::sql::write::Statement;

/// `$1` is the user, `$2` the team. The first statement decides whether anything is done.
struct Texts {
    join: [&'static str; 3],
    leave: [&'static str; 3],
}

const POSTGRES: Texts = Texts {
    join: [
        r#"UPDATE "LiteLLM_TeamTable" SET members_with_roles =
  CASE jsonb_typeof(members_with_roles) WHEN 'array' THEN members_with_roles ELSE '[]'::jsonb END
  || jsonb_build_array(jsonb_build_object('user_id', $1::text, 'role', 'user'))
WHERE team_id = $2::text
  AND NOT members_with_roles @> jsonb_build_array(jsonb_build_object('user_id', $1::text))"#,
        r#"UPDATE "LiteLLM_UserTable" SET teams = array_append(teams, $2::text)
WHERE user_id = $1::text AND $2::text <> ALL(coalesce(teams, '{}'))"#,
        r#"INSERT INTO "LiteLLM_TeamMembership" (user_id, team_id) VALUES ($1::text, $2::text) ON CONFLICT DO NOTHING"#,
    ],
    leave: [
        r#"UPDATE "LiteLLM_UserTable" SET teams = array_remove(teams, $2::text)
WHERE user_id = $1::text AND $2::text = ANY(teams)"#,
        r#"UPDATE "LiteLLM_TeamTable" SET members_with_roles =
  coalesce((SELECT jsonb_agg(m) FROM jsonb_array_elements(members_with_roles) m
            WHERE m->>'user_id' IS DISTINCT FROM $1::text), '[]'::jsonb)
WHERE team_id = $2::text AND jsonb_typeof(members_with_roles) = 'array'"#,
        r#"DELETE FROM "LiteLLM_TeamMembership" WHERE user_id = $1::text AND team_id = $2::text"#,
    ],
};

const SQLITE: Texts = Texts {
    join: [
        r#"UPDATE "LiteLLM_TeamTable" SET members_with_roles =
  json_insert(CASE json_type(members_with_roles) WHEN 'array' THEN members_with_roles ELSE '[]' END,
              '$[#]', json_object('user_id', $1, 'role', 'user'))
WHERE team_id = $2 AND NOT EXISTS (
  SELECT 1 FROM json_each(members_with_roles) m WHERE m.type = 'object' AND json_extract(m.value, '$.user_id') = $1)"#,
        r#"UPDATE "LiteLLM_UserTable" SET teams = json_insert(coalesce(teams, '[]'), '$[#]', $2)
WHERE user_id = $1 AND NOT EXISTS (SELECT 1 FROM json_each(coalesce(teams, '[]')) WHERE value = $2)"#,
        r#"INSERT INTO "LiteLLM_TeamMembership" (user_id, team_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"#,
    ],
    leave: [
        r#"UPDATE "LiteLLM_UserTable" SET teams =
  (SELECT json_group_array(value) FROM json_each(coalesce("LiteLLM_UserTable".teams, '[]')) WHERE value <> $2)
WHERE user_id = $1 AND EXISTS (SELECT 1 FROM json_each(coalesce(teams, '[]')) WHERE value = $2)"#,
        r#"UPDATE "LiteLLM_TeamTable" SET members_with_roles =
  (SELECT json_group_array(json(m.value)) FROM json_each("LiteLLM_TeamTable".members_with_roles) m
   WHERE m.type <> 'object' OR json_extract(m.value, '$.user_id') IS NOT $1)
WHERE team_id = $2 AND json_type(members_with_roles) = 'array'"#,
        r#"DELETE FROM "LiteLLM_TeamMembership" WHERE user_id = $1 AND team_id = $2"#,
    ],
};

impl Admin {
    /// Makes somebody an ordinary member of a team. Whether anything changed: there is such a team, and it had no such
    /// member.
    ///
    /// # Errors
    /// A database that refuses.
    pub async fn join(&self, user: &str, team: &str) -> Result<bool, AdminError> {
        self.both(&self.texts().join, user, team).await
    }

    /// Ends a membership. Whether there was one.
    ///
    /// # Errors
    /// A database that refuses.
    pub async fn leave(&self, user: &str, team: &str) -> Result<bool, AdminError> {
        self.both(&self.texts().leave, user, team).await
    }

    fn texts(&self) -> &'static Texts {
        match self.dialect() {
            Dialect::Sqlite => &SQLITE,
            Dialect::Postgres => &POSTGRES,
        }
    }

    async fn both(&self, texts: &[&'static str], user: &str, team: &str) -> Result<bool, AdminError> {
        let parameters = [user, team].map(|text| Some(text.to_owned()));
        let statement = |sql: &&str| Statement { sql: (*sql).to_owned(), parameters: parameters.clone().into() };
        let statements: Vec<_> = texts.iter().map(statement).collect();
        self.run(&statements).await.map(|changed| changed > 0)
    }
}
