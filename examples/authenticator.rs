//! A custom authenticator: it looks tokens up in a file, and keeps people whose token was revoked out.
//!
//! ```sh
//! printf 'token-of-ada ada red\n' >tokens.txt
//! cargo run --example authenticator -- --listen 127.0.0.1:50051 --tokens tokens.txt
//! ```
//!
//! Each line of the file is a token, a user and, where there is one, a team. It is read for every question, so that
//! a change counts as soon as Tollgate asks again. Tokens in a file are for trying things out; what your own service
//! knows takes the place of [`find`]. `docs/custom-authenticator.md` says what Tollgate makes of the answers.

use std::path::{Path, PathBuf};

use clap::Parser;
use tokio::net::TcpListener;
use tollgate::authn::custom::v1::authenticator_server::{Authenticator, AuthenticatorServer};
use tollgate::authn::custom::v1::{
    Accepted, AuthenticateRequest, AuthenticateResponse, Cache, Identity, Refusal, ValidateRequest, ValidateResponse,
    authenticate_response, cache, refusal, validate_response,
};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{self, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

/// Says who callers are, by a file of tokens.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; `127.0.0.1:0` takes a free port and prints it.
    #[arg(long, default_value = "127.0.0.1:50051")]
    listen: String,
    /// The file of tokens.
    #[arg(long)]
    tokens: PathBuf,
    /// A certificate in PEM; with it, TLS is spoken.
    #[arg(long, requires = "key")]
    certificate: Option<PathBuf>,
    /// The key of the certificate, in PEM.
    #[arg(long, requires = "certificate")]
    key: Option<PathBuf>,
}

struct ByFile {
    tokens: PathBuf,
}

#[tonic::async_trait]
impl Authenticator for ByFile {
    async fn authenticate(
        &self,
        request: Request<AuthenticateRequest>,
    ) -> Result<Response<AuthenticateResponse>, Status> {
        let request = request.into_inner();
        // An error is an outage: Tollgate lets nobody in, and Envoy answers 503.
        let found = find(&self.tokens, &request.credential).map_err(|error| Status::unavailable(error.to_string()))?;
        let verdict = match found {
            Some((user_id, team_id)) => {
                authenticate_response::Verdict::Identity(Identity { user_id, team_id, ..Identity::default() })
            }
            None => authenticate_response::Verdict::Refusal(Refusal { kind: refusal::Kind::Invalid.into() }),
        };
        // Nothing but the credential was looked at, so the answer holds for every request with it.
        let cache = Cache { seconds: 2, scope: cache::Scope::Credential.into() };
        Ok(Response::new(AuthenticateResponse { verdict: Some(verdict), cache: Some(cache) }))
    }

    async fn validate(&self, _: Request<ValidateRequest>) -> Result<Response<ValidateResponse>, Status> {
        // Whoever has a good token may come in. Look at `claims_json` to be choosier.
        let verdict = Some(validate_response::Verdict::Accepted(Accepted {}));
        Ok(Response::new(ValidateResponse { verdict, cache: None }))
    }
}

/// The user and the team of a token.
fn find(tokens: &Path, credential: &str) -> std::io::Result<Option<(String, String)>> {
    let text = std::fs::read_to_string(tokens)?;
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    Ok(lines.find_map(|words| match words.as_slice() {
        [token, user] if *token == credential => Some(((*user).to_owned(), String::new())),
        [token, user, team] if *token == credential => Some(((*user).to_owned(), (*team).to_owned())),
        _ => None,
    }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let listener = TcpListener::bind(&arguments.listen).await?;
    let mut server = Server::builder();
    if let Some((certificate, key)) = arguments.certificate.zip(arguments.key) {
        let pair = transport::Identity::from_pem(std::fs::read(certificate)?, std::fs::read(key)?);
        server = server.tls_config(ServerTlsConfig::new().identity(pair))?;
    }
    println!("listening on {}", listener.local_addr()?);
    let service = AuthenticatorServer::new(ByFile { tokens: arguments.tokens });
    server.add_service(service).serve_with_incoming(TcpIncoming::from(listener)).await?;
    Ok(())
}
