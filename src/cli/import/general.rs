//! `general_settings`, `litellm_settings` and `environment_variables`.

use serde_json::{Map, Value, json};

use super::source::{ENVIRONMENT, Findings, Section};
use super::target::Target;
use crate::authn::MasterKey;
use crate::cli::files::{Content, NewFile, fresh_key};
use crate::cli::init::MASTER_KEY_FILE;
use crate::core::credential::Secret;

/// The file of the URL of a database.
const DATABASE_FILE: &str = "database.url";

const NO_DATABASE: &str = "it is not there; if LiteLLM finds its database in the environment, import again with \
                           `--database-env DATABASE_URL`, or there are no virtual keys";

/// What fields become: a configuration, and the files of its secrets.
#[derive(Debug, Default)]
pub(super) struct Import {
    pub(super) target: Target,
    pub(super) secrets: Vec<NewFile>,
    pub(super) findings: Findings,
    /// LiteLLM's master key in our configuration, unless it got a new one.
    pub(super) master_key: Option<String>,
    /// Whether LiteLLM verifies tokens, and the new configuration cannot.
    pub(super) left_out_jwt: bool,
}

/// A secret as LiteLLM's configuration has it.
pub(super) enum Written {
    /// In an environment variable.
    Variable(String),
    /// In the configuration itself.
    Text(Secret),
}

impl Import {
    /// Where a secret is: LiteLLM sets variables of its own configuration before it reads others.
    pub(super) fn find(&mut self, path: &str, written: String, environment: &mut Section) -> Option<Written> {
        let Some(name) = written.strip_prefix(ENVIRONMENT) else {
            return Some(Written::Text(Secret::new(written)));
        };
        let variable = |name: &str| {
            let sound = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            sound.then(|| Written::Variable(name.to_owned()))
        };
        let found = match environment.secret(name, &mut self.findings) {
            None => variable(name),
            Some(text) => match text.strip_prefix(ENVIRONMENT) {
                None => Some(Written::Text(Secret::new(text))),
                Some(name) => variable(name),
            },
        };
        if found.is_none() {
            self.findings.problem(path, "it refers to no environment variable");
        }
        found
    }

    /// A reference for our configuration. A secret in clear text moves into a file of its own.
    pub(super) fn refer(&mut self, written: Written, file: &'static str) -> String {
        match written {
            Written::Variable(name) => format!("${{{name}}}"),
            Written::Text(secret) => {
                self.secrets.push(NewFile { name: file, content: Content::Secret(secret) });
                format!("file:{file}")
            }
        }
    }

