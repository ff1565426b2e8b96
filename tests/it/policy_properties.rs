//! What holds for every caller and every request, asked of the whole decision.

use std::cell::Cell;
use std::sync::Arc;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use tollgate::config::load::load;
use tollgate::core::decision::Decision;
use tollgate::core::extract::CREDENTIAL_HEADERS;
use tollgate::core::header::fold;
use tollgate::core::mutate::Mutations;
use tollgate::core::request::{BodyView, Fidelity, HeaderView, RequestView};
use tollgate::engine::{self, Snapshot, Verdict};

use crate::harness::{Files, MASTER_KEY, environment, hash};

/// The key of the world without a number.
const KEY: &str = "sk-alice-0000";
const OTHER: &str = "sk-bob-0002";

/// A request, with everything its decision depends on.
#[derive(Debug, Clone)]
struct Request {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Request {
    fn post(target: &str, body: &Value) -> Self {
        let body = Some(body.to_string());
        Self { method: "POST", target: target.to_owned(), headers: Vec::new(), body }.key(KEY)
    }

    fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The request in one of many worlds.
    fn of(&self, number: usize) -> Self {
        let number_in = |text: &String| text.replace('#', &number.to_string());
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), number_in(value))).collect();
        Self { headers, body: self.body.as_ref().map(number_in), ..self.clone() }.key(&key(number))
    }

    fn judge(&self, snapshot: &Arc<Snapshot>) -> Verdict {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let body = self.body.as_ref().map_or(BodyView::NotSent, |body| BodyView::Complete {
            bytes: body.as_bytes(),
            fidelity: Fidelity::Exact,
            announced: true,
        });
        let (method, target) = (self.method, self.target.as_str());
        let headers = HeaderView::new(headers, Fidelity::Exact);
        let view = RequestView { id: "", method, target, peer: None, principal: None, headers, body };
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        engine::judge(snapshot, &view, now).now_or_never().expect("a file store never waits")
    }

    fn mutations(&self, snapshot: &Arc<Snapshot>) -> Option<Box<Mutations>> {
        match self.judge(snapshot).decision {
            Decision::Allow(mutations) => Some(mutations),
            Decision::Deny(_) => None,
            Decision::Indeterminate(outage) => panic!("{self:?}: {outage:?}"),
        }
    }

    fn is_allowed(&self, snapshot: &Arc<Snapshot>) -> bool {
        self.mutations(snapshot).is_some()
    }
}

/// A key and everybody it refers to. `#` in a text is the number of the world: one configuration holds many.
#[derive(Debug, Clone)]
struct World {
    file: Value,
    /// Whether the team says anything of its member.
    listed: bool,
}

impl World {
    /// Everybody there can be, and no restriction.
    fn open() -> Self {
        let file = json!({
            "keys": [{ "key_alias": "alice#" }],
            "users": [{ "user_id": "u#" }], "teams": [{ "team_id": "t#" }], "projects": [{ "project_id": "p#" }],
            "organizations": [{ "organization_id": "o#" }], "agents": [{ "agent_id": "a#" }],
            "team_memberships": [{ "user_id": "u#", "team_id": "t#" }],
            "end_users": [{ "user_id": "e#" }], "tags": [{ "tag_name": "dear#" }],
            "access_groups": [
                { "access_group_id": "g#", "access_model_names": ["secret-model"], "assigned_team_ids": ["t#"] },
            ],
        });
        Self { file, listed: false }
    }

    fn with(mut self, path: &str, value: Value) -> Self {
        *self.at(path) = value;
        self
    }

    fn at(&mut self, path: &str) -> &mut Value {
        self.listed |= path.starts_with("team_memberships/");
        at(&mut self.file, path)
    }

    /// The sections of the key file, for one of many worlds.
    fn numbered(&self, number: usize) -> Map<String, Value> {
        let mut file = self.file.clone();
        if !self.listed {
            file["team_memberships"] = json!([]);
        }
        file["keys"][0]["key_hash"] = json!(hash(&key(number)));
        serde_json::from_str(&file.to_string().replace('#', &number.to_string())).unwrap()
    }
}

/// The key of a world.
fn key(number: usize) -> String {
    format!("sk-alice-{number:04}")
}

/// The value at a path such as `teams/0/models`, made where it is not there.
fn at<'v>(root: &'v mut Value, path: &str) -> &'v mut Value {
    path.split('/').fold(root, |value, step| {
        if let Ok(index) = step.parse::<usize>() {
            let list = value.as_array_mut().unwrap();
            list.resize(list.len().max(index + 1), Value::Null);
            return &mut list[index];
        }
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
        &mut value[step]
    })
}

