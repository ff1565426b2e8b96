//! `tollgate db`: the tables of a store.

use std::path::PathBuf;

use clap::Subcommand;

use super::Done;
use crate::config::load::{load, process_environment};
use crate::store::admin::Admin;
use crate::store::{Place, Store};

/// What to do with a store's tables.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Create the tables that are missing
    Init(Arguments),
    /// Say what is missing for a store to serve, and exit with 1 if anything is
    Check(Arguments),
    /// Let PostgreSQL tell of changes, so that they are seen at once
    InstallTriggers(Arguments),
    /// Take that back
    RemoveTriggers(Arguments),
}

/// Which store.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Verb {
    pub(super) fn run(self) -> Done {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
        runtime.block_on(async {
            let (Self::Init(arguments)
            | Self::Check(arguments)
            | Self::InstallTriggers(arguments)
            | Self::RemoveTriggers(arguments)) = &self;
            let admin = Admin::open(&place(arguments)?).await.map_err(|error| error.to_string())?;
            let done = match &self {
                Self::Init(_) => admin.create_tables().await.map(|()| "the tables are there\n".to_owned()),
                Self::Check(_) => return check(&admin).await,
                Self::InstallTriggers(_) => admin.install_triggers().await.map(|()| "installed\n".to_owned()),
                Self::RemoveTriggers(_) => admin.remove_triggers().await.map(|()| "removed\n".to_owned()),
            };
            done.map_err(|error| error.to_string())
        })
    }
}

fn place(arguments: &Arguments) -> Result<Place, String> {
    let configuration =
        load(&arguments.config, &process_environment).result.map_err(|problems| problems.to_string())?;
    match &configuration.snapshot.authenticator.store {
        Store::Database(store) => Ok(store.spec().place.clone()),
        Store::File(_) => Err("the configuration names no `store`".to_owned()),
    }
}

async fn check(admin: &Admin) -> Done {
    let report = admin.check().await.map_err(|error| error.to_string())?;
    if report.missing.is_empty() {
        let told = if report.watched { "at once" } else { "with a delay; `tollgate db install-triggers` ends that" };
        Ok(format!("all that is read is there; changes are seen {told}\n"))
    } else {
        Err(format!("missing:\n  {}", report.missing.join("\n  ")))
    }
}
