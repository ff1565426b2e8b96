//! `tollgate keys`: those that need no store are here.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use clap::Subcommand;
use zeroize::Zeroizing;

use super::files::fresh_key;
use super::{Done, manage};
use crate::core::credential::{KeyHash, MAX_CREDENTIAL};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Read keys from standard input, one a line, and print their hashes
    ///
    /// A key is never an argument, for other users of the machine can read those.
    Hash,
    /// Make a new key: print it and its hash
    Generate,
    #[command(flatten)]
    Stored(Box<manage::keys::Verb>),
}

impl Verb {
    pub(super) fn run(self) -> Done {
        match self {
            Self::Hash => hash(),
            Self::Generate => generate(),
            Self::Stored(verb) => verb.run(),
        }
    }
}

fn hash() -> Done {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprintln!("enter a key and press Return; end with Ctrl-D:");
    }
    let mut hashes = String::new();
    for line in std::io::BufReader::new(stdin.lock().take(64 << 20)).lines() {
        let line = Zeroizing::new(line.map_err(|error| format!("cannot read standard input: {error}"))?);
        let key = line.trim_end_matches('\r');
        if key.is_empty() {
            continue;
        }
        if !key.starts_with("sk-")
            || key.len() > MAX_CREDENTIAL
            || !key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
        {
            return Err(
                "a line is no virtual key; keys begin with `sk-` and hold no white space and no comma".to_owned()
            );
        }
        hashes.push_str(&KeyHash::of(key).to_hex());
        hashes.push('\n');
    }
    if hashes.is_empty() {
        return Err("no key on standard input; try `printf 'sk-…' | tollgate keys hash`".to_owned());
    }
    Ok(hashes)
}

fn generate() -> Done {
    let key = fresh_key()?;
    Ok(format!("key: {}\nkey_hash: {}\n", key.expose(), KeyHash::of(key.expose()).to_hex()))
}
