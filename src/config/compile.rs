//! What was written becomes what will run. Every problem is reported at once.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use reqwest::{Certificate, Client};

use super::load::{Configuration, Reader, Settings};
use super::problem::Problems;
use super::raw::{
    RawConfig, RawCredentials, RawEnvoy, RawHeaders, RawKeyFile, RawKeys, RawLimits, RawListen, RawSource,
    RawUpstreamCredential,
};
use super::{custom, jwt, keys, models, oauth2, request, response_ids, routes, secret, store};
use crate::authn::outside::Outside;
use crate::authn::{Authenticator, MasterKey};
use crate::core::ask::BodyLimits;
use crate::core::extract::{CREDENTIAL_HEADERS, Extractor, OptionalSource};
use crate::core::header::{HeaderName, HeaderValue};
use crate::core::mutate::HeaderPolicy;
use crate::core::route::RouteTable;
use crate::core::route::groups::GroupNames;
use crate::engine::Snapshot;
use crate::store::{DatabaseStore, FileStore, Store};

/// Where problems of one file go.
pub(super) struct Section<'a, 'r> {
    pub(super) file: &'a Path,
    reader: &'a mut Reader<'r>,
    problems: &'a mut Problems,
    warnings: &'a mut Problems,
}

impl Section<'_, '_> {
    pub(super) fn problem(&mut self, place: &str, text: impl Into<String>) {
        self.problems.add(self.file, place, text);
    }

    pub(super) fn warning(&mut self, place: &str, text: impl Into<String>) {
        self.warnings.add(self.file, place, text);
    }

    /// How many problems there are so far.
    pub(super) fn problems(&self) -> usize {
        self.problems.iter().count()
    }

    /// A file of certificates in PEM, of those who may vouch for a server. Without any that can be used nobody could.
    pub(super) fn authorities(&mut self, place: &str, file: &Path) -> Option<Vec<u8>> {
        let pem = self.bytes(place, file)?;
        let certificates = Certificate::from_pem_bundle(&pem).ok().filter(|certificates| !certificates.is_empty());
        if certificates.is_some_and(|certificates| Client::builder().tls_certs_only(certificates).build().is_ok()) {
            return Some(pem);
        }
        self.problem(place, "it holds no certificates in PEM");
        None
    }

