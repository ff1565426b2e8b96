//! New files, of which none replaces another: all of them, or none.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, BASE64URL_NOPAD};
use zeroize::Zeroizing;

use crate::core::credential::Secret;

/// A file that is to be.
#[derive(Debug)]
pub(super) struct NewFile {
    /// Its name in the directory.
    pub(super) name: &'static str,
    /// What will be in it.
    pub(super) content: Content,
}

/// What is in a file, and who may read it.
#[derive(Debug)]
pub(super) enum Content {
    /// For everybody whom the umask lets.
    Text(String),
    /// For its owner alone.
    Secret(Secret),
}

/// Writes the files. When one of them is there already, or cannot be written, none is.
pub(super) fn write(directory: &Path, files: &[NewFile]) -> Result<(), String> {
    for file in files {
        let path = directory.join(file.name);
        // A link to nowhere is something, too.
        if path.symlink_metadata().is_ok() {
            return Err(occupied(&path));
        }
    }
    let cannot = |error| format!("cannot make the directory `{}`: {error}", directory.display());
    DirBuilder::new().recursive(true).mode(0o755).create(directory).map_err(cannot)?;
    let mut written = Vec::new();
    for file in files {
        let path = directory.join(file.name);
        if let Err(text) = create(&path, &file.content, &mut written) {
            for path in written {
                std::fs::remove_file(path).ok();
            }
            return Err(text);
        }
    }
    Ok(())
}

/// Whoever made a file of that name in the meantime keeps it (`O_EXCL`).
fn create(path: &Path, content: &Content, written: &mut Vec<PathBuf>) -> Result<(), String> {
    let (mode, text) = match content {
        Content::Text(text) => (0o644, text.as_str()),
        Content::Secret(secret) => (0o600, secret.expose()),
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            return occupied(path);
        }
        format!("cannot write `{}`: {error}", path.display())
    })?;
    written.push(path.to_owned());
    let end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
    let done = file.write_all(text.as_bytes()).and_then(|()| file.write_all(end)).and_then(|()| file.sync_all());
    done.map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}

fn occupied(path: &Path) -> String {
    format!("`{}` is there already, and nothing is overwritten; move it, or name another directory", path.display())
}

/// A key as LiteLLM makes them (LOOK-8), `sk-` and URL-safe characters, but of a full 128 bits and more: 32 bytes, 43
/// characters.
pub(super) fn fresh_key() -> Result<Secret, String> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut()).map_err(|error| format!("no random bytes from the system: {error}"))?;
    Ok(Secret::new(format!("sk-{}", BASE64URL_NOPAD.encode(bytes.as_ref()))))
}

/// A secret that is no key: 32 bytes in base64.
pub(super) fn fresh_secret() -> Result<Secret, String> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut()).map_err(|error| format!("no random bytes from the system: {error}"))?;
    Ok(Secret::new(BASE64.encode(bytes.as_ref())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn two() -> [NewFile; 2] {
        [
            NewFile { name: "open", content: Content::Text("text".to_owned()) },
            NewFile { name: "shut", content: Content::Secret(Secret::new("sk-canary")) },
        ]
    }

    #[test]
    fn a_secret_is_for_its_owner_alone_s241() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("a/b");
        write(&inner, &two()).unwrap();
        assert_eq!(std::fs::read_to_string(inner.join("shut")).unwrap(), "sk-canary\n");
        assert_eq!(inner.join("shut").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_is_left_behind() {
        for name in ["open", "shut"] {
            let directory = tempfile::tempdir().unwrap();
            std::os::unix::fs::symlink("/nowhere/at/all", directory.path().join(name)).unwrap();
            assert!(write(directory.path(), &two()).unwrap_err().contains("is there already"));
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn what_cannot_be_finished_is_taken_back() {
        let directory = tempfile::tempdir().unwrap();
        let [open, _] = two();
        let second = NewFile { name: "no/such/folder", content: Content::Text(String::new()) };
        assert!(write(directory.path(), &[open, second]).unwrap_err().contains("cannot write"));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
