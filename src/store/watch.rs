//! Hears of changes in a database and tells the cache.

use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::sqlite::SqliteConnection;
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::cached::{Cached, Change};
use super::postgres::Postgres;
use super::sql::{Database as _, SqlDirectory, triggers};
use super::sqlite::Sqlite;

/// How often a silent connection is asked whether it is still there.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// How often the version of a file of SQLite is looked at.
const POLL: Duration = Duration::from_millis(100);
/// The pause before a lost connection is made anew; half of it is chance.
const PAUSE: Duration = Duration::from_millis(400);
/// Changes that are looked for in the cache together, at most.
const BATCH: usize = 10_000;

/// Listens to PostgreSQL until `stop`.
pub(super) async fn postgres(
    cache: Cached<SqlDirectory<Postgres>>,
    options: PgConnectOptions,
    stop: CancellationToken,
) {
    // A pool of its own: a flood of look-ups must not keep the news away.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(2))
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(options);
    let listening = async {
        loop {
            if let Err(error) = listen(&cache, &pool).await {
                tracing::warn!(error = %error, "the key store does not tell of changes; asking it more often");
            }
            cache.watched(false);
            sleep(PAUSE / 2 + PAUSE.mul_f64(noise() / 2.0)).await;
        }
    };
    stop.run_until_cancelled(listening).await;
}

/// Listens on one connection until it is lost.
async fn listen(cache: &Cached<SqlDirectory<Postgres>>, pool: &sqlx::PgPool) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(triggers::CHANNEL).await?;
    let mut heartbeat = interval(HEARTBEAT);
    let mut complete = false;
    loop {
        tokio::select! {
            notification = listener.try_recv() => {
                let Some(notification) = notification? else {
                    return Err(sqlx::Error::PoolClosed);
                };
                let mut changes = vec![triggers::change(notification.payload())];
                while let Some(next) = listener.next_buffered() {
                    changes.push(triggers::change(next.payload()));
                    if changes.len() >= BATCH {
                        break;
                    }
                }
                cache.apply(&changes);
            }
            _ = heartbeat.tick() => {
                let question = sqlx::query_scalar::<_, i64>(triggers::COUNT).fetch_one(&mut listener);
                let Ok(installed) = timeout(Duration::from_secs(1), question).await else {
                    return Err(sqlx::Error::PoolTimedOut);
                };
                let now_complete = usize::try_from(installed?).is_ok_and(|count| count >= triggers::WATCHED.len());
                // What was told before this connection listened is asked for again, once.
                if now_complete != complete {
                    complete = now_complete;
                    cache.watched(complete);
                }
                cache.answered();
            }
        }
    }
}

/// Looks at a file of SQLite until `stop`. Every change makes everything doubtful: to ask again is cheap.
pub(super) async fn sqlite(cache: Cached<SqlDirectory<Sqlite>>, file: std::path::PathBuf, stop: CancellationToken) {
    let looking = async {
        loop {
            let sqlite = cache.directory().database();
            let looked = match sqlite.migrate(&file).await {
                Ok(()) => look(&cache, sqlite).await,
                Err(error) => Err(error),
            };
            if let Err(error) = looked {
                tracing::warn!(error = %error, "the key store cannot be watched; asking it more often");
            }
            cache.watched(false);
            sleep(PAUSE).await;
        }
    };
    stop.run_until_cancelled(looking).await;
}

async fn look(cache: &Cached<SqlDirectory<Sqlite>>, sqlite: &Sqlite) -> Result<(), sqlx::Error> {
    let mut connection = SqliteConnection::connect_with(&sqlite.pool().connect_options()).await?;
    let mut pause = interval(POLL);
    let mut seen = None;
    loop {
        pause.tick().await;
        // It counts what other connections committed.
        let version: i64 = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut connection).await?;
        if seen.is_none() {
            sqlite.ping().await.map_err(|_| sqlx::Error::PoolTimedOut)?;
            cache.watched(true);
        } else if seen != Some(version) {
            cache.apply(&[Change::Anything]);
        }
        seen = Some(version);
        cache.answered();
    }
}

/// A number from 0 to 1, by chance.
fn noise() -> f64 {
    let mut byte = [0; 1];
    getrandom::fill(&mut byte).ok();
    f64::from(byte.first().copied().unwrap_or_default()) / 255.0
}
