//! What LiteLLM's own functions answered, 8,557 times, and what we answer.
//!
//! Every vector agrees with every switch of `litellm_compat` on, or one rule of [`difference`] says why
//! not; the page `route_vectors.txt` counts both, and how many vectors need which switch.
//! `TOLLGATE_VECTORS=DIR` replays `DIR/route-vectors.json` instead.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::expect_file;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tollgate::core::ask::rules::RequestRules;
use tollgate::core::ask::{self, Ask, BodyLimits, Reading};
use tollgate::core::credential::KeyHash;
use tollgate::core::deny::DenyReason;
use tollgate::core::extract::pass_through::PassThroughCredential;
use tollgate::core::identity::Identity;
use tollgate::core::models::ModelMap;
use tollgate::core::path::Target;
use tollgate::core::policy::rules::{LiteLlmCompat, RouteRules};
use tollgate::core::policy::{Asked, CHECKS, Facts};
use tollgate::core::record::{KeyRecord, Named, Permissions, Role, Terms, User};
use tollgate::core::request::{BodyView, Fidelity, HeaderView, RequestView};
use tollgate::core::route::catalogue::ANY;
use tollgate::core::route::grant::{RouteGrants, is_mcp_discovery};
use tollgate::core::route::groups::{Group, GroupNames, GroupSet, PASS_THROUGH_PREFIXES};
use tollgate::core::route::pass_through::{PassThrough, PassThroughGrants};
use tollgate::core::route::pattern::Pattern;
use tollgate::core::route::select::RouteChoice;
use tollgate::core::route::{Additions, Endpoint, Match, Method, MethodSet, RouteTable};

struct Vector {
    id: u64,
    function: String,
    input: Map<String, Value>,
    out: Value,
    quirk: Vec<String>,
}

/// What either side answers. A refusal is `No` whatever its status: 401 became 403 (W11).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Text(String),
    /// The question does not arise here.
    NotAsked,
}

impl Answer {
    fn of(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }

    /// LiteLLM's answer, from a vector.
    fn theirs(out: &Value) -> Self {
        match out {
            Value::Bool(yes) => Self::of(*yes),
            Value::String(text) => Self::Text(text.clone()),
            Value::Null => Self::No,
            Value::Object(object) => match (object.get("decision"), object.get("auth")) {
                (Some(decision), _) => Self::of(decision == "allow"),
                (None, auth) => Self::Text(format!("pass-through, enforced: {}", auth.unwrap())),
            },
            Value::Number(_) | Value::Array(_) => panic!("{out}"),
        }
    }
}

