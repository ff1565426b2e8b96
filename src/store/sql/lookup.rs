//! The queries of look-ups: one document for one question.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::Dialect;
use super::schema::Table;
use super::tables::{
    ACCESS_GROUP, AGENT, BUDGET, DEPRECATED_KEY, END_USER, JWT_KEY_MAPPING, KEY, MEMBERSHIP, MODEL, OBJECT_PERMISSION,
    ORGANIZATION, ORGANIZATION_MEMBERSHIP, PROJECT, SPEND_LOG, TAG, TEAM, USER,
};

/// Longest document that is read. A key beyond it is refused (S-189).
pub const MAX_DOCUMENT: usize = 1024 * 1024;

/// The texts of the queries. All parameters are bound.
#[derive(Debug)]
pub struct Queries {
    /// `$1` is a key's hash in hexadecimal. No row: no such key. NULL: the document is too long.
    pub key: SqlStr,
    /// `$1` is an end user's id, `$2` the id of the default budget, or NULL. Always one row.
    pub end_user: SqlStr,
    /// `$1` is a tag's name. No row: no such tag.
    pub tag: SqlStr,
    /// `$1` is a text. A row: it is the id of an end user, or the id or e-mail address of a user.
    pub known: SqlStr,
    /// `$1` is a user's id, `$2` a team's, `$3` an organisation's; each may be NULL. Always one row.
    pub standing: SqlStr,
    /// `$1` is another name than the id. No row: nobody's. NULL: the name of several.
    pub names: Names,
    /// `$1` is the name of a claim, `$2` its value. The hash of the key it stands for.
    pub mapped_key: SqlStr,
    /// `$1` is a time: what everybody spent since.
    pub spend: SqlStr,
    /// `$1` is a time, `$2` a key's hash: what the key spent since.
    pub key_spend: SqlStr,
    /// `$1` is a time, `$2` a team's id: what the team spent since.
    pub team_spend: SqlStr,
}

/// The queries for the id behind a name.
#[derive(Debug)]
pub struct Names {
    /// Of a user, by what the identity provider calls it.
    pub sso_id: SqlStr,
    /// Of a user, by an e-mail address.
    pub email: SqlStr,
    /// Of a team.
    pub team: SqlStr,
    /// Of an organisation.
    pub organization: SqlStr,
}

impl Names {
    fn new() -> Self {
        let is = |column: &str| format!("{column} = $1");
        Self {
            sso_id: sql(id_of(&USER, &is("sso_user_id"))),
            email: sql(id_of(&USER, "lower(user_email) = lower($1)")),
            team: sql(id_of(&TEAM, &is("team_alias"))),
            organization: sql(id_of(&ORGANIZATION, &is("organization_alias"))),
        }
    }
}

impl Queries {
    /// The queries in a dialect.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self {
            key: sql(bounded(&key(dialect))),
            end_user: sql(bounded(&end_user(dialect))),
            tag: sql(bounded(&tag(dialect))),
            known: sql(known()),
            standing: sql(bounded(&standing(dialect))),
            names: Names::new(),
            mapped_key: sql(mapped_key()),
            spend: sql(spend(dialect, "")),
            key_spend: sql(spend(dialect, " AND api_key = $2")),
            team_spend: sql(spend(dialect, " AND team_id = $2")),
        }
    }
}

/// These texts are made of constants of the program alone; what a request says is bound (S-073).
fn sql(text: String) -> SqlStr {
    AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
}

/// NULL in place of a document that is too long, so that it never crosses the wire.
fn bounded(query: &str) -> String {
    format!("SELECT CASE WHEN length(d.document) <= {MAX_DOCUMENT} THEN d.document END FROM ({query}) d")
}

