//! `tollgate validate FILE` and `tollgate schema`.

use std::path::Path;

use clap::ValueEnum;

use super::Done;
use crate::config::load::{load, process_environment};
use crate::config::raw::{RawConfig, RawKeyFile};
use crate::config::schema::schema;
use crate::core::response_id::Guard;
use crate::store::Store;

pub(super) fn run(file: &Path) -> Done {
    let configuration = load(file, &process_environment).result.map_err(|problems| problems.to_string())?;
    for warning in configuration.warnings.iter() {
        println!("{warning}");
    }
    // A store is not opened: its keys are nobody's mistake in a configuration.
    let keys = match &configuration.snapshot.authenticator.store {
        Store::File(file) => format!("{} keys", file.len()),
        Store::Database(_) => "keys in a store".to_owned(),
    };
    let responses = match &configuration.snapshot.responses {
        Guard::Protected(_) => "",
        Guard::Unprotected => "responses: their ids are not protected\n",
        Guard::NotConfigured => "responses: nobody may name one, for there is no `response_ids`\n",
    };
    Ok(format!("{}: sound ({keys}, version {})\n{responses}", file.display(), configuration.snapshot.version))
}

/// Documents with a schema.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Document {
    /// The configuration.
    Config,
    /// The file of keys.
    Keys,
}

impl Document {
    pub(super) fn text(self) -> String {
        let schema = match self {
            Self::Config => schema::<RawConfig>(),
            Self::Keys => schema::<RawKeyFile>(),
        };
        format!("{schema:#}\n")
    }
}