    pub(super) fn general(
        &mut self,
        mut general: Section,
        environment: &mut Section,
        database: Option<&str>,
    ) -> Result<(), String> {
        self.master_key(&mut general, environment)?;
        self.response_ids(&mut general, environment)?;
        self.database(&mut general, environment, database);
        let path = general.path("litellm_key_header_name");
        if let Some(name) = general.text("litellm_key_header_name", &mut self.findings) {
            self.target.set("credentials.header", path, name);
        }
        for (name, place) in [
            ("public_routes", "routes.public"),
            ("allowed_routes", "routes.allowed"),
            ("admin_only_routes", "routes.admin_only"),
            ("allowed_ips", "request.allowed_ips"),
            ("enforced_params", "request.enforced_params"),
        ] {
            self.texts(&mut general, name, place);
        }
        let mut service = general.section("service_account_settings", &mut self.findings);
        self.texts(&mut service, "enforced_params", "request.service_account_enforced_params");
        service.leave(&mut self.findings);
        for (name, place) in [
            ("allow_client_side_credentials", "request.allow_client_credentials"),
            ("enforce_user_param", "request.require_user"),
            ("reject_clientside_metadata_tags", "request.reject_client_tags"),
        ] {
            self.flag(&mut general, name, place);
        }
        let path = general.path("max_request_size_mb");
        if let Some(size) = general.number("max_request_size_mb", &mut self.findings) {
            let bytes = (size * 1024.0 * 1024.0).floor().max(1.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it saturates, which is no limit either"
            )]
            self.target.set("request.max_bytes", path, bytes as u64);
        }
        self.callers(&mut general, environment);
        self.end_user_headers(&mut general);
        self.pass_through(&mut general);
        general.leave(&mut self.findings);
        Ok(())
    }

    fn master_key(&mut self, general: &mut Section, environment: &mut Section) -> Result<(), String> {
        const VARIABLE: &str = "LITELLM_MASTER_KEY";
        let path = general.path("master_key");
        let written = general.secret("master_key", &mut self.findings);
        let (path, written) = if let Some(written) = written {
            (path, written)
        } else if let Some(written) = environment.secret(VARIABLE, &mut self.findings) {
            (environment.path(VARIABLE), written)
        } else {
            let text = format!("it is not there; LiteLLM then reads `{VARIABLE}`, and so does the new configuration");
            self.findings.note(&path, false, text);
            (path, format!("{ENVIRONMENT}{VARIABLE}"))
        };
        let Some(mut written) = self.find(&path, written, environment) else {
            return Ok(());
        };
        let mut renewed = false;
        if let Written::Text(secret) = &written
            && let Err(error) = MasterKey::new(secret)
        {
            self.findings.note(
                &path,
                false,
                format!("{error}; a new one is in `{MASTER_KEY_FILE}`, which its users have to be given"),
            );
            written = Written::Text(fresh_key()?);
            renewed = true;
        }
        let reference = self.refer(written, MASTER_KEY_FILE);
        self.master_key = (!renewed).then(|| reference.clone());
        self.target.set("master_key", path, reference);
        Ok(())
    }

    fn database(&mut self, general: &mut Section, environment: &mut Section, variable: Option<&str>) {
        const VARIABLE: &str = "DATABASE_URL";
        let path = general.path("database_url");
        let written = general.secret("database_url", &mut self.findings);
        let (path, written) = if let Some(written) = written {
            (path, written)
        } else if let Some(variable) = variable {
            (path, format!("{ENVIRONMENT}{variable}"))
        } else if let Some(written) = environment.secret(VARIABLE, &mut self.findings) {
            (environment.path(VARIABLE), written)
        } else {
            return self.findings.note(&path, false, NO_DATABASE);
        };
        let Some(written) = self.find(&path, written, environment) else {
            return;
        };
        if let Written::Text(secret) = &written
            && !["postgresql://", "postgres://"].iter().any(|scheme| secret.expose().starts_with(scheme))
        {
            return self.findings.problem(&path, "it is no URL of PostgreSQL, which begins with `postgresql://`");
        }
        let reference = self.refer(written, DATABASE_FILE);
        self.target.set("store.postgres.url", path, reference);
    }

    fn texts(&mut self, section: &mut Section, name: &str, place: &'static str) {
        let path = section.path(name);
        let Some(texts) = section.texts(name, &mut self.findings) else {
            return;
        };
        let mut entries = Vec::new();
        for (index, text) in texts.into_iter().enumerate() {
            let entry = format!("{path}[{index}]");
            // There a name is no group, and no path is called so: to carry it over would open what was closed.
            if ["routes.public", "routes.allowed"].contains(&place) && !text.starts_with('/') {
                let text =
                    "it is no path, and LiteLLM matches nothing by it; name the group yourself where it is meant";
                self.findings.note_entry(&entry, false, text);
            } else {
                entries.push((entry, text.into()));
            }
        }
        self.target.set_list(place, path, entries);
    }

    fn flag(&mut self, section: &mut Section, name: &str, place: &'static str) {
        let path = section.path(name);
        if section.flag(name, &mut self.findings) == Some(true) {
            self.target.set(place, path, true);
        }
    }

    /// Headers that name customers. Others name people who call, which is the key's to say here.
    fn end_user_headers(&mut self, general: &mut Section) {
        let path = general.path("user_header_mappings");
        let mappings = match general.take("user_header_mappings") {
            Some(Value::Array(mappings)) => mappings,
            Some(mapping) => vec![mapping],
            None => Vec::new(),
        };
        let mut headers = Vec::new();
        for (index, mapping) in mappings.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let mut mapping = Section::of(path.clone(), mapping, &mut self.findings);
            let name = mapping.text("header_name", &mut self.findings);
            let role = mapping.text("litellm_user_role", &mut self.findings);
            match (name, role) {
                (Some(name), Some(role)) if role.eq_ignore_ascii_case("customer") => headers.push((path, name.into())),
                (Some(_), Some(_)) => {
                    self.findings.note(&path, false, "who calls is said by the key, and by no header");
                }
                _ => self.findings.problem(&path, "it needs `header_name` and `litellm_user_role`"),
            }
            mapping.leave(&mut self.findings);
        }
        let path = general.path("user_header_name");
        if let Some(name) = general.text("user_header_name", &mut self.findings) {
            if headers.is_empty() {
                headers.push((path.clone(), name.into()));
            } else {
                self.findings.note(&path, false, "`user_header_mappings` take its place, as in LiteLLM");
            }
        }
        if !headers.is_empty() {
            self.target.set_list("request.end_user_headers", path, headers);
        }
    }

    fn pass_through(&mut self, general: &mut Section) {
        let path = general.path("pass_through_endpoints");
        let mut endpoints = Vec::new();
        for (index, endpoint) in general.list("pass_through_endpoints", &mut self.findings).into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let mut endpoint = Section::of(path.clone(), endpoint, &mut self.findings);
            let mut entry = Map::new();
            let Some(own) = endpoint.text("path", &mut self.findings) else {
                self.findings.problem(&path, "`path` is missing");
                continue;
            };
            entry.insert("path".to_owned(), own.into());
            for name in ["auth", "include_subpath"] {
                if let Some(flag) = endpoint.flag(name, &mut self.findings) {
                    entry.insert(name.to_owned(), flag.into());
                }
            }
            if let Some(methods) = endpoint.texts("methods", &mut self.findings) {
                let methods: Vec<_> = methods.iter().map(|method| method.to_ascii_uppercase()).collect();
                entry.insert("methods".to_owned(), methods.into());
            }
            if let Some(parser) = endpoint.text("custom_auth_parser", &mut self.findings) {
                entry.insert("custom_auth_parser".to_owned(), parser.into());
            }
            let mut headers = endpoint.section("headers", &mut self.findings);
            if let Some(name) = headers.text("litellm_user_api_key", &mut self.findings) {
                entry.insert("headers".to_owned(), json!({ "litellm_user_api_key": name }));
            }
            headers.leave(&mut self.findings);
            endpoint.leave(&mut self.findings);
            endpoints.push((path, Value::Object(entry)));
        }
        if !endpoints.is_empty() {
            self.target.set_list("routes.pass_through", path, endpoints);
        }
    }

    pub(super) fn litellm(&mut self, mut settings: Section) {
        let path = settings.path("max_budget");
        // Zero is no limit there, and nothing at all here.
        if let Some(budget) = settings.number("max_budget", &mut self.findings).filter(|budget| *budget > 0.0) {
            self.target.set("proxy_budget", path, plain(budget));
        }
        let path = settings.path("max_end_user_budget_id");
        if let Some(id) = settings.text("max_end_user_budget_id", &mut self.findings) {
            self.target.set("end_users.default_budget_id", path, id);
        }
        self.flag(&mut settings, "validate_end_user_id_in_db", "end_users.validate");
        settings.leave(&mut self.findings);
    }
}

/// A whole amount is written as a whole number.
fn plain(number: f64) -> Value {
    let text = number.to_string();
    text.parse::<u64>().map_or_else(|_| number.into(), Into::into)
}
