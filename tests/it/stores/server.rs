//! A PostgreSQL of the tests' own, with LiteLLM's tables.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// A server. It ends when it is dropped, or with the process.
#[derive(Debug)]
pub struct Server {
    directory: TempDir,
    port: u16,
    process: Option<Child>,
    /// A child ends with the thread that started it, so that this thread goes on until the process ends.
    starter: std::sync::mpsc::Sender<(Command, std::sync::mpsc::Sender<Child>)>,
}

impl Server {
    /// Starts a server and waits until it answers.
    pub async fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let (starter, commands) = std::sync::mpsc::channel::<(Command, std::sync::mpsc::Sender<Child>)>();
        std::thread::spawn(move || {
            for (mut command, started) in commands {
                started.send(command.spawn().unwrap()).unwrap();
            }
            // Only the end of the process ends a server that is still there.
            std::thread::park();
        });
        let port = free_port();
        let mut server = Self { directory, port, process: None, starter };
        // The other user of the server has to get there.
        set_mode(server.directory.path(), 0o755);
        server.resume();
        server.ready().await;
        server
    }

    /// Starts it again on its old data.
    pub fn resume(&mut self) {
        let mut command = Command::new(root().join("scripts/postgres"));
        command.arg(self.directory.path().join("server")).arg(self.port.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let log = std::fs::File::options().create(true).append(true).open(self.directory.path().join("log")).unwrap();
        command.stderr(log);
        let (started, child) = std::sync::mpsc::channel();
        self.starter.send((command, started)).unwrap();
        self.process = Some(child.recv().unwrap());
    }

    /// Waits until it answers.
    pub async fn ready(&self) {
        let mut pause = tokio::time::interval(Duration::from_millis(10));
        for _ in 0..6000 {
            pause.tick().await;
            if self.options("postgres").connect().await.is_ok() {
                return;
            }
        }
        let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        panic!("PostgreSQL does not start: {log}");
    }

    /// Kills it, as a machine that fails does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // SIGKILL: no shutdown, no goodbye.
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Stops the process without ending it, with all its children: connections stay, and nothing answers.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let parent = self.process.as_ref().unwrap().id().to_string();
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", &parent]).output().unwrap().stdout;
        let children = String::from_utf8(children).unwrap();
        let all = children.split_whitespace().chain([parent.as_str()]);
        assert!(Command::new("kill").arg(signal).args(all).status().unwrap().success());
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// How to reach a database.
    pub fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username("postgres")
            .database(database)
            .disable_statement_logging()
    }

    /// A database with LiteLLM's tables, made by LiteLLM's migrations.
    pub async fn litellm(&self, database: &str) -> PgPool {
        let mut connection = self.options("postgres").connect().await.unwrap();
        execute(&mut connection, &format!("CREATE DATABASE {database} TEMPLATE litellm")).await;
        self.pool(database)
    }

    /// An empty database.
    pub async fn empty(&self, database: &str) -> PgPool {
        let mut connection = self.options("postgres").connect().await.unwrap();
        execute(&mut connection, &format!("CREATE DATABASE {database}")).await;
        self.pool(database)
    }

    pub fn pool(&self, database: &str) -> PgPool {
        PgPoolOptions::new().max_connections(2).connect_lazy_with(self.options(database))
    }

    /// Makes the database the others are copies of.
    pub async fn migrate(&self) {
        let mut connection = self.options("postgres").connect().await.unwrap();
        execute(&mut connection, "CREATE DATABASE litellm").await;
        let mut connection = self.options("litellm").connect().await.unwrap();
        for file in migrations() {
            execute(&mut connection, &std::fs::read_to_string(file).unwrap()).await;
        }
        connection.close().await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port beyond those that the kernel gives to clients: nobody takes it while the server is down.
fn free_port() -> u16 {
    let mut random = [0; 2];
    loop {
        getrandom::fill(&mut random).unwrap();
        let port = 20_000 + u16::from_ne_bytes(random) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub async fn execute(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// The server that tests share; each has a database of its own.
pub async fn shared() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    SERVER
        .get_or_init(|| async {
            let server = Server::start().await;
            server.migrate().await;
            server
        })
        .await
}

fn migrations() -> Vec<PathBuf> {
    let found = Command::new(root().join("scripts/litellm-schema")).output().unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let folder = PathBuf::from(String::from_utf8(found.stdout).unwrap().trim_end());
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_dir());
    files.sort();
    files.iter().map(|path| path.join("migration.sql")).filter(|path| path.exists()).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
