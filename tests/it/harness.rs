//! A Tollgate in this process, and the requests Envoy would send it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::address::Address as OneAddress;
use envoy_types::pb::envoy::config::core::v3::{Address, HeaderMap, HeaderValue, Pipe, SocketAddress};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use tempfile::TempDir;
use tollgate::app::{App, Shutdown};
use tollgate::config::load::load;
use tollgate::core::credential::KeyHash;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// The master key of every test configuration.
pub const MASTER_KEY: &str = "sk-0123456789-abcdefghij";

/// Files of a configuration in a directory of their own.
#[derive(Debug)]
pub struct Files {
    directory: TempDir,
}

impl Files {
    /// Writes `tollgate.yaml` and `keys.yaml`.
    pub fn new(config: &str, keys: &str) -> Self {
        let files = Self { directory: TempDir::new().unwrap() };
        files.write("tollgate.yaml", config);
        files.write("keys.yaml", keys);
        files
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn config(&self) -> PathBuf {
        self.path("tollgate.yaml")
    }
}

/// A configuration on free ports with the given additions.
pub fn config(additions: &str) -> String {
    format!(
        "listen: {{ grpc: '127.0.0.1:0', http: '127.0.0.1:0' }}\n\
         master_key: {MASTER_KEY}\n\
         keys: {{ file: keys.yaml }}\n\
         routes: {{ public: [/health/liveliness] }}\n{additions}"
    )
}

/// The `key_hash` line of a key.
pub fn hash(key: &str) -> String {
    KeyHash::of(key).to_hex()
}

/// A file of vectors: of the directory `TOLLGATE_VECTORS` where that is set, else the committed one.
#[expect(clippy::disallowed_methods, reason = "a switch of the tests")]
pub fn vectors(name: &str) -> String {
    let committed = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let directory = std::env::var("TOLLGATE_VECTORS").map_or_else(|_| committed(), PathBuf::from);
    let path = directory.join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn environment(_: &str) -> Option<String> {
    None
}

/// A running Tollgate. It stops when it is dropped.
#[derive(Debug)]
pub struct Running {
    pub grpc: String,
    pub http: String,
    pub shutdown: Shutdown,
    pub done: tokio::task::JoinHandle<Result<(), Box<dyn std::error::Error + Send + Sync>>>,
}

impl Running {
    pub async fn start(config: &Path) -> Self {
        let loaded = load(config, &environment);
        let configuration = loaded.result.unwrap_or_else(|problems| panic!("{problems}"));
        let bound = App::new(config.to_owned(), loaded.files, configuration).bind().await.unwrap();
        let (grpc, http) = (bound.grpc_address(), bound.http_address());
        let shutdown = Shutdown::default();
        let done = tokio::spawn(bound.run(shutdown.clone()));
        Self { grpc, http, shutdown, done }
    }

    pub async fn channel(&self) -> Channel {
        let address = if self.grpc.starts_with("unix:") { self.grpc.clone() } else { format!("http://{}", self.grpc) };
        Endpoint::from_shared(address).unwrap().connect().await.unwrap()
    }

    pub async fn client(&self) -> Client {
        let client = AuthorizationClient::new(self.channel().await);
        Client(client.max_encoding_message_size(64 << 20))
    }

    /// The body of an operators' page.
    pub async fn page(&self, path: &str) -> (u16, String) {
        let address = self.http.clone();
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || http_get(&address, &path)).await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.close();
    }
}

fn http_get(address: &str, path: &str) -> (u16, String) {
    try_get(address, path).unwrap()
}

/// A page, unless the connection is closed before it comes.
pub fn try_get(address: &str, path: &str) -> Option<(u16, String)> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Envoy's side of the protocol.
#[derive(Debug, Clone)]
pub struct Client(AuthorizationClient<Channel>);

impl Client {
    pub async fn check(&self, request: CheckRequest) -> Result<CheckResponse, Status> {
        self.0.clone().check(request).await.map(tonic::Response::into_inner)
    }

    pub async fn outcome(&self, request: CheckRequest) -> Outcome {
        Outcome::of(self.check(request).await.unwrap())
    }
}

/// What Envoy would do with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub allowed: bool,
    pub status: u16,
    pub reason: String,
    pub body: String,
    pub set: HashMap<String, String>,
    pub removed: Vec<String>,
}

