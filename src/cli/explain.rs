//! `tollgate explain`: every rule in order, with its verdict, for a request given here or in a log.

mod facts;

use std::io::Read as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::{Done, manage};
use crate::authn::Failure;
use crate::config::load::{load, process_environment};
use crate::core::credential::{Credential, Secret};
use crate::core::deny::{DenyReason, TokenDenial};
use crate::core::extract::Place;
use crate::core::header::HeaderName;
use crate::core::identity::Identity;
use crate::core::request::{BodyView, Fidelity, HeaderView, RequestView};
use crate::core::route::catalogue::{CATALOGUE, ModelRule};
use crate::engine::{self, Explanation, Snapshot};
use crate::store::admin::Admin;
use crate::store::{Directory as _, Store};
use crate::telemetry;

/// What to explain. A key is named by its alias or its hash, never given: arguments are not secret.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tollgate explain --config tollgate.yaml --as ada-laptop POST /v1/chat/completions --model gpt-4o
  tollgate explain --config tollgate.yaml --token - GET /v1/models < token.txt
  tollgate explain --config tollgate.yaml --decision line.json      # a line of the decision log, or - for stdin")]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The caller: a key's alias, the first digits of its hash (8 or more), `master`, or `nobody`
    #[arg(long = "as", value_name = "CALLER", required_unless_present_any = ["decision", "token"])]
    caller: Option<String>,
    /// A token of an identity provider, in a file or `-` for standard input, in place of a caller
    #[arg(long, value_name = "FILE", conflicts_with_all = ["caller", "decision"])]
    token: Option<PathBuf>,
    /// A decision-log line in a file, or `-` for standard input, in place of a request
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "path"])]
    decision: Option<PathBuf>,
    /// The method
    #[arg(required_unless_present = "decision")]
    method: Option<String>,
    /// The path, with its query
    #[arg(required_unless_present = "decision")]
    path: Option<String>,
    /// A header, `name: value`; can be repeated
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// The body, from a file or `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "model")]
    body: Option<PathBuf>,
    /// A body that names this model and nothing else
    #[arg(long)]
    model: Option<String>,
    /// The address the request comes from; without it, `request.allowed_ips` is not asked
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
}

