//! `store` becomes the description of a database. Nothing is opened here.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::compile::Section;
use super::raw::{RawCache, RawPostgres, RawStore};
use crate::core::credential::KeyHash;
use crate::core::route::groups::GroupNames;
use crate::store::cached::CacheOptions;
use crate::store::rows::Meaning;
use crate::store::sql::Interpretation;
use crate::store::{DatabaseSpec, Place};

/// Compiles a store. `None` when that failed; the reasons were noted.
pub(super) fn compile(
    raw: &RawStore,
    default_end_user_budget: Option<&str>,
    groups: &GroupNames,
    section: &mut Section<'_, '_>,
) -> Option<DatabaseSpec> {
    let sound = check(raw, section);
    let place = match (&raw.sqlite, &raw.postgres) {
        (Some(sqlite), None) => Some(Place::Sqlite(section.file.parent().unwrap_or(Path::new("")).join(&sqlite.file))),
        (None, Some(postgres)) => place(postgres, section),
        (None, None) | (Some(_), Some(_)) => {
            section.problem("store", "name one of `store.sqlite` and `store.postgres`");
            None
        }
    };
    let deadline = Duration::from_millis(raw.deadline_ms);
    let connections = raw.postgres.as_ref().map_or(8, |postgres| postgres.max_connections);
    let meaning = Meaning { groups: groups.clone(), allow_orphan_keys: raw.allow_orphan_keys };
    let default_end_user_budget = default_end_user_budget.map(str::to_owned);
    let spec = DatabaseSpec {
        place: place?,
        deadline,
        cache: cache(&raw.cache, connections, deadline),
        interpretation: Interpretation { meaning, default_end_user_budget },
    };
    sound.then_some(spec)
}

fn check(raw: &RawStore, section: &mut Section<'_, '_>) -> bool {
    let cache = &raw.cache;
    let connections = raw.postgres.as_ref().map_or(2, |postgres| postgres.max_connections);
    let bounds = [
        ("store.deadline_ms", raw.deadline_ms, 10, 10_000),
        ("store.postgres.max_connections", u64::from(connections), 2, 100),
        ("store.cache.max_keys", cache.max_keys as u64, 1, 10_000_000),
        ("store.cache.max_missing", cache.max_missing as u64, 1, 10_000_000),
        ("store.cache.ttl_seconds", cache.ttl_seconds, 0, 3600),
        ("store.cache.unwatched_ttl_seconds", cache.unwatched_ttl_seconds, 0, 3600),
        ("store.cache.negative_ttl_seconds", cache.negative_ttl_seconds, 0, 60),
        ("store.cache.max_stale_seconds", cache.max_stale_seconds, 0, 86_400),
    ];
    let mut sound = true;
    for (place, value, least, most) in bounds {
        if !(least..=most).contains(&value) {
            section.problem(place, format!("it must be between {least} and {most}"));
            sound = false;
        }
    }
    sound
}

fn place(raw: &RawPostgres, section: &mut Section<'_, '_>) -> Option<Place> {
    const PLACE: &str = "store.postgres.url";
    let url = section.secret(PLACE, &raw.url)?;
    // The reason could quote the password.
    let Ok(connect) = PgConnectOptions::from_str(url.expose()) else {
        section.problem(PLACE, "it is no URL like `postgresql://user:password@host:5432/database`");
        return None;
    };
    let local = connect.get_socket().is_some() || matches!(connect.get_host(), "localhost" | "127.0.0.1" | "::1");
    let verified = matches!(connect.get_ssl_mode(), PgSslMode::VerifyFull | PgSslMode::VerifyCa);
    if !local && !verified {
        section.warning(
            PLACE,
            "nothing proves who the database is, or that nobody else listens; add `sslmode=verify-full`",
        );
    }
    let fingerprint = KeyHash::of(url.expose());
    Some(Place::Postgres { connect: Box::new(connect), fingerprint, connections: raw.max_connections })
}

/// Half of the connections are for keys that are known, so that a flood of unknown ones leaves them alone.
fn cache(raw: &RawCache, connections: u32, deadline: Duration) -> CacheOptions {
    CacheOptions {
        max_keys: raw.max_keys,
        max_missing: raw.max_missing,
        ttl: Duration::from_secs(raw.ttl_seconds),
        unwatched_ttl: Duration::from_secs(raw.unwatched_ttl_seconds),
        negative_ttl: Duration::from_secs(raw.negative_ttl_seconds),
        max_stale: Duration::from_secs(raw.max_stale_seconds),
        questions: (connections / 2).max(1) as usize,
        patience: deadline,
    }
}