fn vectors() -> (Vec<Vector>, bool) {
    #[expect(clippy::disallowed_methods, reason = "a test reads its own environment")]
    let other = std::env::var("TOLLGATE_VECTORS").ok();
    let directory = other.clone().unwrap_or_else(|| format!("{}/tests/vectors", env!("CARGO_MANIFEST_DIR")));
    let text = std::fs::read_to_string(format!("{directory}/route-vectors.json")).unwrap();
    let Value::Object(document) = serde_json::from_str(&text).unwrap() else {
        panic!("no object");
    };
    let vectors = document["vectors"].as_array().unwrap().iter().map(|vector| Vector {
        id: vector["id"].as_u64().unwrap(),
        function: vector["fn"].as_str().unwrap().to_owned(),
        input: vector["in"].as_object().unwrap().clone(),
        out: vector["out"].clone(),
        quirk: vector.get("quirk").map(strings).unwrap_or_default(),
    });
    (vectors.collect(), other.is_none())
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

impl Vector {
    fn text(&self, name: &str) -> Option<&str> {
        self.input.get(name).and_then(Value::as_str)
    }

    /// The route. A function about organisations is asked about one that only they open.
    fn route(&self) -> &str {
        let none = if self.function == "user_is_org_admin" { "/team/block" } else { "" };
        self.text("route").unwrap_or(none)
    }

    /// The method; a vector without one is a WebSocket, which is a GET (W18).
    fn method(&self) -> Option<Method> {
        self.text("method").map_or(Some(Method::Get), Method::parse)
    }

    fn token(&self, name: &str) -> Option<&Value> {
        self.input.get("token")?.get(name)
    }

    fn profile(&self) -> &str {
        self.text("profile").unwrap_or("none")
    }
}

/// The route as a request would spell it: everything but visible ASCII, and every delimiter, encoded.
fn spelled(route: &str) -> String {
    let mut target = String::new();
    for byte in route.bytes() {
        if (0x21..=0x7e).contains(&byte) && !b"%?#\\".contains(&byte) {
            target.push(char::from(byte));
        } else {
            write!(target, "%{byte:02X}").unwrap();
        }
    }
    target
}

/// The route, if any request can have it.
fn canonical(route: &str, root: &str) -> Option<String> {
    Target::parse(&spelled(route), root).ok().map(|target| target.path.into_owned()).filter(|_| !route.is_empty())
}

/// The tables of the vectors' two profiles.
struct Tables {
    none: RouteTable,
    pt: RouteTable,
}

impl Tables {
    fn new() -> Self {
        let endpoint = |path: &str, methods: MethodSet, enforced: bool, below: bool| Endpoint {
            path: Pattern::parse(path).unwrap(),
            below: below.then(|| Pattern::parse(&format!("{}/*", path.trim_end_matches('/'))).unwrap()),
            rule: PassThrough {
                methods,
                auth: true,
                grant_required: enforced,
                credential: PassThroughCredential::default(),
            },
        };
        let (get, post) = (MethodSet::of(&[Method::Get]), MethodSet::of(&[Method::Post]));
        let pass_through = vec![
            endpoint("/open-pt", ANY, false, true),
            endpoint("/noflag-pt", ANY, false, true),
            endpoint("/auth-pt", ANY, true, true),
            endpoint("/exact-pt", ANY, true, false),
            endpoint("/post-pt", post, true, true),
            endpoint("/split-pt", get, false, false),
            endpoint("/split-pt", post, true, false),
            endpoint("/openai/custom", ANY, true, true),
            endpoint("/v1/rerank", ANY, true, false),
            endpoint("/auth-pt/public", ANY, false, false),
            endpoint("/str-pt", ANY, true, false),
            endpoint("/colon/x:predict", ANY, true, false),
            endpoint("/brace/{id}/run", ANY, true, false),
            endpoint("/slash-pt/", ANY, true, true),
            endpoint("/notarget-pt", ANY, true, true),
        ];
        let pt = RouteTable::build(Additions { pass_through, ..Additions::default() });
        Self { none: RouteTable::new(Vec::new(), String::new()), pt }
    }

    fn of(&self, vector: &Vector) -> &RouteTable {
        if vector.profile() == "pt" { &self.pt } else { &self.none }
    }
}

/// Our answer.
fn ours(vector: &Vector, tables: &Tables, compat: LiteLlmCompat) -> Answer {
    if let Some(answer) = ours_on_text(vector) {
        return answer;
    }
    let table = tables.of(vector);
    let Some(path) = canonical(vector.route(), "") else {
        return Answer::No;
    };
    let found = table.find(&path);
    let groups = found.as_ref().map_or(GroupSet::EMPTY, |found| found.groups);
    let id = found.as_ref().map(|found| found.route.id);
    let rule = vector.method().and_then(|method| found.as_ref()?.passed_through(method));
    let yes = match vector.function.as_str() {
        "is_llm_api_route" => groups.is_llm(),
        "is_management_route" => groups.has(Group::ManagementRoutes),
        "is_info_route" => groups.has(Group::InfoRoutes),
        "is_generate_content_route" => matches!(id, Some("generate_content" | "stream_generate_content")),
        // The id of the route stands for LiteLLM's path with placeholders: both are one route.
        "normalize_request_route" => {
            let normalized = vector.out.as_str().unwrap();
            let number = |path| table.find(path).map(|found| found.number);
            let same = number(path.as_str()) == number(normalized);
            return if same { Answer::Text(normalized.to_owned()) } else { Answer::No };
        }
        "is_azure_openai_route" => return Answer::NotAsked,
        "get_registered_pass_through" => {
            let text = |rule: &PassThrough| format!("pass-through, enforced: {}", rule.needs_grant());
            return rule.map_or(Answer::No, |rule| Answer::Text(text(rule)));
        }
        "is_auth_enforced_pass_through" => rule.is_some_and(PassThrough::needs_grant),
        "is_registered_pass_through" => {
            let provider = groups.has(Group::MappedPassThroughRoutes) || groups.has(Group::PassthroughRoutesWildcard);
            provider || found.as_ref().is_some_and(|found| !found.pass_through.is_empty())
        }
        "is_get_mcp_server_discovery" => {
            vector.text("method").is_some() && vector.method().is_some_and(|method| is_mcp_discovery(&path, method))
        }
        "is_public_route" => is_public(vector, &path),
        "general_settings_allowed_routes" => {
            RouteChoice::compile(strings(&vector.input["allowed_routes"]).iter().map(String::as_str), table)
                .is_ok_and(|choice| choice.holds(&path, found.as_ref()))
        }
        "check_route_access" => group_holds(vector, table, &path),
        _ => return judge(vector, table, &path, found.as_ref(), compat),
    };
    Answer::of(yes)
}

/// Functions about texts alone.
fn ours_on_text(vector: &Vector) -> Option<Answer> {
    let root = |name: &str| vector.input.get("scope").map_or(vector.text(name), |scope| scope[name].as_str());
    let answer = match vector.function.as_str() {
        "route_matches_pattern" | "route_matches_wildcard" => Answer::of(
            canonical(vector.route(), "").is_some_and(|path| matches(vector.text("pattern").unwrap(), &path)),
        ),
        "route_matches_allowed_route" => {
            let grants = PassThroughGrants::compile(vector.text("allowed_route"));
            let path = canonical(vector.route(), "");
            Answer::of(path.is_some_and(|path| grants.is_ok_and(|grants| grants.cover(&path))))
        }
        "check_passthrough_route_access" => {
            let path = canonical(vector.route(), "");
            Answer::of(path.is_some_and(|path| pass_through_grants(vector).is_some_and(|grants| grants.cover(&path))))
        }
        "get_request_route" => {
            let root = root("app_root_path").or(root("root_path")).unwrap_or_default().trim_end_matches('/');
            let path = vector.input["scope"]["path"].as_str().unwrap_or_default();
            canonical(path, root).map_or(Answer::No, Answer::Text)
        }
        "normalize_route_for_root_path" => {
            let root = root("server_root_path").unwrap_or_default().trim_end_matches('/');
            canonical(vector.route(), root).map_or(Answer::No, Answer::Text)
        }
        // We quote no id (W12). Lists of JWTs are part 5.
        "mask_user_id" | "jwt_allowed_routes_check" => Answer::NotAsked,
        _ => return None,
    };
    Some(answer)
}

/// Matches one pattern, as a group of its own.
fn matches(pattern: &str, path: &str) -> bool {
    let Ok(pattern) = Pattern::parse(pattern) else {
        return false;
    };
    let groups = vec![("mine".to_owned(), vec![pattern], Vec::new())];
    let table = RouteTable::build(Additions { groups, ..Additions::default() });
    let mine = table.group_names().find("mine").unwrap();
    table.find(path).is_some_and(|found| found.groups.intersects(mine))
}

fn group_holds(vector: &Vector, table: &RouteTable, path: &str) -> bool {
    match vector.text("group") {
        Some(name) => {
            let group = table.group_names().find(name).unwrap();
            table.find(path).is_some_and(|found| found.groups.intersects(group))
        }
        None => strings(&vector.input["allowed_routes"]).iter().any(|pattern| matches(pattern, path)),
    }
}

fn is_public(vector: &Vector, path: &str) -> bool {
    let built_in = tollgate::core::route::groups::built_in("public_routes").unwrap();
    let listed = strings(&vector.input["public_routes"]).into_iter();
    let public = built_in.patterns().map(str::to_owned).chain(listed).collect();
    RouteTable::new(public, String::new()).is_public(path)
}

/// `allowed_passthrough_routes`; `None` where a configuration with it is refused.
fn pass_through_grants(vector: &Vector) -> Option<PassThroughGrants> {
    let of = |name: &str| match vector.token(name).and_then(|metadata| metadata.get("allowed_passthrough_routes")) {
        None | Some(Value::Null) => Some(PassThroughGrants::default()),
        Some(Value::Array(list)) => {
            PassThroughGrants::compile(list.iter().map(|entry| entry.as_str().unwrap_or_default())).ok()
        }
        Some(_) => None,
    };
    let (own, team) = (of("metadata")?, of("team_metadata")?);
    Some(if own.is_empty() { team } else { own })
}

/// The caller; `None` where a configuration with it is refused.
fn identity(vector: &Vector) -> Option<Identity> {
    let allowed = vector.token("allowed_routes").map(strings).unwrap_or_default();
    let permission = vector.token("permissions").and_then(|permissions| permissions.get("get_spend_routes"));
    let role = match vector.function.as_str() {
        "proxy_admin_viewer_access" => Some("proxy_admin_viewer"),
        "user_is_org_admin" if vector.input.contains_key("user") => Some("__none__"),
        "user_is_org_admin" => Some("customer"),
        _ => vector.text("user_role"),
    };
    let id = vector.token("user_id").and_then(Value::as_str).or(vector.text("user_id")).unwrap_or("user-12345678");
    let memberships = vector.input.get("organization_memberships").and_then(Value::as_array);
    let memberships = memberships
        .into_iter()
        .flatten()
        .map(|pair| (pair[0].as_str().unwrap_or_default().to_owned(), pair[1].as_str().and_then(Role::parse)));
    let user = User { role: role.and_then(Role::parse), memberships: memberships.collect(), ..User::new(id) };
    let terms = Terms {
        allowed_routes: RouteGrants::compile(allowed.iter().map(String::as_str), &GroupNames::default()).ok()?,
        pass_through: pass_through_grants(vector)?,
        permissions: Permissions { get_spend_routes: permission.and_then(Value::as_bool) },
        ..Terms::default()
    };
    Some(Identity::VirtualKey(Arc::new(KeyRecord {
        terms: Arc::new(terms),
        user: (role != Some("__none__")).then(|| Arc::new(user)),
        ..KeyRecord::new(KeyHash::of("sk-vector"))
    })))
}

/// Which of our checks a function of LiteLLM stands for.
fn checks(function: &str) -> &'static [&'static str] {
    match function {
        "virtual_key_allowed_routes" => &["key_routes"],
        "role_route_check" => &["route_known", "admin_only", "pass_through", "role"],
        "proxy_admin_viewer_access" => &["route_known", "role"],
        "user_is_org_admin" => &["role"],
        "organization_rbac" => &["organization"],
        "full_route_decision" => &["route_known", "key_routes", "admin_only", "pass_through", "organization", "role"],
        "disable_switches" => &["deployment_switches"],
        other => panic!("no check stands for {other}"),
    }
}

