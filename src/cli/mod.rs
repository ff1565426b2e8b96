//! The command line: one file per verb.

mod db;
mod explain;
mod files;
mod import;
mod init;
mod keys;
mod manage;
mod serve;
mod validate;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use manage::records::{self, Verb as Record};

/// External authorization for LLM backends behind Envoy.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, about, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write a configuration to begin with, with a fresh master key
    Init(init::Arguments),
    /// Turn the configuration of another program into ours
    Import {
        #[command(subcommand)]
        from: import::Verb,
    },
    /// Answer Envoy's checks
    Serve {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check a configuration and everything it refers to, and exit
    Validate {
        /// The configuration file
        file: PathBuf,
    },
    /// Say what would be decided about a request, rule by rule, and why
    Explain(explain::Arguments),
    /// Make, hash and manage virtual keys
    Keys {
        #[command(subcommand)]
        verb: keys::Verb,
    },
    /// Manage teams
    Teams {
        #[command(subcommand)]
        verb: Record<records::TeamFields>,
    },
    /// Manage people
    Users {
        #[command(subcommand)]
        verb: Record<records::UserFields>,
    },
    /// Manage organisations
    Orgs {
        #[command(subcommand)]
        verb: Record<records::OrgFields>,
    },
    /// Create, check and watch the tables of a store
    Db {
        #[command(subcommand)]
        verb: db::Verb,
    },
    /// Print the JSON Schema of the configuration or of the key file
    Schema {
        /// Which schema
        #[arg(value_enum, default_value = "config")]
        document: validate::Document,
    },
}

impl Cli {
    /// Does what was asked. Problems go to standard error, one a line.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let done = match self.verb {
            Verb::Init(arguments) => init::run(&arguments),
            Verb::Import { from } => from.run(),
            Verb::Serve { config } => serve::run(config),
            Verb::Validate { file } => validate::run(&file),
            Verb::Explain(arguments) => explain::run(&arguments),
            Verb::Keys { verb } => verb.run(),
            Verb::Teams { verb } => verb.run(),
            Verb::Users { verb } => verb.run(),
            Verb::Orgs { verb } => verb.run(),
            Verb::Db { verb } => verb.run(),
            Verb::Schema { document } => Ok(document.text()),
        };
        match done {
            Ok(text) => {
                // A reader that closes early, such as `head`, has read enough.
                std::io::stdout().write_all(text.as_bytes()).ok();
                ExitCode::SUCCESS
            }
            Err(text) => {
                eprintln!("{text}");
                ExitCode::FAILURE
            }
        }
    }
}

/// What a verb comes to: lines for standard output, or for standard error.
type Done = Result<String, String>;
