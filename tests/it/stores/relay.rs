//! A wire that a test can cut.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A relay to a port of this machine.
#[derive(Debug)]
pub struct Relay {
    pub port: u16,
    state: Arc<watch::Sender<State>>,
}

/// What becomes of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Passed on.
    Open,
    /// Cut, and new ones refused.
    Cut,
    /// Left open without passing anything on, as by a firewall that forgot them.
    Silent,
}

impl Relay {
    pub async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(watch::Sender::new(State::Open));
        let states = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let states = states.subscribe();
                tokio::spawn(pass(client, target, states));
            }
        });
        Self { port, state }
    }

    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

async fn pass(mut client: TcpStream, target: u16, mut states: watch::Receiver<State>) {
    let mut server = None;
    loop {
        let state = *states.borrow_and_update();
        match state {
            State::Cut => return,
            State::Silent => {
                if states.changed().await.is_err() {
                    return;
                }
            }
            State::Open => {
                let server = match &mut server {
                    Some(server) => server,
                    none => match TcpStream::connect(("127.0.0.1", target)).await {
                        Ok(stream) => none.insert(stream),
                        Err(_) => return,
                    },
                };
                tokio::select! {
                    _ = copy_bidirectional(&mut client, server) => return,
                    changed = states.changed() => if changed.is_err() { return },
                }
            }
        }
    }
}