/// A configuration that restricts nothing.
fn open_config() -> Value {
    json!({
        "listen": { "grpc": "127.0.0.1:0", "http": "127.0.0.1:0" },
        "master_key": MASTER_KEY, "keys": { "file": "keys.yaml" },
        "models": [
            { "name": "gpt-4o", "provider": "openai" }, { "name": "beta-1", "access_groups": ["beta-models"] },
            { "name": "free-model", "zero_cost": true },
        ],
        "model_group_alias": { "alias-4o": "gpt-4o" },
        "routes": { "public": ["/health/liveliness"], "pass_through": [
            { "path": "/pt", "include_subpath": true }, { "path": "/open", "auth": false },
        ] },
    })
}

fn snapshot<'w>(config: &Value, worlds: impl IntoIterator<Item = &'w World>) -> Arc<Snapshot> {
    let mut file = json!({
        "keys": [{ "key_hash": hash(OTHER), "key_alias": "bob" }],
        "budgets": [{ "budget_id": "some", "max_budget": 5 }, { "budget_id": "none", "max_budget": 0 }],
    });
    for (number, world) in worlds.into_iter().enumerate() {
        for (section, records) in world.numbered(number) {
            let Value::Array(mut records) = records else { panic!("{section}") };
            let known = at(&mut file, &section);
            match known.as_array_mut() {
                Some(known) => known.append(&mut records),
                None => *known = Value::Array(records),
            }
        }
    }
    let files = Files::new(&config.to_string(), &file.to_string());
    let loaded = load(&files.config(), &environment).result;
    loaded.unwrap_or_else(|problems| panic!("{problems}\n{config}\n{file}")).snapshot
}

/// Whom a key may belong to.
const OWNERS: &[(&str, &str)] = &[
    ("keys/0/user_id", "u#"),
    ("keys/0/team_id", "t#"),
    ("keys/0/project_id", "p#"),
    ("keys/0/organization_id", "o#"),
    ("keys/0/agent_id", "a#"),
];

