//! `response_ids:` becomes the guard of response ids.

use std::sync::Arc;

use super::compile::Section;
use super::raw::RawResponseIds;
use crate::core::credential::Secret;
use crate::core::response_id::legacy::{Legacy, LegacyError};
use crate::core::response_id::{AccessRules, Guard, Keyring, KeyringError, Name, Protection, ResponseIds};

/// Compiles whose responses may be named. `None` when that failed; the reasons were noted.
pub(super) fn compile(raw: Option<&RawResponseIds>, section: &mut Section<'_, '_>) -> Option<Guard> {
    let Some(raw) = raw else { return Some(Guard::NotConfigured) };
    if raw.unprotected {
        return unprotected(raw, section);
    }
    if raw.keys.is_empty() {
        section.problem(
            "response_ids.keys",
            "there is no secret to seal ids with; name one of 32 random bytes (`openssl rand -base64 32`), or set `unprotected: true`",
        );
        return None;
    }
    let keyring = keyring(&raw.keys, section);
    let legacy = legacy(&raw.litellm_keys, section);
    let upstream = raw.upstream.as_deref().map(Name::parse);
    if upstream == Some(None) {
        section.problem("response_ids.upstream", "it must have between 1 and 256 bytes");
    }
    let events = 1024..=64 * 1024 * 1024;
    if !events.contains(&raw.max_event_bytes) {
        section.problem("response_ids.max_event_bytes", "it must be between 1024 and 67108864");
        return None;
    }
    if raw.allow_unmanaged {
        section.warning(
            "response_ids.allow_unmanaged",
            "whoever knows an id that was not issued here can use it; set this for a migration only",
        );
    }
    let rules = AccessRules { allow_unmanaged: raw.allow_unmanaged, admins_use_all: raw.admins_use_all };
    let (keyring, legacy) = (keyring?, legacy?);
    let upstream = match upstream {
        Some(name) => Some(name?),
        None => None,
    };
    let max_event = raw.max_event_bytes;
    Some(Guard::Protected(Protection { ids: Arc::new(ResponseIds { keyring, legacy, rules }), upstream, max_event }))
}

/// Every other field would be a promise that is not kept.
fn unprotected(raw: &RawResponseIds, section: &mut Section<'_, '_>) -> Option<Guard> {
    let idle = raw.keys.is_empty()
        && raw.litellm_keys.is_empty()
        && raw.upstream.is_none()
        && !raw.allow_unmanaged
        && !raw.admins_use_all;
    if !idle {
        section.problem("response_ids.unprotected", "the other fields would protect nothing; keep `unprotected` alone");
        return None;
    }
    section.warning("response_ids.unprotected", "whoever knows the id of a response can read, continue and delete it");
    Some(Guard::Unprotected)
}

fn secrets(place: &str, written: &[String], section: &mut Section<'_, '_>) -> Option<Vec<Secret>> {
    let resolved = written.iter().enumerate().map(|(index, text)| section.secret(&format!("{place}[{index}]"), text));
    // All of them before the first failure ends this, so that all are reported.
    resolved.collect::<Vec<_>>().into_iter().collect()
}

const MAKE_ONE: &str = "make one with `openssl rand -base64 32`";

fn keyring(written: &[String], section: &mut Section<'_, '_>) -> Option<Keyring> {
    let place = "response_ids.keys";
    let error = match Keyring::new(&secrets(place, written, section)?) {
        Ok(keyring) => return Some(keyring),
        Err(error) => error,
    };
    let at = |index: usize| format!("{place}[{index}]");
    let (at, text) = match error {
        KeyringError::Empty => (place.to_owned(), "there is no secret".to_owned()),
        KeyringError::TooMany => (place.to_owned(), format!("there are more than {}", Keyring::MAX_KEYS)),
        KeyringError::Short { index } => {
            (at(index), format!("the secret has fewer than {} bytes; {MAKE_ONE}", Keyring::MIN_SECRET))
        }
        KeyringError::NotRandom { index } => (at(index), format!("the secret is a few bytes repeated; {MAKE_ONE}")),
        KeyringError::Twice { index } => (at(index), "the secret is there already".to_owned()),
    };
    section.problem(&at, text);
    None
}

/// The outer `None` when that failed.
#[expect(clippy::option_option, reason = "no keys and bad keys are different things")]
fn legacy(written: &[String], section: &mut Section<'_, '_>) -> Option<Option<Legacy>> {
    let place = "response_ids.litellm_keys";
    if written.is_empty() {
        return Some(None);
    }
    let secrets = secrets(place, written, section)?;
    for (index, _) in secrets.iter().enumerate().filter(|(_, secret)| secret.expose().len() < Keyring::MIN_SECRET) {
        section.warning(
            &format!("{place}[{index}]"),
            "the key has fewer than 32 bytes: whoever guesses it can forge ids, and any id lets them try; keep it for a short migration",
        );
    }
    match Legacy::new(&secrets) {
        Ok(legacy) => Some(Some(legacy)),
        Err(LegacyError::Empty) => {
            section.problem(place, "a key is empty, which everybody knows");
            None
        }
        Err(LegacyError::TooMany) => {
            section.problem(place, format!("there are more than {}", Legacy::MAX_KEYS));
            None
        }
    }
}
