//! The doors: TCP and Unix socket, health, pages, and closing them.

use std::os::unix::fs::PermissionsExt as _;

use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::harness::{Files, MASTER_KEY, Running, config, eventually, get};

fn unix_config(files: &Files) -> String {
    config("").replace("'127.0.0.1:0', http", &format!("'unix://{}', http", files.path("gate.sock").display()))
}

#[tokio::test]
async fn a_unix_socket_gives_the_same_answers_s269() {
    let files = Files::new("", "{}");
    files.write("tollgate.yaml", &unix_config(&files));
    let socket = files.path("gate.sock");
    // A stale socket, as a killed process leaves it.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let running = Running::start(&files.config()).await;
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    let outcome = running.client().await.outcome(get("/v1/models").key(MASTER_KEY).raw()).await;
    assert_eq!(outcome.summary(), "200 allow");
    let mut running = running;
    running.shutdown.close();
    (&mut running.done).await.unwrap().unwrap();
    assert!(!socket.exists(), "the socket is removed at the end");
}

#[tokio::test]
async fn nothing_but_a_stale_socket_is_replaced_s269() {
    let files = Files::new("", "{}");
    files.write("tollgate.yaml", &unix_config(&files));
    let bind = async || {
        let loaded = tollgate::config::load::load(&files.config(), &crate::harness::environment);
        let app = tollgate::app::App::new(files.config(), loaded.files, loaded.result.unwrap());
        app.bind().await.map(drop).map_err(|error| error.to_string())
    };
    files.write("gate.sock", "precious");
    assert!(bind().await.unwrap_err().contains("something that is no socket lies there"));
    std::fs::remove_file(files.path("gate.sock")).unwrap();
    std::os::unix::fs::symlink(files.path("elsewhere.sock"), files.path("gate.sock")).unwrap();
    assert!(bind().await.unwrap_err().contains("something that is no socket lies there"));
    std::fs::remove_file(files.path("gate.sock")).unwrap();
    let _listening = std::os::unix::net::UnixListener::bind(files.path("gate.sock")).unwrap();
    assert!(bind().await.unwrap_err().contains("another process is listening there"));
}

#[tokio::test]
async fn a_stopping_process_leaves_its_successors_socket() {
    let files = Files::new("", "{}");
    files.write("tollgate.yaml", &unix_config(&files));
    let first = Running::start(&files.config()).await;
    // As a successor does that finds nobody answering.
    std::fs::remove_file(files.path("gate.sock")).unwrap();
    let second = Running::start(&files.config()).await;
    let mut first = first;
    first.shutdown.close();
    (&mut first.done).await.unwrap().unwrap();
    let outcome = second.client().await.outcome(get("/v1/models").key(MASTER_KEY).raw()).await;
    assert_eq!(outcome.summary(), "200 allow");
}

#[tokio::test]
async fn idle_operators_do_not_keep_others_out_s248() {
    let files = Files::new(&config(""), "{}");
    let running = Running::start(&files.config()).await;
    let idle: Vec<_> = (0..64).map(|_| std::net::TcpStream::connect(&running.http).unwrap()).collect();
    let outcome = running.client().await.outcome(get("/v1/models").key(MASTER_KEY).raw()).await;
    assert_eq!(outcome.summary(), "200 allow");
    drop(idle);
    eventually("a place", async || {
        let address = running.http.clone();
        let page = tokio::task::spawn_blocking(move || crate::harness::try_get(&address, "/healthz"));
        page.await.unwrap().filter(|(status, _)| *status == 200)
    })
    .await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let files = Files::new(&config("").replace("grpc: '127.0.0.1:0'", &format!("grpc: '{address}'")), "{}");
    let loaded = tollgate::config::load::load(&files.config(), &crate::harness::environment);
    let app = tollgate::app::App::new(files.config(), loaded.files, loaded.result.unwrap());
    let error = app.bind().await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on `{address}` (`listen.grpc`): ")), "{error}");
}

#[tokio::test]
async fn health_follows_the_shutdown_s266() {
    let files = Files::new(&config(""), "{}");
    let mut running = Running::start(&files.config()).await;
    let mut health = HealthClient::new(running.channel().await);
    let request = |service: &str| HealthCheckRequest { service: service.to_owned() };
    for service in ["", "envoy.service.auth.v3.Authorization", "envoy.service.ext_proc.v3.ExternalProcessor"] {
        let HealthCheckResponse { status } = health.check(request(service)).await.unwrap().into_inner();
        assert_eq!(status, i32::from(ServingStatus::Serving), "{service:?}");
    }
    assert_eq!(running.page("/readyz").await, (200, "ok\n".to_owned()));
    let mut watch = health.watch(request("")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, i32::from(ServingStatus::Serving));
    let client = running.client().await;
    running.shutdown.drain();
    assert_eq!(watch.message().await.unwrap().unwrap().status, i32::from(ServingStatus::NotServing));
    assert_eq!(running.page("/readyz").await.0, 503);
    let outcome = client.outcome(get("/v1/models").key(MASTER_KEY).raw()).await;
    assert_eq!(outcome.summary(), "200 allow", "P-44: Envoy has not noticed yet");
    running.shutdown.close();
    drop((watch, client));
    drop(health);
    (&mut running.done).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_peer_that_never_closes_does_not_keep_the_process_s266() {
    let files = Files::new(&config("limits: { shutdown_grace_seconds: 1 }\n"), "{}");
    let mut running = Running::start(&files.config()).await;
    let mut health = HealthClient::new(running.channel().await);
    let _endless = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    running.shutdown.close();
    (&mut running.done).await.unwrap().unwrap();
}

#[tokio::test]
async fn pages_show_how_it_is_and_no_secret() {
    let files = Files::new(&config(""), "{}");
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    client.outcome(get("/v1/models").key(MASTER_KEY).raw()).await;
    client.outcome(get("/v1/models").key("sk-canary-key").raw()).await;
    assert_eq!(running.page("/healthz").await, (200, "ok\n".to_owned()));
    let (status, metrics) = running.page("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        r#"tollgate_requests_total{decision="allow",reason="ok",route="models"} 1"#,
        r#"tollgate_requests_total{decision="deny",reason="credential_unknown",route="models"} 1"#,
        "tollgate_checks_in_flight 0",
        "tollgate_request_duration_seconds_count 2",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let (_, page) = running.page("/config").await;
    for secret in ["sk-", MASTER_KEY] {
        assert!(!metrics.contains(secret) && !page.contains(secret), "{page}");
    }
    assert_eq!(running.page("/nothing").await.0, 404);
}

#[tokio::test]
async fn two_in_one_process_share_nothing() {
    let (one, two) = (Files::new(&config(""), "{}"), Files::new(&config(""), "{}"));
    let (one, two) = (Running::start(&one.config()).await, Running::start(&two.config()).await);
    one.client().await.outcome(get("/v1/models").raw()).await;
    let counted = async |running: &Running| running.page("/metrics").await.1.contains("credential_missing");
    eventually("the count", async || counted(&one).await.then_some(())).await;
    assert!(!counted(&two).await);
}