/// LiteLLM's combined record (spec section 3.5), in one round trip with the grace period (LOOK-10) and the
/// organisation of the team (DB-3).
fn key(dialect: Dialect) -> String {
    let Dialects { null_time, text } = Dialects::of(dialect);
    let (key, deprecated) = (KEY.name, DEPRECATED_KEY.name);
    let mut members = vec![
        ("revoke_at", "r.revoke_at".to_owned()),
        ("key", dialect.row(&KEY, "k")),
        ("key_budget", dialect.row(&BUDGET, "kb")),
        ("key_objects", dialect.permission("kop")),
        ("key_groups", dialect.rows(&ACCESS_GROUP, "g", &dialect.is_in("g.access_group_id", "k.access_group_ids"))),
        ("project", dialect.row(&PROJECT, "p")),
        ("project_budget", dialect.row(&BUDGET, "pb")),
        ("agent", dialect.row(&AGENT, "a")),
        ("agent_objects", dialect.permission("aop")),
    ];
    members.extend(place(dialect));
    let (document, place) = (document(dialect, &members), place_joins());
    let (budget, objects) = (BUDGET.name, OBJECT_PERMISSION.name);
    let (project, agent) = (PROJECT.name, AGENT.name);
    format!(
        r#"WITH resolved AS (
  SELECT k.token AS token, {null_time} AS revoke_at FROM "{key}" k WHERE k.token = $1
  UNION ALL
  SELECT d.active_token_id, d.revoke_at FROM "{deprecated}" d
   WHERE d.token = $1 AND NOT EXISTS (SELECT 1 FROM "{key}" k2 WHERE k2.token = $1)
  LIMIT 1)
SELECT {document}{text} AS document
  FROM resolved r
  JOIN "{key}" k ON k.token = r.token
  LEFT JOIN "{budget}" kb ON kb.budget_id = k.budget_id
  LEFT JOIN "{objects}" kop ON kop.object_permission_id = k.object_permission_id
{place}
  LEFT JOIN "{project}" p ON p.project_id = k.project_id
  LEFT JOIN "{budget}" pb ON pb.budget_id = p.budget_id
  LEFT JOIN "{agent}" a ON a.agent_id = k.agent_id
  LEFT JOIN "{objects}" aop ON aop.object_permission_id = a.object_permission_id"#
    )
}

/// The same without a key.
fn standing(dialect: Dialect) -> String {
    let Dialects { text, .. } = Dialects::of(dialect);
    let (document, place) = (document(dialect, &place(dialect)), place_joins());
    format!(
        r"SELECT {document}{text} AS document
  FROM (SELECT $1{text} AS user_id, $2{text} AS team_id, $3{text} AS organization_id) k
{place}"
    )
}

/// Who somebody is, and where: what `user_id`, `team_id` and `organization_id` of `k` point to.
fn place(dialect: Dialect) -> Vec<(&'static str, String)> {
    vec![
        ("team", dialect.row(&TEAM, "t")),
        ("team_aliases", dialect.row(&MODEL, "tal")),
        ("team_objects", dialect.permission("top")),
        ("team_groups", dialect.rows(&ACCESS_GROUP, "g", &dialect.is_in("g.access_group_id", "t.access_group_ids"))),
        ("team_default", dialect.row(&BUDGET, "tdb")),
        ("member", dialect.row(&MEMBERSHIP, "tm")),
        ("member_role", dialect.member_role("t.members_with_roles", "k.user_id")),
        ("member_budget", dialect.row(&BUDGET, "tmb")),
        ("organization", dialect.row(&ORGANIZATION, "o")),
        ("organization_budget", dialect.row(&BUDGET, "ob")),
        ("organization_objects", dialect.permission("oop")),
        ("user", dialect.row(&USER, "u")),
        ("user_roles", dialect.rows(&ORGANIZATION_MEMBERSHIP, "om", "om.user_id = k.user_id")),
    ]
}

/// Their joins.
fn place_joins() -> String {
    let (team, budget, organization) = (TEAM.name, BUDGET.name, ORGANIZATION.name);
    let (user, objects, membership, model) = (USER.name, OBJECT_PERMISSION.name, MEMBERSHIP.name, MODEL.name);
    format!(
        r#"  LEFT JOIN "{team}" t ON t.team_id = k.team_id
  LEFT JOIN "{model}" tal ON tal.id = t.model_id
  LEFT JOIN "{objects}" top ON top.object_permission_id = t.object_permission_id
  LEFT JOIN "{budget}" tdb ON tdb.budget_id = t.metadata ->> 'team_member_budget_id'
  LEFT JOIN "{membership}" tm ON tm.team_id = k.team_id AND tm.user_id = k.user_id
  LEFT JOIN "{budget}" tmb ON tmb.budget_id = tm.budget_id
  LEFT JOIN "{organization}" o ON o.organization_id = COALESCE(k.organization_id, t.organization_id)
  LEFT JOIN "{budget}" ob ON ob.budget_id = o.budget_id
  LEFT JOIN "{objects}" oop ON oop.object_permission_id = o.object_permission_id
  LEFT JOIN "{user}" u ON u.user_id = k.user_id"#
    )
}

