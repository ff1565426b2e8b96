//! The HTTP side of an identity provider: it answers what it is told to, and counts who asks.

use std::net::SocketAddr;
use std::sync::Arc;
#[expect(clippy::disallowed_types, reason = "held for a moment")]
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What it answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// 200, and this.
    Document(String),
    /// Another status, and this.
    Status(u16, String),
    /// A redirect.
    Redirect(String),
    /// A document that does not end: so many bytes, sent as they are taken.
    Endless(usize),
    /// The beginning of an answer, and nothing more.
    Stalls,
    /// The connection is closed.
    HangsUp,
}

#[derive(Debug)]
pub struct Provider {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    #[expect(clippy::disallowed_types, reason = "held for a moment")]
    replies: Mutex<Vec<(String, Reply)>>,
    hits: AtomicUsize,
    #[expect(clippy::disallowed_types, reason = "held for a moment")]
    heads: Mutex<Vec<String>>,
    open: watch::Sender<bool>,
}

impl Provider {
    /// One that answers a path with a document.
    pub async fn new(path: &str, reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        #[expect(clippy::disallowed_types, reason = "held for a moment")]
        let shared = Arc::new(Shared {
            replies: Mutex::new(vec![(path.to_owned(), reply)]),
            hits: AtomicUsize::new(0),
            heads: Mutex::new(Vec::new()),
            open: watch::Sender::new(true),
        });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, Arc::clone(&serving)));
            }
        });
        Self { address, shared, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What a path is answered with from now on.
    pub fn set(&self, path: &str, reply: Reply) {
        let mut replies = self.shared.replies.lock().unwrap();
        replies.retain(|(known, _)| known != path);
        replies.push((path.to_owned(), reply));
    }

    /// Lets those who ask wait, or answers them.
    pub fn answers(&self, open: bool) {
        self.shared.open.send_replace(open);
    }

    /// How often it was asked.
    pub fn hits(&self) -> usize {
        self.shared.hits.load(Ordering::SeqCst)
    }

    /// The heads of all requests.
    pub fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap().clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    shared.hits.fetch_add(1, Ordering::SeqCst);
    shared.heads.lock().unwrap().push(head);
    shared.open.subscribe().wait_for(|open| *open).await.ok();
    let found = shared.replies.lock().unwrap().iter().find(|(known, _)| *known == path).map(|(_, reply)| reply.clone());
    let text = match found.unwrap_or(Reply::Status(404, String::new())) {
        Reply::Document(document) => plain(200, "", &document),
        Reply::Status(status, text) => plain(status, "", &text),
        Reply::Redirect(to) => plain(302, &format!("location: {to}\r\n"), ""),
        Reply::HangsUp => return,
        Reply::Stalls => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{").await.ok();
            return std::future::pending().await;
        }
        Reply::Endless(bytes) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.ok();
            for _ in 0..bytes / 1024 {
                let part = format!("400\r\n{}\r\n", " ".repeat(1024));
                if stream.write_all(part.as_bytes()).await.is_err() {
                    return;
                }
            }
            return;
        }
    };
    stream.write_all(text.as_bytes()).await.ok();
}

fn plain(status: u16, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{more}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A key set of these keys.
pub fn key_set(keys: impl IntoIterator<Item = Value>) -> String {
    json!({ "keys": keys.into_iter().collect::<Vec<_>>() }).to_string()
}
