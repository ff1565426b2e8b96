//! `tollgate init`: a configuration to begin with.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Done;
use super::files::{Content, NewFile, fresh_key, fresh_secret, write};

const CONFIG: &str = include_str!("tollgate.yaml");
const KEYS: &str = include_str!("keys.yaml");

/// The file of the master key.
pub(super) const MASTER_KEY_FILE: &str = "master.key";
/// The file of what seals response ids.
pub(super) const RESPONSE_KEY_FILE: &str = "response-ids.key";

const IN_STORE: &str = "\
# Where keys live: a file of SQLite, made when it is not there. Beyond one machine, a PostgreSQL, which may be LiteLLM's
# own database: `postgres: { url: \"${DATABASE_URL}\" }`.
store:
  sqlite:
    file: tollgate.db
";

const IN_FILE: &str = "\
# Where keys live: a file to edit. `store: { sqlite: {} }` in its place lets `tollgate keys` manage them.
keys:
  file: keys.yaml
";

/// Where to begin.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The directory; it is made when it is not there
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// Keep keys in a file to edit, in place of a database
    #[arg(long)]
    key_file: bool,
}

pub(super) fn run(arguments: &Arguments) -> Done {
    let Arguments { directory, key_file } = arguments;
    let keys = if *key_file { IN_FILE } else { IN_STORE };
    let config =
        NewFile { name: "tollgate.yaml", content: Content::Text(CONFIG.replace("#KEYS#\n", &format!("{keys}\n"))) };
    let secret = NewFile { name: MASTER_KEY_FILE, content: Content::Secret(fresh_key()?) };
    let responses = NewFile { name: RESPONSE_KEY_FILE, content: Content::Secret(fresh_secret()?) };
    let mut files = vec![config, secret, responses];
    if *key_file {
        files.push(NewFile { name: "keys.yaml", content: Content::Text(KEYS.to_owned()) });
    }
    write(directory, &files)?;
    let place = |name: &str| directory.join(name).display().to_string();
    let config = quoted(&directory.join("tollgate.yaml"));
    let make = if *key_file {
        format!("tollgate keys generate                # make a key; list its hash in {}", place("keys.yaml"))
    } else {
        format!("tollgate keys create --config {config} --alias my-first-key")
    };
    let others = files.iter().skip(3).map(|file| format!("wrote {}\n", place(file.name)));
    Ok(format!(
        "wrote {}\nwrote {} (mode 0600): the key that may do everything\n\
         wrote {} (mode 0600): what seals the ids of responses\n{}\nnext:\n  tollgate validate {config}\n  {make}\n  \
         tollgate serve --config {config}\nand Envoy in front of it: envoy/tollgate.yaml is a configuration to copy\n",
        place("tollgate.yaml"),
        place(MASTER_KEY_FILE),
        place(RESPONSE_KEY_FILE),
        others.collect::<String>(),
    ))
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=@%,:".contains(&byte);
    if text.bytes().all(plain) && !text.starts_with('-') { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