/// What a world may have, as paths and JSON lists of values. Some of it restricts, and some of it grants.
const SETTINGS: &[(&str, &str)] = &[
    (
        "keys/0/models",
        r#"[["gpt-4o"], ["gpt-4o", "claude-*"], ["all-team-models", "gpt-4o"], ["openai/*", "beta-models"]]"#,
    ),
    ("users/0/models", r#"[["gpt-4o", "alias-4o"], ["no-default-models"]]"#),
    ("teams/0/models", r#"[["gpt-4o", "fast"], ["beta-1", "free-model"]]"#),
    ("projects/0/models", r#"[["gpt-4o", "free-model"]]"#),
    ("organizations/0/models", r#"[["*"], ["gpt-4o"]]"#),
    ("team_memberships/0/allowed_models", r#"[["gpt-4o", "secret-model"]]"#),
    ("keys/0/access_group_ids", r##"[["g#"]]"##),
    ("teams/0/access_group_ids", r##"[["g#"]]"##),
    ("keys/0/aliases", r#"[{"fast": "secret-model"}]"#),
    ("teams/0/model_aliases", r#"[{"fast": "gpt-4o"}]"#),
    ("keys/0/max_budget", "[0, 10]"),
    ("keys/0/spend", "[10]"),
    ("keys/0/budget_id", r#"["some", "none"]"#),
    ("keys/0/metadata/tags", r##"[["dear#"]]"##),
    ("teams/0/max_budget", "[0, 10]"),
    ("teams/0/spend", "[10]"),
    ("teams/0/metadata/team_member_budget_id", r#"["some", "none"]"#),
    ("users/0/max_budget", "[0]"),
    ("team_memberships/0/spend", "[5]"),
    ("end_users/0/max_budget", "[0]"),
    ("end_users/0/blocked", "[true]"),
    ("tags/0/max_budget", "[0]"),
    ("users/0/user_role", r#"["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"]"#),
    ("users/0/metadata/scim_active", "[false]"),
    ("keys/0/permissions/get_spend_routes", "[true]"),
    ("keys/0/allowed_routes", r#"[["llm_api_routes"], ["/v1/*", "/key/info"], ["info_routes", "/pt"]]"#),
    ("keys/0/metadata/allowed_passthrough_routes", r#"[["/pt"]]"#),
    ("teams/0/metadata/allowed_passthrough_routes", r#"[["/pt/x"]]"#),
    ("keys/0/metadata/allowed_tools", r#"[["ok_tool", "other"]]"#),
    ("teams/0/metadata/allowed_tools", r#"[["ok_tool"]]"#),
    ("keys/0/object_permission/vector_stores", r#"[["vs_1", "vs_2"]]"#),
    ("teams/0/object_permission/vector_stores", r#"[["vs_1"]]"#),
    ("teams/0/metadata/guardrails/modify_guardrails", "[true, false]"),
    ("keys/0/metadata/enforced_params", r#"[["user"]]"#),
];

/// What a configuration may have.
const CONFIGURED: &[(&str, &str)] = &[
    ("end_users/default_budget_id", r#"["some", "none"]"#),
    ("litellm_compat/alias_grants_target", "[true]"),
    ("litellm_compat/viewer_inference", "[true]"),
    ("litellm_compat/missing_role_is_internal_user", "[true]"),
    ("litellm_compat/self_managed_without_user", "[true]"),
    ("request/allow_client_credentials", "[true]"),
    ("routes/disable_admin", "[true]"),
];

/// How a restriction is written.
#[derive(Debug, Clone, Copy)]
enum Restriction {
    /// This value, in place of what is there.
    Put,
    /// A list where there is none, which restricts nobody; else the list without one of its entries.
    List,
    /// One more entry of a list whose every entry forbids something.
    Append,
}

use Restriction::{Append, List, Put};

const MODELS: &str = r#"[["gpt-4o"], ["gpt-4o", "beta-1"], ["claude-*"], ["beta-models"], ["no-default-models"], ["all-team-models"], ["all-proxy-models"], ["*"], ["fast"], ["alias-4o"]]"#;

/// What restricts, and nothing else.
const RESTRICTIONS: &[(&str, Restriction, &str)] = &[
    ("keys/0/models", List, MODELS),
    ("users/0/models", List, MODELS),
    ("teams/0/models", List, MODELS),
    ("projects/0/models", List, MODELS),
    ("organizations/0/models", List, MODELS),
    ("team_memberships/0/allowed_models", List, MODELS),
    ("keys/0/blocked", Put, "[true]"),
    ("teams/0/blocked", Put, "[true]"),
    ("projects/0/blocked", Put, "[true]"),
    ("end_users/0/blocked", Put, "[true]"),
    ("keys/0/expires", Put, r#"["2020-01-01T00:00:00Z"]"#),
    ("users/0/metadata/scim_active", Put, r#"[false, "false"]"#),
    ("keys/0/max_budget", Put, "[0]"),
    ("users/0/max_budget", Put, "[0]"),
    ("teams/0/max_budget", Put, "[0]"),
    ("projects/0/max_budget", Put, "[0]"),
    ("organizations/0/max_budget", Put, "[0]"),
    ("team_memberships/0/max_budget", Put, "[0]"),
    ("end_users/0/max_budget", Put, "[0]"),
    ("tags/0/max_budget", Put, "[0]"),
    ("keys/0/spend", Put, "[1000]"),
    ("team_memberships/0/spend", Put, "[1000]"),
    ("keys/0/budget_limits", Append, r#"[{"max_budget": 1, "spend": 1}]"#),
    ("teams/0/budget_limits", Append, r#"[{"max_budget": 0}]"#),
    ("keys/0/model_max_budget", Put, r#"[{"gpt-4o": {"budget_limit": 0}}]"#),
    ("keys/0/metadata/tags", Append, r##"["dear#"]"##),
    (
        "keys/0/allowed_routes",
        List,
        r#"[["llm_api_routes"], ["/v1/chat/completions"], ["/key/generate"], ["management_routes"], ["/pt"]]"#,
    ),
    ("keys/0/metadata/allowed_tools", List, r#"[["ok_tool"], ["bad"]]"#),
    ("teams/0/metadata/allowed_tools", List, r#"[["ok_tool"], ["bad"]]"#),
    ("keys/0/object_permission/vector_stores", List, r#"[["vs_1"], ["vs_9"]]"#),
    ("teams/0/object_permission/vector_stores", List, r#"[["vs_1"], ["vs_9"]]"#),
    ("keys/0/metadata/enforced_params", Append, r#"["user", "metadata.a"]"#),
    ("teams/0/metadata/enforced_params", Append, r#"["user", "temperature"]"#),
    ("teams/0/metadata/guardrails/modify_guardrails", Put, "[false]"),
    ("agents/0/require_trace_id_on_calls_by_agent", Put, "[true]"),
    ("keys/0/project_id", Put, r##"["p#"]"##),
];

/// What restricts everybody.
const CONFIGURED_RESTRICTIONS: &[(&str, Restriction, &str)] = &[
    ("request/enforced_params", Append, r#"["user", "temperature"]"#),
    ("request/require_user", Put, "[true]"),
    ("request/reject_client_tags", Put, "[true]"),
    ("request/fallbacks", Put, r#"["refuse"]"#),
    ("request/allow_client_credentials", Put, "[false]"),
    ("request/max_bytes", Put, "[1, 100]"),
    ("request/allowed_ips", Put, r#"[["10.0.0.0/8"]]"#),
    ("routes/allowed", List, r#"[["llm_api_routes"], ["/key/info", "/pt"]]"#),
    ("routes/admin_only", Append, r#"["/v1/chat/completions", "llm_api_routes", "/pt"]"#),
    ("routes/disable_llm_api", Put, "[true]"),
    ("routes/disable_admin", Put, "[true]"),
];

fn one_of(values: &str, index: Index) -> Value {
    let values: Vec<Value> = serde_json::from_str(values).unwrap();
    index.get(&values).clone()
}

/// What a setting is about: `models` of anybody, the `budget` of anybody.
fn subject(path: &str) -> &str {
    path.rsplit(['/', '_']).next().unwrap()
}

/// Worlds with settings of all kinds, and half of those about the same as a restriction: that is where one
/// may lift the other.
fn world(about: &'static str) -> impl Strategy<Value = World> {
    // Most keys belong to somebody: a record nobody refers to restricts nobody.
    let owners = proptest::sample::subsequence(OWNERS, 2..=OWNERS.len());
    let akin: Vec<_> =
        SETTINGS.iter().filter(|(path, _)| *path != about && subject(path) == subject(about)).copied().collect();
    let akin = proptest::sample::subsequence(akin.clone(), 0..=akin.len());
    let own: Vec<_> = SETTINGS.iter().filter(|(path, _)| *path == about).copied().collect();
    let own = proptest::sample::subsequence(own.clone(), 0..=own.len());
    let others = proptest::collection::vec(select(SETTINGS), 0..3);
    let indices = proptest::collection::vec(any::<Index>(), 16);
    (owners, akin, own, others, indices).prop_map(|(owners, akin, own, others, indices)| {
        let world = owners.iter().fold(World::open(), |world, (path, id)| world.with(path, json!(id)));
        let settings = others.into_iter().chain(akin).chain(own).zip(indices);
        settings.fold(world, |world, ((path, values), index)| world.with(path, one_of(values, index)))
    })
}

fn configured() -> impl Strategy<Value = Value> {
    proptest::collection::vec((select(CONFIGURED), any::<Index>()), 0..3).prop_map(|settings| {
        let mut config = open_config();
        for ((path, values), index) in settings {
            *at(&mut config, path) = one_of(values, index);
        }
        config
    })
}

fn restrict(value: &mut Value, kind: Restriction, values: &str, index: Index) {
    let more = one_of(values, index);
    match (kind, value.as_array_mut()) {
        (List, Some(list)) if list.len() > 1 => {
            list.remove(index.index(list.len()));
        }
        (List, Some(list)) if !list.is_empty() => {}
        (Append, Some(list)) => list.push(more),
        (Append, None) => *value = json!([more]),
        (Put | List, _) => *value = more,
    }
}

const TARGETS: &[(&str, &str)] = &[
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/responses"),
    ("POST", "/openai/deployments/gpt-4o/chat/completions"),
    ("POST", "/v1/images/generations"),
    ("POST", "/v1/vector_stores/vs_2/search"),
    ("POST", "/pt/x"),
    ("POST", "/key/generate"),
    ("GET", "/key/info"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/gpt-4o"),
    ("GET", "/global/spend"),
    ("GET", "/mystery"),
];
const NAMED: &[&str] = &[
    "gpt-4o",
    "gpt-4o",
    "gpt-4o",
    "gpt-4o",
    "alias-4o",
    "fast",
    "secret-model",
    "beta-1",
    "free-model",
    "openai/x",
    "",
];
const MEMBERS: &[(&str, &str)] = &[
    ("tools", r#"[{"type": "function", "function": {"name": "ok_tool"}}]"#),
    ("tools", r#"[{"type": "function", "function": {"name": "bad"}}]"#),
    ("vector_store_ids", r#"["vs_1"]"#),
    ("vector_store_ids", r#"["vs_9"]"#),
    ("fallbacks", r#"["beta-1"]"#),
    ("user", r##""e#""##),
    ("user", r#""somebody""#),
    ("metadata", r##"{"a": 1, "tags": ["dear#"]}"##),
    ("tags", r#"["cheap"]"#),
    ("guardrails", "[]"),
    ("temperature", "1"),
    ("safety_identifier", r##""e#""##),
];
const HEADERS: &[(&str, &str)] = &[
    ("x-litellm-tags", "dear#"),
    ("x-litellm-end-user-id", "e#"),
    ("x-litellm-trace-id", "t"),
    ("x-litellm-model", "m"),
];

fn request() -> impl Strategy<Value = Request> {
    let members = proptest::collection::vec(select(MEMBERS), 0..5);
    let headers = proptest::collection::vec(select(HEADERS), 0..2);
    (select(TARGETS), select(NAMED), members, headers).prop_map(|((method, target), model, members, headers)| {
        let mut body = Map::new();
        if !model.is_empty() && !target.contains("gpt-4o") {
            body.insert("model".to_owned(), json!(model));
        }
        body.extend(members.into_iter().map(|(name, value)| (name.to_owned(), serde_json::from_str(value).unwrap())));
        let mut request = Request { method, headers: Vec::new(), ..Request::post(target, &Value::Object(body)) };
        request.body = request.body.filter(|_| method == "POST");
        headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))
    })
}

/// A plain request with each member alone, beside those of the case: two rules that mix up their lists
/// often do so about a single member.
fn with_simple(requests: &[Request]) -> Vec<Request> {
    let simple = MEMBERS.iter().map(|(name, value)| {
        let mut body = json!({ "model": "gpt-4o" });
        body[*name] = serde_json::from_str(value).unwrap();
        Request { headers: Vec::new(), ..Request::post("/v1/chat/completions", &body) }
    });
    simple.chain(requests.iter().cloned()).collect()
}

type Restricting = (&'static str, Restriction, &'static str);

/// What the cases say: how many were denied, and how many a restriction closed.
#[derive(Debug, Default)]
struct Told {
    denied: Cell<u32>,
    closed: Cell<u32>,
}

impl Told {
    fn compare(&self, before: (&Request, &Arc<Snapshot>), after: (&Request, &Arc<Snapshot>)) -> bool {
        let (before, after) = (before.0.is_allowed(before.1), after.0.is_allowed(after.1));
        self.denied.set(self.denied.get() + u32::from(!before));
        self.closed.set(self.closed.get() + u32::from(before && !after));
        before || !after
    }

    fn says_something(&self) {
        assert!(self.denied.get() > 500 && self.closed.get() > 150, "{self:?}: the cases say nothing");
    }
}

fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases, max_shrink_iters: 50, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(strategy, test).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_restriction_of_a_caller_never_opens_anything() {
    let requests = || proptest::collection::vec(request(), 6);
    let case = select(RESTRICTIONS)
        .prop_flat_map(move |restriction| (world(restriction.0), Just(restriction), any::<Index>(), requests()));
    // A configuration costs more than a decision.
    let strategy = (configured(), proptest::collection::vec(case, 100));
    let told = Told::default();
    run(9, &strategy, |(config, cases)| {
        let pairs = cases.iter().flat_map(|(world, (path, kind, values), index, _)| {
            let mut narrower = world.clone();
            restrict(narrower.at(path), *kind, values, *index);
            [world.clone(), narrower]
        });
        let worlds: Vec<_> = pairs.collect();
        let snapshot = snapshot(&config, &worlds);
        for (number, (world, restriction, _, requests)) in cases.iter().enumerate() {
            for request in with_simple(requests) {
                let (wide, narrow) = (request.of(2 * number), request.of(2 * number + 1));
                let holds = told.compare((&wide, &snapshot), (&narrow, &snapshot));
                prop_assert!(holds, "{:?} opens {:?} in {:?} {}", restriction, request, world, config);
            }
        }
        Ok(())
    });
    told.says_something();
}

#[test]
fn a_restriction_of_everybody_never_opens_anything() {
    let strategy = select(CONFIGURED_RESTRICTIONS).prop_flat_map(|restriction| {
        let case = (world(restriction.0), proptest::collection::vec(request(), 4));
        let cases = proptest::collection::vec(case, 40);
        (configured(), (Just(restriction), any::<Index>()), cases)
    });
    let told = Told::default();
    run(22, &strategy, |(config, (restriction, index), cases): (_, (Restricting, _), Vec<_>)| {
        let mut narrower = config.clone();
        restrict(at(&mut narrower, restriction.0), restriction.1, restriction.2, index);
        let worlds: Vec<_> = cases.iter().map(|(world, _)| world).collect();
        let (wide, narrow) = (snapshot(&config, worlds.clone()), snapshot(&narrower, worlds));
        for (number, (world, requests)) in cases.iter().enumerate() {
            for request in with_simple(requests).iter().map(|request| request.of(number)) {
                let holds = told.compare((&request, &wide), (&request, &narrow));
                prop_assert!(holds, "{:?} opens {:?} in {:?} {}", restriction, request, world, config);
            }
        }
        Ok(())
    });
    told.says_something();
}

/// Where a model can be named, beside the body's own `model`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Body,
    Query,
    Path,
    Header,
    ExtraBody,
    LitellmParams,
    Session,
    TargetModels,
    TargetModelsInQuery,
}

use Source::{Body, ExtraBody, Header, LitellmParams, Path, Query, Session, TargetModels, TargetModelsInQuery};

/// Routes, whether their body is a form, and the sources the upstream may use there.
const SOURCES: &[(&str, bool, &[Source])] = &[
    ("/v1/chat/completions", false, &[Body, Query, ExtraBody, LitellmParams]),
    ("/v1/embeddings", false, &[Body, Query, ExtraBody, LitellmParams]),
    ("/v1/images/generations", false, &[Body, Query, ExtraBody]),
    ("/v1/responses", false, &[Body, Query, ExtraBody]),
    ("/openai/deployments/{model}/chat/completions", false, &[Path, Body, Query, ExtraBody]),
    ("/engines/{model}/completions", false, &[Path, Body, Query]),
    ("/v1beta/models/{model}:generateContent", false, &[Path, Body, Query, ExtraBody]),
    ("/v1/audio/transcriptions", true, &[Body, Query]),
    ("/v1/images/edits", true, &[Body, Query]),
    ("/v1/files", true, &[Body, Query, Header, TargetModels, TargetModelsInQuery]),
    ("/v1/batches", false, &[Body, Query, Header, TargetModels, TargetModelsInQuery]),
    ("/v1/realtime/client_secrets", false, &[Body, Query, Session]),
    ("/pt/x", false, &[Body, Query, Header, Session, ExtraBody, TargetModels, TargetModelsInQuery]),
];

/// A request that names a model in each of these sources.
fn naming(target: &str, form: bool, named: &[(Source, &str)]) -> Request {
    let (mut body, mut query, mut headers) = (Map::new(), Vec::new(), Vec::new());
    let mut path = target.to_owned();
    for (source, model) in named {
        match source {
            Body => drop(body.insert("model".to_owned(), json!(model))),
            Query => query.push(format!("model={model}")),
            Path => path = path.replace("{model}", model),
            Header => headers.push(("x-litellm-model", *model)),
            ExtraBody => drop(body.insert("extra_body".to_owned(), json!({ "model": model }))),
            LitellmParams => drop(body.insert("litellm_params".to_owned(), json!({ "model": model }))),
            Session => drop(body.insert("session".to_owned(), json!({ "model": model }))),
            TargetModels => drop(body.insert("target_model_names".to_owned(), json!(model))),
            TargetModelsInQuery => query.push(format!("target_model_names={model}")),
        }
    }
    let path = path.replace("{model}", named[0].1);
    let path = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
    let mut request = Request::post(&path, &Value::Object(body.clone()));
    if form {
        let field = |(name, value): (&String, &Value)| {
            let value = value.as_str().unwrap();
            format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        request.body = Some(body.iter().map(field).collect::<String>() + "--b--\r\n");
        request = request.header("content-type", "multipart/form-data; boundary=b");
    }
    headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))
}

/// A configuration that reads credentials wherever it can.
fn greedy_config() -> Value {
    let mut config = open_config();
    *at(&mut config, "routes/pass_through/0") = json!({
        "path": "/pt", "include_subpath": true, "custom_auth_parser": "langfuse", "grant_required": false,
        "headers": { "litellm_user_api_key": "x-pt-key" },
    });
    *at(&mut config, "credentials/also") = json!(["query_key", "basic_raw", "aws_sigv4", "litellm_user_api_key"]);
    config
}

/// SEC-1: whichever of them was judged, the other may be what is executed.
#[test]
fn two_models_are_never_allowed_sec1() {
    let anything = snapshot(&greedy_config(), [&World::open()]);
    // A pass-through's upstream may read its requests in its own way, so they are refused to those whose
    // models are restricted.
    let listed = World::open().with("keys/0/models", json!(["gpt-4o", "secret-model", "GPT-4o", "a", "b"]));
    let listed = snapshot(&greedy_config(), [&listed]);
    let mut pairs = 0;
    for (target, form, sources) in SOURCES {
        let snapshot = if target.starts_with("/pt") { &listed } else { &anything };
        for one in *sources {
            let alone = naming(target, *form, &[(*one, "gpt-4o")]);
            let path_decides = target.contains("{model}") && *one != Path;
            assert!(alone.is_allowed(snapshot), "{alone:?}");
            for other in sources.iter().filter(|other| *other != one) {
                let same = naming(target, *form, &[(*one, "gpt-4o"), (*other, "gpt-4o")]);
                assert!(same.is_allowed(snapshot), "{same:?}");
                for (a, b) in [("gpt-4o", "secret-model"), ("gpt-4o", "GPT-4o"), ("alias-4o", "gpt-4o"), ("a,b", "b,a")]
                {
                    if path_decides && *other != Path {
                        continue;
                    }
                    let two = naming(target, *form, &[(*one, a), (*other, b)]);
                    assert!(!two.is_allowed(snapshot), "{two:?}");
                    pairs += 1;
                }
            }
        }
    }
    assert!(pairs > 200, "{pairs}");
    for target in ["/v1/realtime?model=gpt-4o&model=secret-model", "/v1/chat/completions?model=a&model=b"] {
        let mut request = Request::post(target, &json!({ "messages": [] }));
        if target.contains("realtime") {
            request = Request { method: "GET", body: None, ..request };
        }
        assert!(!request.is_allowed(&anything), "{target}");
    }
}

/// Places of a credential: their name, and the routes where they are read.
const PLACES: &[(&str, &[&str])] = &[
    ("bearer", &["google", "pt", "ws"]),
    ("basic", &["google"]),
    ("sigv4", &["google"]),
    ("langfuse", &["pt"]),
    ("?key", &["google"]),
    ("openai-insecure-api-key", &["ws"]),
    ("x-pt-key", &["pt"]),
    ("x-litellm-api-key", &["google", "pt", "ws"]),
    ("api-key", &["google", "pt", "ws"]),
    ("x-api-key", &["google", "pt", "ws"]),
    ("x-goog-api-key", &["google", "pt", "ws"]),
    ("ocp-apim-subscription-key", &["google", "pt", "ws"]),
];

fn asked_by(route: &str, credentials: [(&str, &str); 2]) -> Request {
    let mut request = match route {
        "ws" => Request { method: "GET", body: None, ..Request::post("/v1/realtime?model=gpt-4o", &json!({})) },
        "pt" => Request::post("/pt/x", &json!({})),
        _ => Request::post("/v1beta/models/gpt-4o:generateContent?alt=sse", &json!({})),
    };
    request.headers.clear();
    if route == "ws" {
        request = request.header("upgrade", "websocket");
    }
    for (place, key) in credentials {
        let basic = || data_encoding::BASE64.encode(format!("{key}:x").as_bytes());
        request = match place {
            "bearer" => request.key(key),
            "basic" => request.header("authorization", &format!("Basic {key}")),
            "sigv4" => request.header("authorization", &format!("AWS4-HMAC-SHA256 Credential={key}/x, Signature=y")),
            "langfuse" => request.header("authorization", &format!("Basic {}", basic())),
            "?key" => Request { target: format!("{}&key={key}", request.target), ..request },
            "openai-insecure-api-key" => request.header("sec-websocket-protocol", &format!("{place}.{key}")),
            name => request.header(name, key),
        };
    }
    request
}

/// SEC-33: whichever of them was believed, the other might be what the upstream sees.
#[test]
fn two_callers_are_never_allowed_sec33() {
    let snapshot = snapshot(&greedy_config(), [&World::open()]);
    let authorization = ["bearer", "basic", "sigv4", "langfuse"];
    let mut pairs = 0;
    for route in ["google", "pt", "ws"] {
        let places: Vec<_> = PLACES.iter().filter(|(_, routes)| routes.contains(&route)).collect();
        for (one, _) in &places {
            for (other, _) in &places {
                for (a, b) in [(KEY, OTHER), (KEY, MASTER_KEY), (MASTER_KEY, KEY), (KEY, "sk-nobody"), ("no-key", KEY)]
                {
                    let two = asked_by(route, [(one, a), (other, b)]);
                    assert!(!two.is_allowed(&snapshot), "{two:?}");
                    pairs += 1;
                }
                let repeated = one == other || (authorization.contains(one) && authorization.contains(other));
                let same = asked_by(route, [(one, KEY), (other, KEY)]);
                assert!(repeated || same.is_allowed(&snapshot), "{same:?}");
            }
        }
    }
    assert!(pairs > 500, "{pairs}");
}

const CLAIMS: &[&str] = &[
    "x-litellm-customer-id",
    "x-litellm-end-user-id",
    "x-customer",
    "user",
    "litellm_metadata/user",
    "metadata/user_id",
    "safety_identifier",
];

fn claiming(claims: &[(&str, &str)]) -> Request {
    let mut body = json!({ "model": "gpt-4o" });
    for (place, id) in claims.iter().filter(|(place, _)| !place.starts_with("x-")) {
        match place.split_once('/') {
            Some((outer, inner)) => body[outer][inner] = json!(id),
            None => body[*place] = json!(id),
        }
    }
    let headers = claims.iter().filter(|(place, _)| place.starts_with("x-"));
    headers.fold(Request::post("/v1/chat/completions", &body), |request, (name, id)| request.header(name, id))
}

/// The end user is the caller's word (S-176). One that is claimed beside another one opens nothing that it
/// would not open alone, and who is told to the upstream is who was judged.
#[test]
fn two_end_users_open_no_more_than_one() {
    let mut config = open_config();
    *at(&mut config, "request/end_user_headers") = json!(["x-customer"]);
    let world = World::open()
        .with("end_users/1", json!({ "user_id": "blocked", "blocked": true }))
        .with("end_users/2", json!({ "user_id": "poor", "max_budget": 0 }));
    let snapshot = snapshot(&config, [&world]);
    for one in CLAIMS {
        for other in CLAIMS.iter().filter(|other| *other != one) {
            for (a, b) in [("e", "blocked"), ("blocked", "e"), ("poor", "e"), ("blocked", "poor"), ("unknown", "poor")]
            {
                let two = claiming(&[(one, a), (other, b)]);
                let evidence = two.judge(&snapshot).evidence;
                let told = evidence.ask.as_ref().and_then(|ask| evidence.named.end_user_of(ask));
                let told = [(one, a), (other, b)].into_iter().find(|(_, id)| told == Some(id));
                let (place, id) = told.unwrap_or_else(|| panic!("{two:?}"));
                assert_eq!(two.is_allowed(&snapshot), claiming(&[(place, id)]).is_allowed(&snapshot), "{two:?}");
                assert_eq!(two.is_allowed(&snapshot), matches!(id, "e" | "unknown"), "{two:?}");
            }
        }
    }
}

/// Headers that only the proxy may say.
const PROXYS: &[&str] =
    &["x-envoy-auth-partial-body", "x-envoy-auth-failure-mode-allowed", "x-envoy-original-path", "x-envoy-internal"];

/// Whether an upstream might take it for the word of the gate, or for a credential.
fn is_trusted(name: &str) -> bool {
    let folded = fold(name);
    let credentials = CREDENTIAL_HEADERS.iter().chain(&["x-my-key", "x-pt-key"]);
    format!("{folded}-").starts_with("x-auth-")
        || PROXYS.contains(&folded.as_ref())
        || credentials.into_iter().any(|credential| fold(credential) == folded)
}

/// What the upstream gets: Envoy sets first, and removes last.
fn upstreams(request: &Request, mutations: &Mutations) -> Vec<(String, String)> {
    let mut headers = request.headers.clone();
    for (name, value) in mutations.set() {
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name.as_str()));
        headers.push((name.to_string(), value.as_str().to_owned()));
    }
    headers.retain(|(name, _)| !mutations.remove().any(|gone| name.eq_ignore_ascii_case(gone.as_str())));
    headers
}

fn claimed_headers() -> impl Strategy<Value = Vec<(String, String)>> {
    let look_alike =
        "[xX][-_.]{1,2}[aA]uth[-_.!]{0,2}(user|key|role|team|method|org|end|model|tags)?[-_.]{0,2}(id|hash|x)?";
    let credential = select(CREDENTIAL_HEADERS).prop_flat_map(|name| {
        prop_oneof![Just(name.to_owned()), Just(name.replace('-', "_")), Just(name.to_ascii_uppercase())]
    });
    let configured = select(&["x-my-key", "X_My-Key", "x-pt-key", "x.pt.key"][..]).prop_map(str::to_owned);
    let proxys = select(PROXYS).prop_map(str::to_owned);
    let name =
        prop_oneof![4 => look_alike, 2 => credential, 1 => configured, 1 => proxys, 1 => "[a-z]{1,3}-[a-z]{1,8}"];
    let value = prop_oneof![2 => Just("spoofed"), 1 => Just(""), 1 => Just(KEY)].prop_map(str::to_owned);
    proptest::collection::vec((name, value), 1..6)
}

/// S-041 … S-043, S-065, on every way to an allow.
#[test]
fn no_trusted_header_of_a_client_survives() {
    let world = |keep: bool| {
        let mut config = greedy_config();
        let upstream = json!({ "header": "x-my-key", "secret": "upstream" });
        *at(&mut config, "headers") = json!({ "keep_credential": keep, "upstream_credential": upstream });
        snapshot(&config, [&World::open()])
    };
    let worlds = [world(false), world(true)];
    let body = json!({ "model": "gpt-4o", "user": "e" });
    let routes = vec![
        Request::post("/v1/chat/completions", &body),
        Request::post("/pt/x", &body),
        Request::post("/open", &body),
        Request { method: "GET", body: None, ..Request::post("/health/liveliness", &body) },
        Request { method: "GET", body: None, ..Request::post("/v1/models", &body) },
        Request { headers: Vec::new(), ..Request::post("/v1/chat/completions", &body) }.key(MASTER_KEY),
    ];
    let allowed = Cell::new(0);
    let strategy = (select(routes), claimed_headers(), any::<bool>());
    run(3000, &strategy, |(plain, claims, keep)| {
        let snapshot = &worlds[usize::from(keep)];
        let mut request = plain.clone();
        request.headers.extend(claims);
        let Some(mutations) = request.mutations(snapshot) else {
            return Ok(());
        };
        allowed.set(allowed.get() + 1);
        let own = plain.mutations(snapshot).unwrap();
        prop_assert!(mutations.set().eq(own.set()), "what is set depends on what was claimed");
        for (name, value) in upstreams(&request, &mutations).iter().filter(|(name, _)| is_trusted(name)) {
            let set = mutations.set().any(|(known, text)| known.as_str() == name && text.as_str() == value);
            let accepted = [format!("Bearer {KEY}"), format!("Bearer {MASTER_KEY}"), KEY.to_owned()].contains(value);
            let lower = name.to_ascii_lowercase();
            let place = CREDENTIAL_HEADERS.contains(&lower.as_str()) || lower == "x-pt-key";
            let kept = keep && accepted && place;
            prop_assert!(set || kept, "{}: {} survives of {:?}", name, value, request);
        }
        Ok(())
    });
    assert!(allowed.get() > 500, "{allowed:?}: the cases say nothing");
}
