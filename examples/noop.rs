//! A gate that lets everybody in and looks at nothing: what the way to any `ext_authz` costs. `scripts/bench-jwt` and
//! whoever measures Tollgate compare with it. Never put it in front of anything.
//!
//! ```text
//! cargo run --release --example noop -- --listen 127.0.0.1:9000
//! ```

use std::net::SocketAddr;

use clap::Parser;
use envoy_types::pb::envoy::service::auth::v3::authorization_server::{Authorization, AuthorizationServer};
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use envoy_types::pb::google::rpc::Status as RpcStatus;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

#[derive(Parser)]
struct Options {
    /// The address to listen on; port 0 takes a free one, which is printed.
    #[arg(long)]
    listen: SocketAddr,
}

struct Everybody;

#[tonic::async_trait]
impl Authorization for Everybody {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        Ok(Response::new(CheckResponse { status: Some(RpcStatus::default()), ..CheckResponse::default() }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(Options::parse().listen).await?;
    println!("{}", listener.local_addr()?);
    let service = AuthorizationServer::new(Everybody);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder().add_service(service).serve_with_incoming(incoming).await?;
    Ok(())
}