impl Outcome {
    pub fn of(response: CheckResponse) -> Self {
        let allowed = response.status.unwrap().code == 0;
        let reason = crate::metadata::text(response.dynamic_metadata.as_ref().unwrap(), "reason").unwrap();
        let (status, body, headers, removed) = match response.http_response.unwrap() {
            HttpResponse::OkResponse(ok) => (200, String::new(), ok.headers, ok.headers_to_remove),
            HttpResponse::DeniedResponse(denied) => {
                let status = u16::try_from(denied.status.unwrap().code).unwrap();
                (status, denied.body, denied.headers, Vec::new())
            }
            HttpResponse::ErrorResponse(_) => panic!("an error is an error of the RPC"),
        };
        assert_eq!(allowed, status == 200, "the status and the response agree");
        let set = headers.into_iter().map(|option| {
            let header = option.header.unwrap();
            assert!(header.raw_value.is_empty() && !header.value.is_empty());
            (header.key, header.value)
        });
        Self { allowed, status, reason, body, set: set.collect(), removed }
    }

    /// `200 allow` or `403 key_model_denied`.
    pub fn summary(&self) -> String {
        let word = if self.allowed { "allow" } else { &self.reason };
        format!("{} {word}", self.status)
    }
}

/// A request as Envoy describes it, with `encode_raw_headers` and `pack_as_bytes`.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Option<Vec<u8>>,
    /// Whether the body comes with a `content-length`.
    pub body_length: bool,
}

pub fn get(path: &str) -> Asked {
    Asked { method: "GET", path: path.to_owned(), headers: Vec::new(), body: None, body_length: true }
}

pub fn post(path: &str, body: &str) -> Asked {
    Asked { method: "POST", body: Some(body.as_bytes().to_vec()), ..get(path) }
}

impl Asked {
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub fn key(self, key: &str) -> Self {
        self.header("authorization", format!("Bearer {key}"))
    }

    /// The raw form.
    pub fn raw(&self) -> CheckRequest {
        let headers = self.all_headers().into_iter();
        let headers = headers.map(|(key, raw_value)| HeaderValue { key, raw_value, value: String::new() }).collect();
        self.wrap(HttpRequest { header_map: Some(HeaderMap { headers }), ..HttpRequest::default() })
    }

    /// The string form: duplicates joined, bytes that are not UTF-8 replaced.
    pub fn lossy(&self) -> CheckRequest {
        let mut headers = HashMap::<String, String>::new();
        for (name, value) in self.all_headers() {
            let text = String::from_utf8_lossy(&value).replace('\u{fffd}', "!");
            headers.entry(name).and_modify(|known| *known = format!("{known},{text}")).or_insert(text);
        }
        self.wrap(HttpRequest { headers, ..HttpRequest::default() })
    }

    /// The raw form, from a peer: an IP address, or a Unix socket.
    pub fn from(&self, address: &str) -> CheckRequest {
        let socket = SocketAddress { address: address.to_owned(), ..SocketAddress::default() };
        let pipe = Pipe { path: address.to_owned(), mode: 0 };
        let is_address = address.parse::<std::net::IpAddr>().is_ok();
        let address = if is_address { OneAddress::SocketAddress(socket) } else { OneAddress::Pipe(pipe) };
        let mut request = self.raw();
        let source = Peer { address: Some(Address { address: Some(address) }), ..Peer::default() };
        request.attributes.as_mut().unwrap().source = Some(source);
        request
    }

    fn all_headers(&self) -> Vec<(String, Vec<u8>)> {
        let mut headers = self.headers.clone();
        if let Some(body) = &self.body {
            if self.body_length {
                headers.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
            }
            headers.push(("x-envoy-auth-partial-body".to_owned(), b"false".to_vec()));
        }
        headers
    }

    fn wrap(&self, http: HttpRequest) -> CheckRequest {
        let http = HttpRequest {
            method: self.method.to_owned(),
            path: self.path.clone(),
            raw_body: self.body.clone().unwrap_or_default(),
            ..http
        };
        let request = Request { http: Some(http), time: None };
        CheckRequest { attributes: Some(AttributeContext { request: Some(request), ..AttributeContext::default() }) }
    }
}

/// Awaits a condition, and panics when it does not come true in a minute.
pub async fn eventually<T>(what: &str, condition: impl AsyncFn() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