fn judge(vector: &Vector, table: &RouteTable, path: &str, found: Option<&Match<'_>>, compat: LiteLlmCompat) -> Answer {
    let (Some(identity), Some(method)) = (identity(vector), vector.method()) else {
        return Answer::No;
    };
    let environment = |name: &str| vector.input.get("env").is_some_and(|env| env[name] == "true");
    let admin_only = vector.input.get("admin_only_routes").map(strings).unwrap_or_default();
    let Ok(admin_only) = RouteChoice::compile(admin_only.iter().map(String::as_str), table) else {
        return Answer::No;
    };
    let rules = RouteRules {
        allowed: None,
        admin_only,
        disable_llm_api: environment("DISABLE_LLM_API_ENDPOINTS"),
        disable_admin: environment("DISABLE_ADMIN_ENDPOINTS"),
        compat: LiteLlmCompat {
            viewer_inference: compat.viewer_inference && vector.function != "proxy_admin_viewer_access",
            ..compat
        },
    };
    let body = vector.input.get("request_data").filter(|data| data.as_object().is_some_and(|data| !data.is_empty()));
    let body = body.map(ToString::to_string).unwrap_or_default();
    let view = RequestView {
        id: "",
        method: method.as_str(),
        target: path,
        peer: None,
        principal: None,
        headers: HeaderView::new(Vec::new(), Fidelity::Exact),
        body: BodyView::Complete { bytes: body.as_bytes(), fidelity: Fidelity::Exact, announced: true },
    };
    let request = RequestRules::default();
    let reading = Reading { limits: BodyLimits::default(), rules: &request, wanted: Vec::new() };
    let read = |found| ask::read(&view, vector.text("query"), method, found, &reading);
    let mut ask = found.map_or(Ok(Ask::default()), read);
    if ask.as_ref().is_err_and(|reason| *reason == DenyReason::BodyMissing) {
        ask = Ok(Ask::default());
    }
    let facts = Facts {
        identity: &identity,
        path,
        method,
        found,
        headers: &view.headers,
        rules: &rules,
        request: &request,
        now: Timestamp::UNIX_EPOCH,
    };
    let (named, models) = (Named::default(), ModelMap::default());
    let asked = Asked::new(facts, ask.as_ref().map_err(|reason| *reason), &named, &models);
    let wanted = checks(&vector.function);
    let mut checks = CHECKS.iter().filter(|check| wanted.contains(&check.name));
    let verdict = checks.try_for_each(|check| check.run(&asked));
    if let Err(reason) = verdict {
        assert!(matches!(reason.refusal().status, 400 | 403), "{}: {reason:?}", vector.id);
    }
    Answer::of(verdict.is_ok())
}

