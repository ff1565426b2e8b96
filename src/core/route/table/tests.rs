use super::*;
use crate::core::extract::pass_through::PassThroughCredential;

fn table() -> RouteTable {
    RouteTable::new(vec!["/health/liveliness".to_owned()], String::new())
}

fn find(path: &str) -> Option<(&'static str, Option<String>)> {
    table().find(path).map(|found| (found.route.id, found.param("model").map(str::to_owned)))
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

#[test]
fn aliases_are_one_route() {
    for path in ["/v1/chat/completions", "/chat/completions"] {
        assert_eq!(find(path).unwrap().0, "chat_completions");
    }
    let table = table();
    let numbers: Vec<_> = ["/v1/responses/resp_1", "/responses/resp_1", "/openai/v1/responses/resp_1"]
        .map(|path| table.find(path).unwrap())
        .iter()
        .map(|found| (found.route.id, found.number))
        .collect();
    assert!(numbers.iter().all(|number| *number == numbers[0] && number.0 == "response"), "{numbers:?}");
}

#[test]
fn placeholders_are_found() {
    let model = |path| find(path).unwrap().1.unwrap();
    assert_eq!(model("/openai/deployments/gpt-4o/chat/completions"), "gpt-4o");
    assert_eq!(model("/v1beta/models/gemini:generateContent"), "gemini");
    assert_eq!(model("/v1beta/models/tuned/a:generateContent"), "tuned/a");
}

#[test]
fn near_misses_are_unknown_s013_s014() {
    for path in [
        "/V1/Chat/Completions",
        "/v1/chat/completions/",
        "/v1/chat/completions/.json",
        "/v1/responses//cancel",
        "/v1/responses/",
        "/v1beta/models/:generateContent",
        "/v1beta/models/gemini:unheardOf",
        "/v1beta/models/a:b:generateContent",
        "/realtimfoo",
        "/a2a/x/Xwell-known/agent-cardXjson",
        "/openaiX/y",
        "",
    ] {
        assert_eq!(find(path), None, "{path}");
    }
}

#[test]
fn public_is_exact() {
    let table = table();
    assert!(table.is_public("/health/liveliness"));
    for path in ["/health/liveliness/", "/health/liveliness/x", "/x/health/liveliness", "/health"] {
        assert!(!table.is_public(path), "{path}");
    }
}

#[test]
fn every_text_of_the_tables_is_a_pattern_and_every_model_route_has_a_row() {
    for row in GROUPS.iter().filter(|row| row.group != Group::OpenaiRouteNames) {
        for text in row.patterns() {
            assert!(Pattern::parse(text).is_ok(), "{text}");
            let provider = matches!(row.group, Group::MappedPassThroughRoutes | Group::PassthroughRoutesWildcard);
            let same = |other: &&str| pattern(other).is_same(&pattern(text));
            let listed = CATALOGUE.iter().any(|route| route.paths.iter().any(same));
            let llm = GroupSet::of(row.group).is_llm();
            assert!(!llm || provider || listed, "{text} has no methods and no model rule");
        }
    }
    for route in CATALOGUE {
        assert!(!route.methods.is_empty() && route.paths.iter().all(|text| Pattern::parse(text).is_ok()), "{route:?}");
    }
}

#[test]
fn one_walk_finds_every_group_and_the_most_specific_route() {
    let table = table();
    let found = table.find("/openai/v1/responses").unwrap();
    assert_eq!(found.route.id, "responses");
    assert!(found.groups.has(Group::PassthroughRoutesWildcard) && !found.groups.has(Group::OpenaiRoutes));
    let found = table.find("/v1/models/gpt-4o").unwrap();
    assert!(found.groups.has(Group::InternalUserRoutes) && !found.groups.is_llm());
    let found = table.find("/v1/mcp/server/a/b").unwrap();
    assert!(found.groups.has(Group::McpRoutes) && found.groups.has(Group::HandlerDecides));
    assert_eq!(table.number_of("/v1/models/{model_id}"), table.number_of("/models/{model}"));
    assert_eq!(find("/containers/c1").unwrap().0, "container");
    assert_eq!(find("/containers/").unwrap().0, "container");
    assert_eq!(find("/containers").unwrap().0, "containers");
    assert_eq!(find("/key/k1/regenerate").unwrap().0, "/key/{key_id}/regenerate");
}

fn endpoint(path: &str, below: bool, auth: bool, methods: &[Method]) -> Endpoint {
    Endpoint {
        path: pattern(path),
        below: below.then(|| pattern(&format!("{path}/*"))),
        rule: PassThrough {
            methods: MethodSet::of(methods),
            auth,
            grant_required: true,
            credential: PassThroughCredential::default(),
        },
    }
}

#[test]
fn the_most_specific_endpoint_decides_w9() {
    let table = RouteTable::build(Additions {
        pass_through: vec![
            endpoint("/up", true, true, &[Method::Get, Method::Post]),
            endpoint("/up/open", false, false, &[Method::Get]),
            endpoint("/split", false, false, &[Method::Get]),
            endpoint("/split", false, true, &[Method::Post]),
            endpoint("/v1/rerank", false, false, &[Method::Post]),
            endpoint("/colon/x:go", false, true, &[Method::Post]),
            endpoint("/brace/{id}/run", false, true, &[Method::Post]),
        ],
        ..Additions::default()
    });
    let open = |path, method| table.find(path).is_some_and(|found| found.is_open(method));
    assert!(open("/up/open", Method::Get) && !open("/up/open/x", Method::Get) && !open("/up/x", Method::Get));
    assert!(open("/split", Method::Get) && open("/split", Method::Head) && !open("/split", Method::Post));
    assert!(table.find("/split").unwrap().route.expects(Method::Post));
    assert!(!open("/v1/rerank", Method::Post), "a route of the catalogue is never opened");
    for path in ["/colon/x:go", "/brace/7/run", "/up/x/y"] {
        let found = table.find(path).unwrap();
        assert!(found.passed_through(Method::Post).unwrap().needs_grant(), "{path}");
        assert!(found.groups.has(Group::OpenaiRoutes), "{path}");
    }
    assert!(table.find("/upx").is_none());
}

#[test]
fn groups_of_the_configuration_are_groups() {
    let table = RouteTable::build(Additions {
        groups: vec![(
            "mine".to_owned(),
            vec![pattern("/x/*"), pattern("/v1/rerank"), pattern("/spend*")],
            vec![GroupSet::of(Group::McpRoutes)],
        )],
        ..Additions::default()
    });
    let mine = table.group_names().find("mine").unwrap();
    let within = |path| table.find(path).is_some_and(|found| found.groups.intersects(mine));
    for path in ["/x/", "/x/y/z", "/v1/rerank", "/spend", "/spendthrift/x", "/spend/logs", "/mcp/github"] {
        assert!(within(path), "{path}");
    }
    for path in ["/x", "/rerank", "/spen", "/v1/models"] {
        assert!(!within(path), "{path}");
    }
    assert_eq!(table.find("/spend/logs").unwrap().route.id, "/spend/logs");
    assert_eq!(table.find("/x/y").unwrap().route.id, "custom");
}
