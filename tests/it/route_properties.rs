//! What holds for every path. There is no cache of decisions, so no two paths can share an entry of one:
//! a decision is made from the path that was asked for, every time.

use proptest::prelude::*;
use tollgate::core::path::Target;
use tollgate::core::route::catalogue::CATALOGUE;
use tollgate::core::route::groups::{GROUPS, GroupNames, Row};
use tollgate::core::route::pattern::Pattern;
use tollgate::core::route::{Additions, Method, MethodSet, RouteTable};

use crate::matrix::example;

fn table() -> RouteTable {
    let groups = vec![("mine".to_owned(), vec![Pattern::parse("/x/{a}/*").unwrap()], Vec::new())];
    RouteTable::build(Additions { groups, ..Additions::default() })
}

/// Paths made of pieces of known ones, so that near misses are common.
fn path() -> impl Strategy<Value = String> {
    let words: Vec<_> = GROUPS
        .iter()
        .flat_map(Row::patterns)
        .flat_map(|pattern| pattern.split('/'))
        .map(example)
        .chain(["x".to_owned(), "*".to_owned(), "{a}".to_owned(), "a:b".to_owned(), String::new()])
        .collect();
    proptest::collection::vec(proptest::sample::select(words), 1..6).prop_map(|words| format!("/{}", words.join("/")))
}

proptest! {
    #[test]
    fn matching_is_total(path in "\\PC{0,40}") {
        let table = table();
        prop_assert!(table.find(&path).is_none_or(|found| path.starts_with('/') && !found.groups.is_empty() || found.route.paths.len() > 1));
        Pattern::parse(&path).ok();
    }

    #[test]
    fn the_query_and_the_spelling_of_bytes_decide_nothing(path in path(), query in "[a-z0-9=&?/*{}]{0,20}", mask in any::<u64>()) {
        let plain = Target::parse(&path, "").ok().map(|target| target.path.into_owned());
        let spelled: String = path.bytes().enumerate().map(|(i, byte)| {
            if byte.is_ascii_alphanumeric() && mask >> (i % 64) & 1 == 1 { format!("%{byte:02x}") } else { char::from(byte).to_string() }
        }).collect();
        let target = format!("{spelled}?{query}");
        let asked = Target::parse(&target, "").ok().map(|target| target.path.into_owned());
        prop_assert_eq!(plain, asked);
    }

    /// A literal pattern fits one path: its own. Two paths are one route only by a pattern that says so.
    #[test]
    fn a_route_without_placeholders_has_the_spellings_of_its_row(path in path()) {
        let table = table();
        if let Some(found) = table.find(&path) {
            let row = CATALOGUE.iter().find(|route| route.id == found.route.id);
            let literal = row.filter(|row| row.paths.iter().all(|pattern| !pattern.contains(['{', '*'])));
            prop_assert!(literal.is_none_or(|row| row.paths.contains(&path.as_str())), "{} is {}", path, found.route.id);
        }
    }

    /// A path and its extension by a slash are different routes, or both below one wildcard.
    #[test]
    fn a_trailing_slash_is_another_route(path in path()) {
        let table = table();
        let slashed = format!("{path}/");
        if let (Some(one), Some(other)) = (table.find(&path), table.find(&slashed)) {
            let id = other.route.id;
            prop_assert!(one.number != other.number || id.ends_with('*') || matches!(id, "container" | "custom" | "mcp" | "/v1/mcp/server/{path:path}"), "{}: {}", slashed, id);
        }
    }

    #[test]
    fn sets_of_methods_hold_what_was_put_in(bits in any::<u8>()) {
        let methods: Vec<_> = Method::ALL.into_iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, method)| method).collect();
        prop_assert_eq!(MethodSet::of(&methods).iter().collect::<Vec<_>>(), methods);
    }
}

#[test]
fn the_groups_are_litellms() {
    let groups: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(include_str!("../vectors/route-groups.json")).unwrap();
    assert_eq!(groups.len(), 28);
    for (name, theirs) in &groups {
        let row = GROUPS.iter().find(|row| row.name == name).unwrap();
        let mut ours: Vec<_> = row.patterns().collect();
        // A path holds no `?`, so three entries match nothing (W2).
        let mut theirs: Vec<_> = theirs
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap())
            .filter(|text| !text.contains('?'))
            .collect();
        for list in [&mut ours, &mut theirs] {
            list.sort_unstable();
            list.dedup();
        }
        assert_eq!(ours, theirs, "{name}");
        assert!(GroupNames::default().find(name).is_some());
    }
}