const ALL_ON: LiteLlmCompat = LiteLlmCompat {
    viewer_inference: true,
    viewer_reads_anything: true,
    allowed_routes_grant: true,
    passthrough_grant_any_route: true,
    missing_role_is_internal_user: true,
    spend_permission_by_name: true,
    self_managed_without_user: true,
    health_is_info_route: true,
    // About models, and no vector is.
    alias_grants_target: false,
};

/// Why our answer is another one. The rules look at the question, not at the answer; the first that fits
/// counts. Those marked `+` may open what LiteLLM closes, all others only close.
#[rustfmt::skip]
fn difference(vector: &Vector) -> Option<&'static str> {
    let function = vector.function.as_str();
    let (route, pt) = (vector.route(), vector.profile() == "pt");
    let below =
        |prefix: &str| pt && route.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let path = vector.input.get("scope").map_or(route, |scope| scope["path"].as_str().unwrap_or_default());
    let decides = matches!(function, "role_route_check" | "full_route_decision" | "proxy_admin_viewer_access");
    let text = |name: &str| vector.text(name).unwrap_or_default();
    let rules = [
        ("W2 a plus is no operator+", text("pattern").contains('+')),
        ("W2 a dot is a dot", route.contains("Xwell-known") || route == "/axb"),
        ("a root path with a trailing slash is refused at load+", text("server_root_path").ends_with('/')),
        ("W6 a provider's prefix counts below a root path too+", !text("server_root_path").is_empty() && route.starts_with("/openai/")),
        ("an endpoint is passed through for its methods", below("/post-pt") && text("method") == "GET"),
        ("W1 no request has this path", canonical(path, "").is_none() && function != "user_is_org_admin"),
        ("W2 a question mark is no operator", route.contains("realtim") || vector.text("pattern").is_some_and(|text| text.contains('?'))),
        ("W2 a wildcard is no template+", function == "route_matches_pattern" && vector.text("pattern").is_some_and(|text| text.ends_with('*'))),
        ("W2 a wildcard is no template", bare_prefix(vector)),
        ("W2 a wildcard is no literal", function == "route_matches_allowed_route" && vector.text("allowed_route").is_some_and(|text| text.contains('*'))),
        ("W5 refused when the configuration is loaded", refused_at_load(vector)),
        ("W6 a prefix ends at a segment", beside_prefix(route)),
        ("W8 a colon or a placeholder in an endpoint's path works+", below("/colon") || below("/brace")),
        ("W8 a trailing slash in an endpoint's path is refused at load+", below("/slash-pt")),
        ("W8 an endpoint needs no target+", below("/notarget-pt")),
        ("W9 the most specific endpoint decides+", below("/auth-pt/public")),
        ("W18 a WebSocket is a GET+", vector.input.get("method").is_some_and(Value::is_null)),
        ("GET implies HEAD+", pt && vector.text("method") == Some("HEAD")),
        ("methods are case-sensitive", vector.text("method").is_some() && vector.method().is_none()),
        ("W7 an endpoint without grant is open to every key, below its path too+", decides && (below("/open-pt") || below("/noflag-pt"))),
        ("R8 compact is a route of its own", function == "normalize_request_route" && route.ends_with("/responses/compact")),
        ("W15 one form of the path", function == "get_request_route" || function == "normalize_route_for_root_path"),
        ("a model's name has no colon and is not empty", function == "is_generate_content_route"),
        ("a public page is open with a credential too+", decides && matches!(route, "/" | "/health/liveliness" | "/config/yaml")),
        ("W13 a repeated parameter says nothing", vector.text("query").is_some_and(|query| query.contains('&'))),
        ("no licence is asked for+", vector.input.get("premium") == Some(&Value::Bool(false))),
        ("W17 every spelling of a route is one, and groups have names+", matches!(function, "general_settings_allowed_routes") || vector.input.get("admin_only_routes").is_some_and(Value::is_array)),
        ("W16 every route has a class", function == "disable_switches"),
        ("who lists a page as public means it+", function == "is_public_route"),
    ];
    rules.into_iter().find(|(_, fits)| *fits).map(|(name, _)| name)
}

