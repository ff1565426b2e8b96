//! Reads every file of a configuration and compiles them into a snapshot.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::problem::Problems;
use super::raw::{RawConfig, RawLimits, RawListen, RawLog};
use super::secret::Environment;
use super::{compile, schema};
use crate::engine::Snapshot;

/// Largest configuration or key file, in bytes.
const MAX_FILE: u64 = 256 * 1024 * 1024;

/// What came of loading a configuration.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration, or everything that is wrong with it.
    pub result: Result<Configuration, Problems>,
    /// Every file that was read or asked for, in this order, for the watch.
    pub files: Vec<PathBuf>,
}

/// A configuration that can run.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// What decisions need.
    pub snapshot: Arc<Snapshot>,
    /// What is read once, at start.
    pub settings: Settings,
    /// What was ignored, and does no harm.
    pub warnings: Problems,
}

/// Settings that need a restart to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Listeners.
    pub listen: RawListen,
    /// Logging.
    pub log: RawLog,
    /// Bounds.
    pub limits: RawLimits,
}

/// The files of one load, read once each.
pub(super) struct Reader<'a> {
    pub(super) environment: Environment<'a>,
    pub(super) files: Vec<PathBuf>,
    fingerprint: Sha256,
}

impl Reader<'_> {
    /// Reads and parses a file. `None` when that failed, with the reason in `problems`.
    pub(super) fn parse<T: schema::Shape>(&mut self, file: &Path, problems: &mut Problems) -> Option<T> {
        self.files.push(file.to_owned());
        let text = match read(file) {
            Ok(text) => text,
            Err(text) => {
                problems.add(file, "", text);
                return None;
            }
        };
        self.fingerprint.update(Sha256::digest(text.as_bytes()));
        schema::parse(file, &text, problems)
    }

    /// Names the configuration by what was read: the same files give the same version on every replica.
    pub(super) fn version(&self) -> String {
        let mut version = HEXLOWER.encode(&self.fingerprint.clone().finalize());
        version.truncate(12);
        version
    }
}

/// Loads `file` and everything it refers to.
#[must_use]
pub fn load(file: &Path, environment: Environment<'_>) -> Loaded {
    compiled(file, None, environment)
}

/// Compiles a text as if it were in `file`, with everything it refers to.
#[must_use]
pub fn check(file: &Path, text: &str, environment: Environment<'_>) -> Loaded {
    compiled(file, Some(text), environment)
}

fn compiled(file: &Path, text: Option<&str>, environment: Environment<'_>) -> Loaded {
    let mut reader = Reader { environment, files: Vec::new(), fingerprint: Sha256::new() };
    let mut problems = Problems::default();
    let raw: Option<RawConfig> = match text {
        Some(text) => schema::parse(file, text, &mut problems),
        None => reader.parse(file, &mut problems),
    };
    let configuration = raw.and_then(|raw| compile::configuration(file, raw, &mut reader, &mut problems));
    let result = match configuration {
        Some(configuration) if problems.is_empty() => Ok(configuration),
        _ => Err(problems),
    };
    Loaded { result, files: reader.files }
}

/// The environment of this process.
#[must_use]
pub fn process_environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    std::env::var(name).ok()
}

/// The text of a file that is not too large.
///
/// # Errors
/// Why it cannot be read, for people.
pub fn read(file: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            return "there is no such file; check the path".to_owned();
        }
        format!("cannot read the file: {error}")
    };
    let size = std::fs::metadata(file).map_err(cannot)?.len();
    if size > MAX_FILE {
        return Err(format!("the file has {size} bytes; the limit is {MAX_FILE}"));
    }
    let bytes = std::fs::read(file).map_err(cannot)?;
    String::from_utf8(bytes).map_err(|_| "the file is not UTF-8 text".to_owned())
}