    /// A small file that the configuration names, beside it.
    pub(super) fn bytes(&mut self, place: &str, file: &Path) -> Option<Vec<u8>> {
        const MOST: u64 = 1024 * 1024;
        let path = self.file.parent().unwrap_or(Path::new("")).join(file);
        self.reader.files.push(path.clone());
        let mut bytes = Vec::new();
        let read = std::fs::File::open(&path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
        match read {
            Ok(_) if bytes.len() as u64 <= MOST => Some(bytes),
            Ok(_) => {
                self.problem(place, format!("`{}` has more than 1 MiB", path.display()));
                None
            }
            Err(error) => {
                self.problem(place, format!("cannot read `{}`: {error}", path.display()));
                None
            }
        }
    }

    pub(super) fn secret(&mut self, place: &str, written: &str) -> Option<crate::core::credential::Secret> {
        let directory = self.file.parent().unwrap_or(Path::new(""));
        match secret::resolve(written, directory, self.reader.environment, &mut self.reader.files) {
            Ok(secret) => Some(secret),
            Err(text) => {
                self.problem(place, text);
                None
            }
        }
    }
}

/// Compiles a configuration. `None` when that failed, with the reasons in `problems`.
pub(super) fn configuration(
    file: &Path,
    raw: RawConfig,
    reader: &mut Reader<'_>,
    problems: &mut Problems,
) -> Option<Configuration> {
    let mut warnings = Problems::default();
    let mut section = Section { file, reader, problems, warnings: &mut warnings };
    check_listen(&raw.listen, &mut section);
    check_limits(&raw.limits, &raw.envoy, &mut section);
    let extractor = extractor(&raw.credentials, raw.jwt.is_some(), &mut section);
    let headers = headers(&raw.headers, &mut section);
    // Names are known even where a group is not sound, so that a key file is not blamed for it.
    let names = GroupNames::new(raw.routes.groups.keys().cloned().collect());
    let routes = routes::compile(&raw.routes, &raw.litellm_compat, &mut section);
    let peers = request::peers(&raw.request, &mut section);
    let request = request::compile(&raw.request, &raw.end_users, raw.proxy_budget, &mut section);
    let models = models::compile(&raw.models, &raw.model_group_alias, &mut section);
    let authenticator = authenticator(&raw, &names, routes.as_ref().map(|(table, _)| table), &mut section);
    let responses = response_ids::compile(raw.response_ids.as_ref(), &mut section);
    let version = section.reader.version();
    let extractor = extractor?;
    let body_limits = BodyLimits { proxy_buffers: raw.envoy.max_request_bytes };
    let (routes, rules) = routes?;
    let configured = extractor.custom_header.iter().chain(routes.credential_headers()).cloned();
    let headers = headers?.with_credential_headers(configured);
    let vouching = authenticator.iter().filter_map(|authenticator| authenticator.outside.proxy.as_ref());
    let headers = headers.with_credential_headers(vouching.flat_map(|proxy| proxy.who.names().cloned()));
    let (authenticator, request, models, peers) = (authenticator?, request?, models?, peers?);
    let responses = responses?;
    let snapshot = Snapshot {
        version,
        authenticator,
        extractor,
        routes,
        rules,
        request,
        models,
        body_limits,
        headers,
        peers,
        responses,
    };
    let settings = Settings { listen: raw.listen, log: raw.log, limits: raw.limits };
    Some(Configuration { snapshot: Arc::new(snapshot), settings, warnings })
}

/// Somebody must be able to come in: without a master key and without keys every request would be refused,
/// and an open door is not offered (LiteLLM LOOK-4, SEC-39).
fn authenticator(
    raw: &RawConfig,
    names: &GroupNames,
    table: Option<&RouteTable>,
    section: &mut Section<'_, '_>,
) -> Option<Authenticator> {
    let (master_key, keys) = (raw.master_key.as_deref(), raw.keys.as_ref());
    let somebody = raw.jwt.is_some() || raw.custom_authenticator.is_some() || oauth2::is_somebody(&raw.oauth2);
    if master_key.is_none() && keys.is_none() && raw.store.is_none() && !somebody {
        section.problem("", "nobody could get in: set `master_key`, `keys.file`, `store` or `jwt`");
        return None;
    }
    if keys.is_some() && raw.store.is_some() {
        section.problem("store", "keys live in one place; keep `keys` or `store`");
    }
    let default_budget = raw.end_users.default_budget_id.as_deref();
    if default_budget.is_some() && keys.is_none() && raw.store.is_none() {
        section.problem("end_users.default_budget_id", "there is nothing to list it; set `keys.file` or `store`");
    }
    if raw.proxy_budget.is_some() && keys.is_none() && raw.store.is_none() {
        section.problem("proxy_budget", "there is nothing to say what was spent; set `keys.file` or `store`");
    }
    // Both are compiled before either failure ends this, so that both are reported.
    let master = master_key.map(|written| compile_master_key(written, section));
    let known = master.as_ref().and_then(Option::as_ref);
    let store = match (keys, &raw.store) {
        (Some(keys), _) => key_file(keys, raw, known, names, section).map(|file| Store::File(Box::new(file))),
        (None, Some(store)) => store::compile(store, default_budget, names, section)
            .map(|spec| Store::Database(Arc::new(DatabaseStore::new(spec)))),
        (None, None) => Some(Store::File(Box::default())),
    };
    let tokens = jwt::compile(raw, table, store.as_ref(), section);
    let master_key = match master {
        Some(compiled) => Some(compiled?),
        None => None,
    };
    let outside = outside(raw, section);
    let (store, jwt::Compiled { verifier, bearers, writer }) = (store?, tokens?);
    Some(Authenticator { master_key, store, jwt: verifier, bearers, writer, outside: outside? })
}

/// Nobody is asked about what another was asked about before.
fn outside(raw: &RawConfig, section: &mut Section<'_, '_>) -> Option<Outside> {
    const PLACE: &str = "custom_authenticator.credentials";
    let compiled = oauth2::compile(&raw.oauth2, raw.jwt.as_ref(), &raw.headers.prefix, section);
    let custom = match raw.custom_authenticator.as_ref().map(|custom| custom::compile(custom, section)) {
        None => None,
        Some(custom) => Some(custom?),
    };
    let oauth2::Compiled { introspection, overrides, userinfo, proxy } = compiled?;
    let asked = custom.as_ref().map(|custom| custom.who.credentials());
    if asked.is_some_and(|asked| asked.opaque) && (introspection.is_some() || userinfo.is_some()) {
        section.problem(PLACE, "with `opaque` nobody in `oauth2` would ever be asked; remove one");
    }
    if asked.is_some_and(|asked| asked.jwt) && raw.jwt.is_some() {
        section.problem(PLACE, "with `jwt` no token would ever be verified by section `jwt`; remove one");
    }
    if custom.as_ref().is_some_and(|custom| custom.who.validates_claims()) && raw.jwt.is_none() {
        section.problem("custom_authenticator.validate_claims", "no claims are verified without section `jwt`");
    }
    Some(Outside { custom, introspection, overrides, userinfo, proxy })
}

fn compile_master_key(written: &str, section: &mut Section<'_, '_>) -> Option<MasterKey> {
    let secret = section.secret("master_key", written)?;
    MasterKey::new(&secret).map_err(|error| section.problem("master_key", error.to_string())).ok()
}

fn key_file(
    keys: &RawKeys,
    config: &RawConfig,
    master_key: Option<&MasterKey>,
    names: &GroupNames,
    section: &mut Section<'_, '_>,
) -> Option<FileStore> {
    let file = section.file.parent().unwrap_or(Path::new("")).join(&keys.file);
    let raw: RawKeyFile = section.reader.parse(&file, section.problems)?;
    let default_end_user_budget = config.end_users.default_budget_id.as_deref();
    if config.proxy_budget.is_some() && raw.proxy_spend.is_none() {
        section.problem("proxy_budget", "what was spent is not known; say it as `proxy_spend` in the key file");
    }
    if default_end_user_budget.is_some_and(|id| !raw.budgets.iter().any(|row| row.budget_id == id)) {
        section
            .problem("end_users.default_budget_id", "it is not listed under `budgets` of the key file; list it there");
    }
    let context = keys::Context { file: &file, master_key, names, default_end_user_budget };
    keys::compile(&context, &raw, section.problems, section.warnings)
}

fn extractor(raw: &RawCredentials, tokens: bool, section: &mut Section<'_, '_>) -> Option<Extractor> {
    let custom_header = match raw.header.as_ref().map(|name| HeaderName::new(name)) {
        None => None,
        Some(Some(name)) => Some(name),
        Some(None) => {
            section.problem("credentials.header", "it is no name of a request header");
            return None;
        }
    };
    let optional = raw.also.iter().map(|source| match source {
        RawSource::QueryKey => OptionalSource::QueryKey,
        RawSource::BasicRaw => OptionalSource::BasicRaw,
        RawSource::AwsSigv4 => OptionalSource::AwsSigV4,
        RawSource::LitellmUserApiKey => OptionalSource::LitellmUserApiKey,
    });
    Some(Extractor { custom_header, optional: optional.collect(), tokens })
}

fn headers(raw: &RawHeaders, section: &mut Section<'_, '_>) -> Option<HeaderPolicy> {
    let credential = match &raw.upstream_credential {
        Some(credential) => Some(upstream_credential(credential, section)?),
        None => None,
    };
    let owned = credential.as_ref().is_some_and(|(name, _)| name.as_str().starts_with(&raw.prefix));
    if owned {
        section.problem(
            "headers.upstream_credential.header",
            "it begins with `headers.prefix`, which is for identity headers",
        );
    }
    let policy = HeaderPolicy::new(&raw.prefix, raw.keep_credential, credential);
    if policy.is_none() {
        section.problem(
            "headers.prefix",
            "it must be lower-case letters, digits and single `-`, end in `-`, and not be the beginning of a common or credential header; `x-auth-` is the default",
        );
    }
    policy.filter(|_| !owned)
}

fn upstream_credential(
    raw: &RawUpstreamCredential,
    section: &mut Section<'_, '_>,
) -> Option<(HeaderName, HeaderValue)> {
    let secret = section.secret("headers.upstream_credential.secret", &raw.secret)?;
    let name = HeaderName::new(&raw.header);
    if name.is_none() {
        section.problem(
            "headers.upstream_credential.header",
            format!("it is no header that can be set; usual ones are `{}`", CREDENTIAL_HEADERS.join("`, `")),
        );
    }
    let value = HeaderValue::credential(&raw.scheme, &secret);
    if value.is_none() {
        section.problem(
            "headers.upstream_credential.secret",
            "the secret holds a character other than visible ASCII, or the scheme is no token",
        );
    }
    Some((name?, value?))
}

fn check_limits(limits: &RawLimits, envoy: &RawEnvoy, section: &mut Section<'_, '_>) {
    if envoy.max_request_bytes.is_some_and(|bytes| bytes > limits.max_body_bytes) {
        section.problem(
            "envoy.max_request_bytes",
            "it is more than `limits.max_body_bytes`, so that a check with such a body would fail; raise that",
        );
    }
    let bounds = [
        ("limits.concurrent_checks", limits.concurrent_checks as u64, 1, 100_000),
        ("limits.concurrent_streams", limits.concurrent_streams as u64, 1, 100_000),
        ("limits.max_body_bytes", limits.max_body_bytes as u64, 1024, 1 << 30),
        ("limits.drain_seconds", limits.drain_seconds, 0, 600),
        ("limits.shutdown_grace_seconds", limits.shutdown_grace_seconds, 1, 3600),
    ];
    for (place, value, least, most) in bounds {
        if !(least..=most).contains(&value) {
            section.problem(place, format!("it must be between {least} and {most}"));
        }
    }
}

fn check_listen(listen: &RawListen, section: &mut Section<'_, '_>) {
    if let Some(path) = listen.grpc.strip_prefix("unix://") {
        if !path.starts_with('/') {
            section.problem("listen.grpc", "a socket path is absolute: `unix:///run/tollgate.sock`");
        }
    } else {
        check_address("listen.grpc", &listen.grpc, listen.allow_remote, section);
    }
    check_address("listen.http", &listen.http, listen.allow_remote, section);
}

/// Whoever reaches a port speaks to it as Envoy would (S-067), so loopback is the rule.
fn check_address(place: &str, address: &str, allow_remote: bool, section: &mut Section<'_, '_>) {
    match address.parse::<SocketAddr>() {
        Err(_) => section.problem(place, "it must be an IP address and a port, such as `127.0.0.1:9191`"),
        Ok(address) if !address.ip().is_loopback() && !allow_remote => section.problem(
            place,
            "the address is reachable from other machines; bind loopback or a Unix socket, or set `listen.allow_remote: true` behind mTLS or a network policy",
        ),
        Ok(_) => {}
    }
}