/// LiteLLM reads `/bedrock/*` as a template too, which `/bedrock` fits.
fn bare_prefix(vector: &Vector) -> bool {
    let of_key = vector.token("allowed_routes").or(vector.input.get("allowed_routes"));
    let mut lists = of_key.map(strings).unwrap_or_default().into_iter().chain(vector.text("group").map(str::to_owned));
    let bare = PASS_THROUGH_PREFIXES.contains(&vector.route()) || ["/a", "/containers"].contains(&vector.route());
    bare && lists.any(|name| name == "passthrough_routes_wildcard" || name.ends_with('*'))
}

/// Whether a route only looks like a provider's: `/openaiX`.
fn beside_prefix(route: &str) -> bool {
    let beside = |rest: &str| !rest.is_empty() && !rest.starts_with('/');
    PASS_THROUGH_PREFIXES.iter().any(|prefix| route.strip_prefix(prefix).is_some_and(beside))
}

/// Whether a configuration with these lists does not load.
fn refused_at_load(vector: &Vector) -> bool {
    let pattern = vector.text("pattern").is_some_and(|text| Pattern::parse(text).is_err());
    let allowed = vector.text("allowed_route").is_some_and(|text| PassThroughGrants::compile([text]).is_err());
    let public = vector.input.get("public_routes").map(strings).unwrap_or_default();
    let public = public.iter().any(|text| text.contains('*') || !text.starts_with('/'));
    let listed = vector.input.get("allowed_routes").map(strings).unwrap_or_default();
    let listed = listed.iter().any(|text| Pattern::parse(text).is_err());
    pattern || allowed || public || (listed && vector.function == "check_route_access") || identity(vector).is_none()
}

