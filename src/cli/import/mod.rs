//! `tollgate import litellm`: LiteLLM's configuration becomes ours, and what does not is listed.

mod differences;
mod general;
mod include;
mod jwt;
mod models;
mod outside;
mod response_ids;
mod source;
mod stays;
mod target;
mod yaml;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Done;
use super::files::{Content, NewFile, write};
use super::init::quoted;
use crate::config::load::read;
use crate::config::schema::foreign_yaml;
use general::Import;
use source::{Kind, Section};

/// Where from.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// From LiteLLM's `config.yaml`
    ///
    /// Says of every field that is not carried over why, and what to do about it. Keys stay in LiteLLM's database, which
    /// Tollgate reads as it is.
    Litellm(Arguments),
}

/// What to import.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// LiteLLM's configuration
    file: PathBuf,
    /// The directory for what is written; it is made when it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// The environment variable that has LiteLLM's database, when its configuration does not name one
    #[arg(long, value_name = "NAME")]
    database_env: Option<String>,
}

const HEAD: &str = "\
# Made by `tollgate import litellm`. `tollgate validate` checks it; docs/configuration.md explains every setting, and
# docs/litellm-differences.md where Tollgate is stricter than LiteLLM. If LiteLLM stays behind it and checks keys again, add
# `headers: { keep_credential: true }`; else set `headers.upstream_credential`. Set `envoy.max_request_bytes` to Envoy's value.
";

impl Verb {
    pub(super) fn run(self) -> Done {
        let Self::Litellm(arguments) = self;
        litellm(&arguments)
    }
}

fn litellm(arguments: &Arguments) -> Done {
    let Arguments { file, out, database_env } = arguments;
    let named = |place: &str, text: &str| {
        let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
        format!("{}: {place}{text}", file.display())
    };
    let text = read(file).map_err(|text| named("", &text))?;
    let mut document = foreign_yaml(&text).map_err(|(place, text)| named(&place, &text))?;
    include::merge(&mut document, file)?;
    let mut import = Import::default();
    let mut root = Section::root(document, &mut import.findings);
    let findings = &mut import.findings;
    let [general, settings, router, mut environment] =
        ["general_settings", "litellm_settings", "router_settings", "environment_variables"]
            .map(|name| root.section(name, findings));
    import.general(general, &mut environment, database_env.as_deref())?;
    import.litellm(settings);
    import.models(&mut root);
    import.router(router);
    for section in [environment, root] {
        section.leave(&mut import.findings);
    }
    if import.findings.problems.is_empty() {
        import.target.settle(&mut import.findings);
        import.drop_unused_secrets();
    }
    if !import.findings.problems.is_empty() {
        let problems = import.findings.problems.iter().map(|(place, text)| named(place, text));
        return Err(problems.collect::<Vec<_>>().join("\n"));
    }
    finish(import, out)
}

fn finish(import: Import, out: &Path) -> Done {
    let Import { target, secrets, findings, .. } = import;
    let config = NewFile { name: "tollgate.yaml", content: Content::Text(format!("{HEAD}\n{}", target.text())) };
    let files: Vec<_> = std::iter::once(config).chain(secrets).collect();
    write(out, &files)?;
    let mut lines: Vec<_> = files
        .iter()
        .map(|file| {
            let mode = if matches!(file.content, Content::Secret(_)) { " (mode 0600)" } else { "" };
            format!("wrote {}{mode}", out.join(file.name).display())
        })
        .collect();
    for (kind, head) in [
        (Kind::Restricting, "Not carried over, and callers may have been refused by it:"),
        (Kind::Left, "Not carried over:"),
        (Kind::Different, "Carried over, with a difference:"),
    ] {
        let notes = findings.lines(kind);
        if !notes.is_empty() {
            lines.push(format!("\n{head}"));
            lines.extend(notes);
        }
    }
    lines.push(format!("\nnext: tollgate validate {}\n", quoted(&out.join("tollgate.yaml"))));
    Ok(lines.join("\n"))
}