/// The id of the only row; NULL when there are more, no row when there is none.
fn id_of(table: &Table, condition: &str) -> String {
    let (name, id) = (table.name, table.key.first().copied().unwrap_or_default());
    format!(r#"SELECT CASE count(*) WHEN 1 THEN min({id}) END FROM "{name}" WHERE {condition} HAVING count(*) > 0"#)
}

/// LiteLLM LOOK-14. NULL where the mapping is turned off.
fn mapped_key() -> String {
    let name = JWT_KEY_MAPPING.name;
    format!(
        r#"SELECT CASE WHEN is_active THEN token END FROM "{name}" WHERE jwt_claim_name = $1 AND jwt_claim_value = $2"#
    )
}

fn end_user(dialect: Dialect) -> String {
    let Dialects { text, .. } = Dialects::of(dialect);
    let members = [
        ("end_user", dialect.row(&END_USER, "e")),
        ("objects", dialect.permission("eop")),
        ("budget", dialect.row(&BUDGET, "b")),
        ("default", dialect.row(&BUDGET, "db")),
    ];
    let document = document(dialect, &members);
    let (end_user, budget, objects) = (END_USER.name, BUDGET.name, OBJECT_PERMISSION.name);
    format!(
        r#"SELECT {document}{text} AS document
  FROM (SELECT 1 AS one) o
  LEFT JOIN "{end_user}" e ON e.user_id = $1
  LEFT JOIN "{budget}" b ON b.budget_id = e.budget_id
  LEFT JOIN "{objects}" eop ON eop.object_permission_id = e.object_permission_id
  LEFT JOIN "{budget}" db ON db.budget_id = $2"#
    )
}

fn tag(dialect: Dialect) -> String {
    let Dialects { text, .. } = Dialects::of(dialect);
    let document = document(dialect, &[("tag", dialect.row(&TAG, "t")), ("budget", dialect.row(&BUDGET, "b"))]);
    let (tag, budget) = (TAG.name, BUDGET.name);
    format!(
        r#"SELECT {document}{text} AS document
  FROM "{tag}" t LEFT JOIN "{budget}" b ON b.budget_id = t.budget_id WHERE t.tag_name = $1"#
    )
}

/// LiteLLM EU-1. The index on addresses is LiteLLM's own.
fn known() -> String {
    let (end_user, user) = (END_USER.name, USER.name);
    format!(
        r#"SELECT 'known' WHERE EXISTS (SELECT 1 FROM "{end_user}" WHERE user_id = $1)
   OR EXISTS (SELECT 1 FROM "{user}" WHERE lower(user_email) = lower($1)) OR EXISTS (SELECT 1 FROM "{user}" WHERE lower(user_id) = lower($1))"#
    )
}

/// LiteLLM BUD-3: what a window has used up is summed from the log.
fn spend(dialect: Dialect, of_whom: &str) -> String {
    let since = match dialect {
        // Texts of different precision do not compare.
        Dialect::Sqlite => r#"julianday("startTime") >= julianday($1)"#,
        Dialect::Postgres => r#""startTime" >= $1::text::timestamp"#,
    };
    let log = SPEND_LOG.name;
    format!(r#"SELECT coalesce(sum(spend), 0.0) FROM "{log}" WHERE {since}{of_whom}"#)
}

fn document(dialect: Dialect, members: &[(&str, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("'{name}', {value}")).collect();
    dialect.json_object(&members.join(", "))
}

/// Where the dialects differ in a word.
struct Dialects {
    null_time: &'static str,
    text: &'static str,
}

impl Dialects {
    fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sqlite => Self { null_time: "NULL", text: "" },
            Dialect::Postgres => Self { null_time: "NULL::timestamp", text: "::text" },
        }
    }
}