/// A request and its caller, as text.
struct Question {
    caller: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

pub(super) fn run(arguments: &Arguments) -> Done {
    let configuration =
        load(&arguments.config, &process_environment).result.map_err(|problems| problems.to_string())?;
    let question = question(arguments)?;
    let snapshot = &configuration.snapshot;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let entries = question.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let body = question.body.as_deref().map_or(BodyView::NotSent, |bytes| BodyView::Complete {
        bytes,
        fidelity: Fidelity::Exact,
        announced: true,
    });
    let view = RequestView {
        id: "",
        method: &question.method,
        target: &question.target,
        peer: arguments.from,
        principal: None,
        headers: HeaderView::new(entries, Fidelity::Exact),
        body,
    };
    let identity = match &arguments.token {
        None => runtime.block_on(find_caller(snapshot, &question.caller))?,
        Some(file) => match runtime.block_on(bearer(snapshot, &view, file))? {
            Ok(identity) => identity,
            Err(reason) => return Ok(format!("denied before any rule is asked: {reason}\n")),
        },
    };
    let mut lines = facts::of_caller(&identity);
    let outcome = match runtime.block_on(engine::explain(snapshot, &view, &identity, telemetry::now())) {
        Ok(explanation) => {
            lines.push(("route", explanation.route.to_owned()));
            lines.extend(facts::of_request(&explanation, &snapshot.models, &identity));
            show(&explanation)
        }
        Err(Failure::Denied(reason)) => format!("\ndenied before any rule is asked: {}\n", in_words(reason)),
        Err(Failure::Outage(_)) => return Err("a record that the request names could not be looked up".to_owned()),
    };
    let facts: Vec<_> = lines.iter().map(|(label, fact)| format!("{label:<9} {fact}\n")).collect();
    Ok(format!("request   {} {}\n{}{outcome}", question.method, question.target, facts.concat()))
}

fn in_words(reason: DenyReason) -> String {
    let refusal = reason.refusal();
    format!("{} ({}): {}", refusal.label, refusal.status, refusal.message)
}

fn show(explanation: &Explanation) -> String {
    let mut lines = vec![String::new()];
    let objection = explanation.objection();
    for (name, verdict) in &explanation.checks {
        let decisive = if objection.is_some_and(|(known, _)| known == *name) { "  <- decides" } else { "" };
        let verdict = verdict.err().map_or("ok", |reason| reason.refusal().label);
        lines.push(format!("  {name:<22} {verdict}{decisive}"));
    }
    match (objection, &explanation.mutations) {
        (Some((name, reason)), _) => lines.push(format!("\ndenied by `{name}`: {}", in_words(reason))),
        (None, Err(reason)) => lines.push(format!("\ndenied: {}", in_words(*reason))),
        (None, Ok(mutations)) => {
            lines.push("\nallowed".to_owned());
            lines.extend(mutations.set().map(|(name, value)| format!("  set     {name}: {}", value.shown())));
            let removed: Vec<_> = mutations.remove().map(ToString::to_string).collect();
            lines.push(format!("  remove  {}", removed.join(", ")));
        }
    }
    lines.join("\n") + "\n"
}

async fn find_caller(snapshot: &Snapshot, caller: &str) -> Result<Identity, String> {
    match caller {
        "master" => return Ok(Identity::MasterKey),
        "nobody" => return Ok(Identity::Anonymous),
        _ if caller.starts_with("sk-") => {
            return Err("name the key by its alias or its hash: arguments are not secret".to_owned());
        }
        _ => {}
    }
    if let Store::Database(store) = &snapshot.authenticator.store {
        let admin = Admin::open(&store.spec().place).await.map_err(|error| error.to_string())?;
        let hash = manage::keys::hash_of(&admin, caller).await?;
        let key = store.key(&hash).await.map_err(|trouble| trouble.to_string())?;
        return key
            .map(|found| Identity::VirtualKey(found.record))
            .ok_or_else(|| format!("no key is called `{caller}`"));
    }
    let mut found = snapshot.authenticator.store.search(caller);
    match (found.pop(), found.len()) {
        (Some(key), 0) => Ok(Identity::VirtualKey(key)),
        (Some(_), others) => Err(format!("{} keys are called `{caller}`; name one by its hash", others + 1)),
        (None, _) => Err(format!("no key has the alias `{caller}`, or a hash that begins with it (8 digits or more)")),
    }
}

/// Who has a token, or why it is nobody. The issuer's keys are fetched, as they would be.
async fn bearer(snapshot: &Snapshot, view: &RequestView<'_>, file: &Path) -> Result<Result<Identity, String>, String> {
    let verifier = snapshot.authenticator.jwt.as_ref();
    let verifier = verifier.ok_or("the configuration has no section `jwt`, so that no token is believed")?;
    let text = String::from_utf8(read(file)?).map_err(|_| "the token is no text".to_owned())?;
    let place = HeaderName::new("authorization").map(Place::Header);
    let credential = Credential { secret: Secret::new(text.trim()), places: place.into_iter().collect() };
    match engine::recognise(snapshot, view, &credential, telemetry::now()).await {
        Ok(identity) => Ok(Ok(identity)),
        Err(Failure::Denied(reason)) => {
            let is_known = reason == TokenDenial::RequiredClaim.into();
            let lacking = if is_known { verifier.lacking(text.trim()) } else { Vec::new() };
            let names: Vec<_> = lacking.iter().map(|name| format!("; it lacks `{name}`")).collect();
            Ok(Err(in_words(reason) + &names.concat()))
        }
        Err(Failure::Outage(_)) => {
            let errors = snapshot.authenticator.key_status().into_iter();
            let errors: Vec<_> =
                errors.filter_map(|status| Some(format!("; {}: {}", status.issuer, status.last_error?))).collect();
            Err(format!("it could not be found out who has the token{}", errors.concat()))
        }
    }
}

fn question(arguments: &Arguments) -> Result<Question, String> {
    if let Some(file) = &arguments.decision {
        return recorded(&read(file)?);
    }
    let headers = arguments.headers.iter().map(|header| {
        let (name, value) =
            header.split_once(':').ok_or_else(|| format!("`{header}` is no header; write `name: value`"))?;
        Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    });
    let body = match (&arguments.body, &arguments.model) {
        (Some(file), _) => Some(read(file)?),
        (None, Some(model)) => Some(naming(model)),
        (None, None) => None,
    };
    Ok(Question {
        caller: arguments.caller.clone().unwrap_or_default(),
        method: arguments.method.clone().unwrap_or_default(),
        target: arguments.path.clone().unwrap_or_default(),
        headers: headers.collect::<Result<_, String>>()?,
        body,
    })
}

/// What a decision-log line says of its request.
#[derive(Deserialize)]
struct Recorded {
    route: String,
    method: Option<String>,
    key_hash: Option<String>,
    model: Option<String>,
}

/// A request like the recorded one: the log holds no path, so the first spelling of its route stands in.
fn recorded(line: &[u8]) -> Result<Question, String> {
    let line: Recorded =
        serde_json::from_slice(line).map_err(|error| format!("this is no line of the decision log: {error}"))?;
    let route = CATALOGUE.iter().find(|route| route.id == line.route);
    let (Some(route), Some(path)) = (route, route.and_then(|route| route.paths.first())) else {
        return Err(format!("the route `{}` is none of the catalogue; give the request itself", line.route));
    };
    let model =
        line.model.as_deref().map(|model| percent_encoding::percent_decode_str(model).decode_utf8_lossy().into_owned());
    let in_path = matches!(route.model, ModelRule::Path | ModelRule::PathOnly);
    let named = if in_path { line.model.as_deref() } else { None }.unwrap_or("x");
    let target = path.replace("{model}", named).replace("{model:path}", named);
    let target = match (route.model, &line.model) {
        (ModelRule::Query, Some(model)) => format!("{target}?model={model}"),
        _ => target,
    };
    let method = route.methods.iter().next().map_or("GET", crate::core::route::Method::as_str);
    let caller = match (line.method.as_deref(), line.key_hash) {
        (_, Some(hash)) => hash,
        (Some("master_key"), None) => "master".to_owned(),
        (Some(vouched), None) if !["virtual_key", "anonymous"].contains(&vouched) => {
            return Err(format!(
                "the caller is known by `{vouched}`, and the log holds no token; give one, with `--token -`"
            ));
        }
        _ => "nobody".to_owned(),
    };
    let body = (method == "POST").then(|| model.filter(|_| !in_path).map_or(b"{}".to_vec(), |model| naming(&model)));
    Ok(Question { caller, method: method.to_owned(), target, headers: Vec::new(), body })
}

fn naming(model: &str) -> Vec<u8> {
    serde_json::json!({ "model": model }).to_string().into_bytes()
}

/// Largest body or line read, in bytes.
const MAX_INPUT: u64 = 64 << 20;

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("cannot read `{}`: {error}", file.display());
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().take(MAX_INPUT).read_to_end(&mut bytes).map_err(cannot)?;
    } else {
        std::fs::File::open(file).map_err(cannot)?.take(MAX_INPUT).read_to_end(&mut bytes).map_err(cannot)?;
    }
    Ok(bytes)
}
