//! `routes:` becomes the route table and the rules about it.

use std::collections::BTreeMap;

use super::compile::Section;
use super::raw::{RawAuthParser, RawCompat, RawMethod, RawPassThrough, RawRoutes};
use crate::core::extract::pass_through::PassThroughCredential;
use crate::core::header::HeaderName;
use crate::core::path::Target;
use crate::core::policy::rules::{LiteLlmCompat, RouteRules};
use crate::core::route::catalogue::{ANY, Class};
use crate::core::route::groups::{GroupSet, MAX_USER_GROUPS, built_in};
use crate::core::route::pass_through::PassThrough;
use crate::core::route::pattern::Pattern;
use crate::core::route::select::RouteChoice;
use crate::core::route::{Additions, Endpoint, Method, MethodSet, RouteTable};

/// Compiles the section. `None` when that failed; the reasons were noted.
pub(super) fn compile(
    raw: &RawRoutes,
    compat: &RawCompat,
    section: &mut Section<'_, '_>,
) -> Option<(RouteTable, RouteRules)> {
    let catalogue = RouteTable::new(Vec::new(), String::new());
    let public = public(&raw.public, section);
    let root_path = root_path(raw.root_path.clone(), section);
    let groups = groups(raw.groups.clone(), section);
    let pass_through = pass_through(&raw.pass_through, &catalogue, section);
    // Built of what compiled, so that what follows is checked even when something did not.
    let sound = public.is_some() && root_path.is_some() && groups.is_some();
    let table = RouteTable::build(Additions {
        public: public.unwrap_or_default(),
        root_path: root_path.unwrap_or_default(),
        groups: groups.unwrap_or_default(),
        pass_through,
    });
    let allowed = raw.allowed.as_deref().map(|list| choice("routes.allowed", list, &table, section));
    let admin_only = choice("routes.admin_only", &raw.admin_only, &table, section);
    let sound = sound && admin_only.is_some() && allowed.as_ref().is_none_or(Option::is_some);
    let rules = RouteRules {
        allowed: allowed.map(Option::unwrap_or_default),
        admin_only: admin_only.unwrap_or_default(),
        disable_llm_api: raw.disable_llm_api,
        disable_admin: raw.disable_admin,
        compat: litellm_compat(compat),
    };
    check_public(&raw.public, &table, &rules, section);
    sound.then_some((table, rules))
}

/// Whether a text is a path as requests have it: what it stands for is what it looks like.
fn is_canonical(path: &str) -> bool {
    Target::parse(path, "").is_ok_and(|target| target.path == path && target.query.is_none())
}

fn public(entries: &[String], section: &mut Section<'_, '_>) -> Option<Vec<String>> {
    let mut paths = Vec::new();
    let mut sound = true;
    for (index, path) in entries.iter().enumerate() {
        if path == "public_routes" {
            paths.extend(built_in(path).into_iter().flat_map(|row| row.patterns().map(str::to_owned)));
        } else if path.contains('*') || !is_canonical(path) {
            section.problem(&format!("routes.public[{index}]"), "it must be one exact path without query, wildcard or percent-encoding, such as `/health/liveliness`, or `public_routes`");
            sound = false;
        } else {
            paths.push(path.clone());
        }
    }
    sound.then_some(paths)
}

/// A public path must not be a route of anything else, in a spelling that an upstream may take for it.
fn check_public(entries: &[String], table: &RouteTable, rules: &RouteRules, section: &mut Section<'_, '_>) {
    for (index, path) in entries.iter().enumerate() {
        let place = format!("routes.public[{index}]");
        let lower = path.to_ascii_lowercase();
        let spellings = [path.as_str(), path.trim_end_matches('/'), lower.as_str(), lower.trim_end_matches('/')];
        let taken =
            spellings.iter().filter_map(|path| table.find(path)).any(|found| found.route.class != Class::Public);
        if taken {
            section.problem(&place, "it is a route of the model API, of administration or of a pass-through endpoint, and would be open to everybody; remove it");
        } else if rules.admin_only.holds(path, table.find(path).as_ref()) {
            section.problem(&place, "it is in `routes.admin_only` as well; remove one");
        }
    }
}

fn root_path(root: String, section: &mut Section<'_, '_>) -> Option<String> {
    let usable = root.is_empty() || (!root.ends_with('/') && is_canonical(&root));
    if !usable {
        section.problem("routes.root_path", "it must be a path without trailing slash, such as `/genai`");
    }
    usable.then_some(root)
}

type Groups = Vec<(String, Vec<Pattern>, Vec<GroupSet>)>;

fn groups(raw: BTreeMap<String, Vec<String>>, section: &mut Section<'_, '_>) -> Option<Groups> {
    let mut sound = raw.len() <= MAX_USER_GROUPS;
    if !sound {
        section.problem("routes.groups", format!("there are more than {MAX_USER_GROUPS}; merge some"));
    }
    let mut groups = Vec::new();
    for (name, entries) in raw {
        let place = format!("routes.groups.{name}");
        if built_in(&name).is_some() {
            section.problem(&place, "this is the name of a built-in group; choose another");
            sound = false;
        } else if name.is_empty() || name.starts_with('/') || name.contains('*') {
            section.problem(&place, "a name is not empty, does not begin with `/`, and holds no `*`");
            sound = false;
        }
        let (mut patterns, mut contained) = (Vec::new(), Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            match (built_in(entry), Pattern::parse(entry)) {
                (Some(row), _) => contained.push(GroupSet::of(row.group)),
                (None, Ok(pattern)) if entry != "/*" => patterns.push(pattern),
                (None, result) => {
                    section.problem(&format!("{place}[{index}]"), unusable(entry, result.err()));
                    sound = false;
                }
            }
        }
        groups.push((name, patterns, contained));
    }
    sound.then_some(groups)
}