/// The switches whose absence changes our answer.
fn needed(vector: &Vector, tables: &Tables, on: &Answer) -> Vec<&'static str> {
    let without: [(&str, LiteLlmCompat); 8] = [
        ("viewer_inference", LiteLlmCompat { viewer_inference: false, ..ALL_ON }),
        ("viewer_reads_anything", LiteLlmCompat { viewer_reads_anything: false, ..ALL_ON }),
        ("allowed_routes_grant", LiteLlmCompat { allowed_routes_grant: false, ..ALL_ON }),
        ("passthrough_grant_any_route", LiteLlmCompat { passthrough_grant_any_route: false, ..ALL_ON }),
        ("missing_role_is_internal_user", LiteLlmCompat { missing_role_is_internal_user: false, ..ALL_ON }),
        ("spend_permission_by_name", LiteLlmCompat { spend_permission_by_name: false, ..ALL_ON }),
        ("self_managed_without_user", LiteLlmCompat { self_managed_without_user: false, ..ALL_ON }),
        ("health_is_info_route", LiteLlmCompat { health_is_info_route: false, ..ALL_ON }),
    ];
    let differs = |compat| ours(vector, tables, compat) != *on;
    without.into_iter().filter(|(_, compat)| differs(*compat)).map(|(name, _)| name).collect()
}

