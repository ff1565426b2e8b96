//! Role × route group × method, on one page. Review its changes like code; `UPDATE_EXPECT=1 cargo test`
//! writes it.

use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::expect_file;
use jiff::Timestamp;
use tollgate::core::ask::rules::RequestRules;
use tollgate::core::ask::{Ask, Managed};
use tollgate::core::credential::KeyHash;
use tollgate::core::deny::DenyReason;
use tollgate::core::identity::Identity;
use tollgate::core::models::ModelMap;
use tollgate::core::policy::rules::RouteRules;
use tollgate::core::policy::{self, Asked, Facts};
use tollgate::core::record::{KeyRecord, Named, Role, User};
use tollgate::core::request::{Fidelity, HeaderView};
use tollgate::core::route::groups::GROUPS;
use tollgate::core::route::{Method, RouteTable};

use crate::matrix::example;

/// Columns: a title, and the role of the key's owner; the last two have no owner, and an owner without role.
const ROLES: &[(&str, Option<Role>)] = &[
    ("admin", Some(Role::ProxyAdmin)),
    ("viewer", Some(Role::ProxyAdminViewer)),
    ("internal", Some(Role::InternalUser)),
    ("int.view", Some(Role::InternalUserViewer)),
    ("org_admin", Some(Role::OrgAdmin)),
    ("team", Some(Role::Team)),
    ("customer", Some(Role::Customer)),
];

/// Routes worth a line of their own, beside the first of every group.
const NOTABLE: &[&str] = &[
    "/user/info",
    "/user/update",
    "/team/new",
    "/team/member_add",
    "/organization/new",
    "/organization/info",
    "/key/{key_id}/regenerate",
    "/v1/mcp/server",
    "/v1/mcp/other",
    "/health",
    "/v1/models/{model_id}",
    "/config/update",
    "/mystery",
];

fn key(user: Option<User>) -> Identity {
    Identity::VirtualKey(Arc::new(KeyRecord { user: user.map(Arc::new), ..KeyRecord::new(KeyHash::of("sk-role")) }))
}

fn owner(role: Option<Role>, administers: &[&str]) -> Identity {
    let memberships = administers.iter().map(|id| ((*id).to_owned(), Some(Role::OrgAdmin))).collect();
    key(Some(User { role, memberships, ..User::new("me") }))
}

fn callers() -> Vec<(&'static str, Identity)> {
    let mut callers = vec![("master", Identity::MasterKey)];
    callers.extend(ROLES.iter().map(|(title, role)| (*title, owner(*role, &[]))));
    callers.push(("of org-1", owner(Some(Role::InternalUser), &["org-1"])));
    callers.push(("of org-2", owner(Some(Role::InternalUser), &["org-2"])));
    callers.push(("no role", owner(None, &[])));
    callers.push(("no owner", key(None)));
    callers
}

/// What a caller gets: `+`, or a short word for the reason.
fn cell(table: &RouteTable, identity: &Identity, path: &str, method: Method) -> &'static str {
    let named = || Ok(Some("org-1".to_owned()));
    let managed =
        Managed { organization_id: named(), organizations: Ok(vec!["org-1".to_owned()]), ..Managed::default() };
    let ask = Ask { model: Some("m".to_owned()), managed, ..Ask::default() };
    let (found, rules, request) = (table.find(path), RouteRules::default(), RequestRules::default());
    let headers = HeaderView::new(Vec::new(), Fidelity::Exact);
    let facts = Facts {
        identity,
        path,
        method,
        found: found.as_ref(),
        headers: &headers,
        rules: &rules,
        request: &request,
        now: Timestamp::UNIX_EPOCH,
    };
    let (ask, named, models): (Result<_, DenyReason>, _, _) = (Ok(ask), Named::default(), ModelMap::default());
    let asked = Asked::new(facts, ask.as_ref().map_err(|reason| *reason), &named, &models);
    let verdict = policy::judge_caller(&facts).and_then(|()| policy::judge_request(&asked));
    let Err(reason) = verdict else {
        return "+";
    };
    [
        (DenyReason::RoleNotAllowed, "role"),
        (DenyReason::ViewerNotAllowed, "viewer"),
        (DenyReason::MasterKeyOnly, "master"),
        (DenyReason::RouteUnknown, "unknown"),
        (DenyReason::OrganizationNotAllowed, "org"),
        (DenyReason::MethodNotAllowed, "-"),
    ]
    .into_iter()
    .find(|(known, _)| *known == reason)
    .unwrap_or_else(|| panic!("{reason:?} needs a word"))
    .1
}

fn columns<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let line = cells.fold(String::new(), |line, cell| format!("{line}{cell:<10}"));
    line.trim_end().to_owned()
}

fn rows(table: &RouteTable, pattern: &str) -> String {
    let path = example(pattern);
    let mut lines: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for method in Method::ALL {
        let cells: Vec<_> = callers().iter().map(|(_, identity)| cell(table, identity, &path, method)).collect();
        match lines.iter_mut().find(|(_, known)| *known == cells) {
            Some((methods, _)) => methods.push(method.as_str()),
            None => lines.push((vec![method.as_str()], cells)),
        }
    }
    let mut text = String::new();
    for (methods, cells) in lines.iter().filter(|(_, cells)| cells.iter().any(|cell| *cell != "-")) {
        writeln!(text, "  {:<38} {}", methods.join(" "), columns(cells.iter().copied())).unwrap();
    }
    text
}

fn page() -> String {
    let table = RouteTable::new(Vec::new(), String::new());
    let titles = columns(callers().iter().map(|(title, _)| *title));
    let mut page = format!(
        "Requests name organization org-1. `+` is an allow, `-` a method the route does not have,\n\
         other words say which rule refuses.\n\n{:<41}{}\n",
        "", titles
    );
    for row in GROUPS.iter().filter(|row| !row.name.is_empty()) {
        match row.patterns().find(|pattern| pattern.starts_with('/')) {
            Some(pattern) => write!(page, "\n{}: {pattern}\n{}", row.name, rows(&table, pattern)).unwrap(),
            None => writeln!(page, "\n{}: no paths", row.name).unwrap(),
        }
    }
    for pattern in NOTABLE {
        write!(page, "\n{pattern}\n{}", rows(&table, pattern)).unwrap();
    }
    page
}

#[test]
fn the_page_is_as_reviewed() {
    expect_file!["roles.txt"].assert_eq(&page());
}

#[test]
fn every_group_role_and_method_is_on_the_page() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/roles.txt")).unwrap();
    for row in GROUPS.iter().filter(|row| !row.name.is_empty()) {
        assert!(page.contains(&format!("\n{}: ", row.name)), "{}", row.name);
    }
    for method in Method::ALL {
        assert!(page.contains(method.as_str()), "{method:?}");
    }
    let shown: Vec<_> = ROLES.iter().filter_map(|(_, role)| *role).collect();
    assert!(Role::ALL.iter().all(|role| shown.contains(role)));
}