fn unusable(entry: &str, error: Option<crate::core::route::pattern::PatternError>) -> String {
    match error {
        Some(_) if !entry.starts_with('/') && !entry.is_empty() && entry != "*" => {
            "there is no built-in group of this name; write one, or a path that begins with `/`".to_owned()
        }
        Some(error) if entry.starts_with('/') => error.to_string(),
        _ => "it is every route, or none; name the routes".to_owned(),
    }
}

fn pass_through(raw: &[RawPassThrough], catalogue: &RouteTable, section: &mut Section<'_, '_>) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for (index, raw) in raw.iter().enumerate() {
        let place = format!("routes.pass_through[{index}]");
        let methods = methods(raw.methods.as_deref());
        if methods.is_empty() {
            section.problem(&format!("{place}.methods"), "the list is empty; name methods, or leave `methods` out");
        }
        if !raw.auth && catalogue.find(&raw.path).is_some() {
            section.problem(
                &format!("{place}.auth"),
                "the path is a route of the catalogue and would be open to everybody; remove `auth: false`",
            );
        }
        match endpoint(raw, methods) {
            Ok(endpoint) => {
                let twice =
                    |known: &Endpoint| known.path.is_same(&endpoint.path) && known.rule.methods.intersects(methods);
                if endpoints.iter().any(twice) {
                    section.problem(&place, "another endpoint has this path with one of these methods; keep one");
                }
                endpoints.push(endpoint);
            }
            Err(text) => section.problem(&place, text),
        }
    }
    endpoints
}

fn endpoint(raw: &RawPassThrough, methods: MethodSet) -> Result<Endpoint, String> {
    // Braces are no characters of a canonical path, and placeholders are checked by the pattern.
    let plain = raw.path.replace(['{', '}'], "");
    if raw.path.contains('*') || raw.path.ends_with('/') || !is_canonical(&plain) {
        return Err(
            "`path` must be one path without query, wildcard, percent-encoding or trailing slash, such as `/bria`"
                .to_owned(),
        );
    }
    let path = Pattern::parse(&raw.path).map_err(|error| format!("`path`: {error}"))?;
    let below = raw.include_subpath.then(|| Pattern::parse(&format!("{}/*", raw.path)));
    let below = below.transpose().map_err(|error| error.to_string())?;
    let credential = PassThroughCredential {
        header: key_header(raw)?,
        langfuse: matches!(raw.custom_auth_parser, Some(RawAuthParser::Langfuse)),
    };
    let rule = PassThrough { methods, auth: raw.auth, grant_required: raw.grant_required, credential };
    Ok(Endpoint { path, below, rule })
}

fn key_header(raw: &RawPassThrough) -> Result<Option<HeaderName>, String> {
    let Some(name) = raw.headers.as_ref().and_then(|headers| headers.litellm_user_api_key.as_ref()) else {
        return Ok(None);
    };
    let header = HeaderName::new(name);
    header.map(Some).ok_or_else(|| "`headers.litellm_user_api_key` is no name of a request header".to_owned())
}

fn methods(raw: Option<&[RawMethod]>) -> MethodSet {
    raw.map_or(ANY, |methods| {
        methods.iter().fold(MethodSet::EMPTY, |set, method| set.union(MethodSet::of(&[method_of(*method)])))
    })
}

fn method_of(raw: RawMethod) -> Method {
    match raw {
        RawMethod::Get => Method::Get,
        RawMethod::Post => Method::Post,
        RawMethod::Put => Method::Put,
        RawMethod::Patch => Method::Patch,
        RawMethod::Delete => Method::Delete,
        RawMethod::Options => Method::Options,
    }
}

/// A list of groups and paths.
pub(super) fn choice(
    place: &str,
    entries: &[String],
    table: &RouteTable,
    section: &mut Section<'_, '_>,
) -> Option<RouteChoice> {
    let choice = RouteChoice::compile(entries.iter().map(String::as_str), table);
    choice
        .map_err(|errors| {
            for (index, error) in errors {
                section.problem(&format!("{place}[{index}]"), error.to_string());
            }
        })
        .ok()
}

fn litellm_compat(raw: &RawCompat) -> LiteLlmCompat {
    LiteLlmCompat {
        viewer_inference: raw.viewer_inference,
        viewer_reads_anything: raw.viewer_reads_anything,
        allowed_routes_grant: raw.allowed_routes_grant,
        passthrough_grant_any_route: raw.passthrough_grant_any_route,
        missing_role_is_internal_user: raw.missing_role_is_internal_user,
        spend_permission_by_name: raw.spend_permission_by_name,
        self_managed_without_user: raw.self_managed_without_user,
        health_is_info_route: raw.health_is_info_route,
        alias_grants_target: raw.alias_grants_target,
    }
}
