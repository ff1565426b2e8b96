//! An HTTP server that answers as it is told, well or badly, and remembers what it was asked.

use std::sync::Arc;
#[expect(clippy::disallowed_types, reason = "held for a moment")]
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One request, as it came.
#[derive(Debug, Clone, Default)]
pub struct Received {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status and a JSON body.
    Json(u16, String),
    /// These bytes, whatever they are, and then the end.
    Raw(Vec<u8>),
    /// Nothing, for ever.
    Never,
    /// A head, and then a byte from time to time.
    Drip,
}

type Answer = Box<dyn Fn(&Received) -> Reply + Send + Sync>;

/// It listens on a free port until it is dropped.
pub struct HttpServer {
    pub url: String,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

#[expect(clippy::disallowed_types, reason = "held for a moment")]
struct State {
    answer: Mutex<Answer>,
    seen: Mutex<Vec<Received>>,
}

impl HttpServer {
    pub async fn start(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State { answer: (Box::new(answer) as Answer).into(), seen: Vec::new().into() });
        let served = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, Arc::clone(&served)));
            }
        });
        Self { url, state, task }
    }

    /// From now on it answers like this.
    pub fn answers(&self, answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) {
        *self.state.answer.lock().unwrap() = Box::new(answer);
    }

    /// What it was asked so far.
    pub fn seen(&self) -> Vec<Received> {
        self.state.seen.lock().unwrap().clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connection(mut stream: TcpStream, state: Arc<State>) {
    let mut bytes = Vec::new();
    while let Some(request) = read(&mut stream, &mut bytes).await {
        state.seen.lock().unwrap().push(request.clone());
        let reply = (state.answer.lock().unwrap())(&request);
        match reply {
            Reply::Json(status, body) => {
                let head = format!(
                    "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                if stream.write_all((head + &body).as_bytes()).await.is_err() {
                    return;
                }
            }
            Reply::Raw(bytes) => {
                stream.write_all(&bytes).await.ok();
                stream.shutdown().await.ok();
                return;
            }
            Reply::Never => std::future::pending().await,
            Reply::Drip => {
                let head = b"HTTP/1.1 200 x\r\ncontent-length: 1000\r\n\r\n{";
                let mut alive = stream.write_all(head).await.is_ok();
                while alive {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    alive = stream.write_all(b" ").await.is_ok();
                }
                return;
            }
        }
    }
}

/// Reads one request. `None` at the end.
async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Received> {
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let headers: Vec<_> = lines.filter_map(pair).collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8_lossy(&bytes[end + 4..end + 4 + length]).into_owned();
    bytes.drain(..end + 4 + length);
    Some(Received { line, headers, body })
}
