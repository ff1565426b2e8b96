//! Secrets in a configuration: `${NAME}`, `file:PATH`, or the text itself.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::core::credential::Secret;

/// Longest secret read from a file, in bytes.
const MAX_SECRET: u64 = 64 * 1024;

/// Looks up an environment variable. Handed in, so that tests need not change the process.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Resolves what was written. The error says what is missing, never what was found.
pub(super) fn resolve(
    written: &str,
    directory: &Path,
    environment: Environment<'_>,
    files: &mut Vec<PathBuf>,
) -> Result<Secret, String> {
    if let Some(name) = written.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        let shown = super::schema::quotable(name);
        return match environment(name) {
            Some(value) if !value.is_empty() => Ok(Secret::new(value)),
            Some(_) => Err(format!("the environment variable `{shown}` is empty; set it, or remove this field")),
            None => Err(format!("the environment variable `{shown}` is not set; set it, or remove this field")),
        };
    }
    if let Some(path) = written.strip_prefix("file:") {
        let path = directory.join(path);
        files.push(path.clone());
        return read(&path);
    }
    if written.contains("${") || written.starts_with("os.environ/") {
        return Err("a reference must be the whole value: `${NAME}` or `file:PATH`".to_owned());
    }
    Ok(Secret::new(written))
}

/// The whole file without its final line end, as editors and Kubernetes write it.
fn read(path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    let mut text = zeroize::Zeroizing::new(String::new());
    let file = std::fs::File::open(path).map_err(|error| format!("cannot read the secret file `{shown}`: {error}"))?;
    file.take(MAX_SECRET)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot read the secret file `{shown}`: {error}"))?;
    let secret = text.trim_end_matches(['\n', '\r']);
    if secret.is_empty() {
        return Err(format!("the secret file `{shown}` is empty"));
    }
    Ok(Secret::new(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve_in(directory: &Path, written: &str) -> Result<String, String> {
        let environment = |name: &str| match name {
            "SET" => Some("sk-from-environment".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        resolve(written, directory, &environment, &mut Vec::new()).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn a_missing_secret_is_never_an_empty_one_s260() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("secret"), "sk-from-file\n").unwrap();
        std::fs::write(directory.path().join("empty"), "\n").unwrap();
        let resolve = |written| resolve_in(directory.path(), written);
        assert_eq!(resolve("${SET}").unwrap(), "sk-from-environment");
        assert_eq!(resolve("file:secret").unwrap(), "sk-from-file");
        assert_eq!(resolve("sk-literal").unwrap(), "sk-literal");
        for missing in ["${UNSET}", "${EMPTY}", "${}", "file:missing", "file:empty", "x${SET}", "os.environ/SET"] {
            assert!(resolve(missing).is_err(), "{missing}");
        }
    }
}