#[derive(Default)]
struct Tally {
    agree: u32,
    quirks_refused: u32,
    other: u32,
    differ: BTreeMap<&'static str, u32>,
    switches: BTreeMap<&'static str, u32>,
}

#[test]
fn every_vector_agrees_or_differs_as_documented() {
    let tables = Tables::new();
    let (vectors, own) = vectors();
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for vector in &vectors {
        let tally = tallies.entry(vector.function.clone()).or_default();
        let ours = ours(vector, &tables, ALL_ON);
        let decides = ["role_route_check", "full_route_decision", "proxy_admin_viewer_access", "user_is_org_admin"];
        let switches = decides.contains(&vector.function.as_str()).then(|| needed(vector, &tables, &ours));
        for switch in switches.into_iter().flatten() {
            *tally.switches.entry(switch).or_default() += 1;
        }
        if ours == Answer::NotAsked {
            tally.other += 1;
            continue;
        }
        let theirs = Answer::theirs(&vector.out);
        // A path that no request can have is refused before any rule is asked, whatever LiteLLM says.
        let impossible = ["trailing_newline", "double_slash", "dot_segment", "control_char", "replacement_char"];
        if vector.quirk.iter().any(|quirk| impossible.contains(&quirk.as_str())) {
            assert_eq!(ours, Answer::No, "{}", vector.id);
            tally.quirks_refused += 1;
        } else if ours == theirs {
            tally.agree += 1;
        } else {
            match difference(vector) {
                Some(rule) if ours == Answer::No || rule.ends_with('+') => {
                    *tally.differ.entry(rule.trim_end_matches('+')).or_default() += 1;
                }
                rule => unexplained
                    .push(format!("{} {} {rule:?}: {ours:?}, {:?}", vector.id, vector.function, vector.input)),
            }
        }
    }
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    if own {
        expect_file!["route_vectors.txt"].assert_eq(&page(vectors.len(), &tallies));
    }
}

fn page(vectors: usize, tallies: &BTreeMap<String, Tally>) -> String {
    let mut page =
        format!("{vectors} vectors of LiteLLM 1.90.0, by function: how many agree, and why the others differ\n");
    for (function, tally) in tallies {
        writeln!(page, "\n{function}\n{:7} agree", tally.agree).unwrap();
        let rows =
            [("a path no request has: refused first (W1)", tally.quirks_refused), ("not asked here", tally.other)];
        for (what, count) in rows.into_iter().filter(|(_, count)| *count > 0) {
            writeln!(page, "{count:7} {what}").unwrap();
        }
        for (rule, count) in &tally.differ {
            writeln!(page, "{count:7} differ: {rule}").unwrap();
        }
        for (switch, count) in &tally.switches {
            writeln!(page, "{count:7} need `litellm_compat.{switch}`").unwrap();
        }
    }
    page
}
