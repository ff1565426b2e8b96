//! Who the database is, and that nobody else listens.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use sqlx::ConnectOptions as _;

use super::server::{Server, execute};
use super::serving::Serving;
use super::world::Database;
use crate::harness::{Running, eventually, post};
use crate::stores::serving::{config, outcome};

/// An authority, and a certificate of it for `localhost`.
const CERTIFICATES: &str = r#"
set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout server.key -out server.csr
printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' > extensions
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.pem
chmod 600 server.key
if [ "$(id -u)" = 0 ]; then chown postgres server.key server.pem; fi
"#;

fn certificates(directory: &Path) {
    let made = Command::new("bash").args(["-c", CERTIFICATES]).current_dir(directory).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A server that talks to nobody in the clear.
async fn encrypted(directory: &Path) -> Server {
    let server = Server::start().await;
    server.migrate().await;
    let database = Database::Postgres(server.pool("litellm"));
    database.key("sk-a", json!({})).await;
    let mut connection = server.options("postgres").connect().await.unwrap();
    let file = |name: &str| directory.join(name).display().to_string();
    for statement in [
        format!("ALTER SYSTEM SET ssl_cert_file = '{}'", file("server.pem")),
        format!("ALTER SYSTEM SET ssl_key_file = '{}'", file("server.key")),
        "ALTER SYSTEM SET ssl = on".to_owned(),
    ] {
        execute(&mut connection, &statement).await;
    }
    let rules: String = sqlx::query_scalar("SHOW hba_file").fetch_one(&mut connection).await.unwrap();
    std::fs::write(rules, "local all all trust\nhostssl all all 127.0.0.1/32 trust\n").unwrap();
    execute(&mut connection, "SELECT pg_reload_conf()").await;
    drop(connection);
    let plain = server.options("postgres").ssl_mode(sqlx::postgres::PgSslMode::Disable);
    eventually("refused in the clear", async || plain.connect().await.is_err().then_some(())).await;
    server
}

#[tokio::test]
async fn a_database_is_believed_by_its_certificate_alone() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let stranger = directory.path().join("stranger");
    std::fs::create_dir(&stranger).unwrap();
    certificates(directory.path());
    certificates(&stranger);
    let server = encrypted(directory.path()).await;
    let store = |host: &str, query: &str| {
        format!("  postgres: {{ url: 'postgresql://postgres@{host}:{}/litellm?{query}' }}\n", server.port())
    };
    let root = |directory: &Path| format!("sslmode=verify-full&sslrootcert={}", directory.join("ca.pem").display());

    let serving = Serving::start(&store("localhost", &root(directory.path()))).await;
    assert_eq!(serving.ask("sk-a").await, "200 allow");
    assert_eq!(serving.ask("sk-b").await, "401 credential_unknown");

    for (what, store) in [
        ("another authority", store("localhost", &root(&stranger))),
        ("another name", store("127.0.0.1", &root(directory.path()))),
        ("the roots of the web", store("localhost", "sslmode=verify-full")),
        ("in the clear", store("localhost", "sslmode=disable")),
    ] {
        let files = crate::harness::Files::new(&config(&store), "");
        let running = Running::start(&files.config()).await;
        let check = post("/v1/chat/completions", r#"{"model": "m"}"#).key("sk-a").raw();
        assert_eq!(outcome(&running.client().await, check).await, "503 Unavailable", "{what}");
        assert_eq!(running.page("/readyz").await.0, 503, "{what}");
    }
}
