//! A service of the operator's own says who callers are.

use std::sync::Arc;
#[expect(clippy::disallowed_types, reason = "held for a moment")]
use std::sync::Mutex;

use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tollgate::authn::custom::v1::authenticator_server::{Authenticator, AuthenticatorServer};
use tollgate::authn::custom::v1::{
    Accepted, AuthenticateRequest, AuthenticateResponse, Cache, Identity, Refusal, ValidateRequest, ValidateResponse,
    authenticate_response, validate_response,
};
use tonic::{Request, Response, Status};

use crate::harness::{Asked, Client, Files, MASTER_KEY, Outcome, Running, config, eventually, post};
use crate::jwt_signer::Signer;

type Answer = Box<dyn Fn(&AuthenticateRequest) -> Result<AuthenticateResponse, Status> + Send + Sync>;

/// Answers as it is told, and remembers what it was asked.
#[derive(Clone)]
pub struct Scripted(Arc<Script>);

#[expect(clippy::disallowed_types, reason = "held for a moment")]
struct Script {
    answer: Mutex<Option<Answer>>,
    seen: Mutex<Vec<AuthenticateRequest>>,
    validation: Mutex<Validation>,
    validated: Mutex<Vec<ValidateRequest>>,
}

#[tonic::async_trait]
impl Authenticator for Scripted {
    async fn authenticate(
        &self,
        request: Request<AuthenticateRequest>,
    ) -> Result<Response<AuthenticateResponse>, Status> {
        let request = request.into_inner();
        self.0.seen.lock().unwrap().push(request.clone());
        let answer = self.0.answer.lock().unwrap().as_ref().map(|answer| answer(&request));
        match answer {
            Some(answer) => answer.map(Response::new),
            None => std::future::pending().await,
        }
    }

    async fn validate(&self, request: Request<ValidateRequest>) -> Result<Response<ValidateResponse>, Status> {
        let request = request.into_inner();
        let answer = *self.0.validation.lock().unwrap();
        self.0.validated.lock().unwrap().push(request);
        let verdict = match answer {
            Validation::Accept => validate_response::Verdict::Accepted(Accepted {}),
            Validation::Refuse(kind) => validate_response::Verdict::Refusal(Refusal { kind }),
            Validation::Say(nothing) => return nothing.map_err(|()| Status::internal("no")).map(Response::new),
        };
        Ok(Response::new(ValidateResponse { verdict: Some(verdict), cache: kept(60, 1) }))
    }
}

/// What it says of claims.
#[derive(Clone, Copy)]
enum Validation {
    Accept,
    Refuse(i32),
    /// Nothing, or an error.
    Say(Result<ValidateResponse, ()>),
}

impl Scripted {
    async fn start() -> (Self, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Script {
            answer: None.into(),
            seen: Vec::new().into(),
            validation: Validation::Accept.into(),
            validated: Vec::new().into(),
        };
        let service = Self(Arc::new(script));
        let server = tonic::transport::Server::builder().add_service(AuthenticatorServer::new(service.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (service, url)
    }

    fn answers(
        &self,
        answer: impl Fn(&AuthenticateRequest) -> Result<AuthenticateResponse, Status> + Send + Sync + 'static,
    ) {
        *self.0.answer.lock().unwrap() = Some(Box::new(answer));
    }

    fn says(&self, identity: Identity, cache: Option<Cache>) {
        self.answers(move |_| {
            let verdict = Some(authenticate_response::Verdict::Identity(identity.clone()));
            Ok(AuthenticateResponse { verdict, cache })
        });
    }

    fn refuses(&self, kind: i32, cache: Option<Cache>) {
        self.answers(move |_| {
            let verdict = Some(authenticate_response::Verdict::Refusal(Refusal { kind }));
            Ok(AuthenticateResponse { verdict, cache })
        });
    }

    fn seen(&self) -> Vec<AuthenticateRequest> {
        self.0.seen.lock().unwrap().clone()
    }
}

fn ada() -> Identity {
    Identity { user_id: "ada".to_owned(), ..Identity::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "as the messages have it")]
fn kept(seconds: u32, scope: i32) -> Option<Cache> {
    Some(Cache { seconds, scope })
}

async fn running(url: &str, more: &str) -> (Files, Running, Client) {
    let section =
        format!("custom_authenticator: {{ url: '{url}', credentials: [opaque, jwt], headers: [x-tenant]{more} }}\n");
    let keys =
        "keys: []\nusers: [{ user_id: ada }, { user_id: root, user_role: proxy_admin }]\nteams: [{ team_id: red }]\n";
    let files = Files::new(&config(&section), keys);
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    (files, running, client)
}

fn chat(token: &str) -> Asked {
    post("/v1/chat/completions", r#"{"model":"m1"}"#).key(token)
}

async fn summary(client: &Client, asked: &Asked) -> String {
    match client.check(asked.raw()).await {
        Ok(response) => Outcome::of(response).summary(),
        Err(status) => format!("{:?}", status.code()),
    }
}

#[tokio::test]
async fn it_says_who_the_caller_is_and_learns_the_circumstances() {
    let (service, url) = Scripted::start().await;
    let (_files, _running, client) = running(&url, ", deadline_ms: 3000").await;
    service.says(
        Identity {
            team_id: "red".to_owned(),
            role: "internal_user_viewer".to_owned(),
            end_user_id: "c7".to_owned(),
            ..ada()
        },
        None,
    );
    let asked = chat("opaque").header("x-tenant", "acme").header("cookie", "secret").from("10.1.2.3");
    let outcome = client.outcome(asked).await;
    assert_eq!(outcome.summary(), "200 allow");
    for (name, value) in
        [("method", "custom"), ("user-id", "ada"), ("team-id", "red"), ("role", "internal_user_viewer")]
    {
        assert_eq!(outcome.set[&format!("x-auth-{name}")], value);
    }
    let seen = service.seen();
    let facts = seen[0].request.clone().unwrap();
    assert_eq!(seen[0].credential, "opaque");
    assert_eq!(
        (facts.method.as_str(), facts.path.as_str(), facts.route.as_str()),
        ("POST", "/v1/chat/completions", "chat_completions")
    );
    assert_eq!(facts.peer_address, "10.1.2.3");
    let told: Vec<_> = facts.headers.iter().map(|header| (header.name.as_str(), header.value.as_slice())).collect();
    assert_eq!(told, [("x-tenant", b"acme".as_slice())]);
}

#[tokio::test]
async fn keys_are_never_sent_to_it_w24() {
    let (service, url) = Scripted::start().await;
    let (_files, _running, client) = running(&url, ", deadline_ms: 3000").await;
    service.says(ada(), None);
    assert_eq!(summary(&client, &chat(MASTER_KEY)).await, "200 allow");
    assert_eq!(summary(&client, &chat("sk-nobodys")).await, "401 credential_unknown");
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn what_it_says_is_refused_unless_it_can_be_used() {
    let (service, url) = Scripted::start().await;
    let (_files, _running, client) = running(&url, ", deadline_ms: 3000").await;
    let now = tollgate::telemetry::now().as_second();
    for (identity, expected) in [
        (Identity::default(), "403 token_names_nobody"),
        (Identity { role: "proxy_admin".to_owned(), ..ada() }, "401 token_claims"),
        (Identity { role: "root".to_owned(), ..ada() }, "401 token_claims"),
        (Identity { user_id: "a\r\nb".to_owned(), ..ada() }, "401 token_claims"),
        (Identity { models: vec!["m1".to_owned()], ..ada() }, "401 token_claims"),
        (Identity { user_id: "eve".to_owned(), ..ada() }, "401 token_user_unknown"),
        (Identity { team_id: "blue".to_owned(), ..ada() }, "403 token_team_unknown"),
        (Identity { organization_id: "acme".to_owned(), ..ada() }, "401 token_org_unknown"),
        (Identity { expires_at: now - 1, ..ada() }, "401 token_expired"),
        (Identity { expires_at: now + 60, ..ada() }, "200 allow"),
        (Identity { user_id: "root".to_owned(), ..ada() }, "200 allow"),
        (Identity { team_id: "red".to_owned(), ..Identity::default() }, "200 allow"),
    ] {
        service.says(identity.clone(), None);
        assert_eq!(summary(&client, &chat("t")).await, expected, "{identity:?}");
    }
    for (kind, expected) in
        [(0, "401 token_inactive"), (1, "401 token_inactive"), (2, "403 token_refused"), (9, "401 token_inactive")]
    {
        service.refuses(kind, None);
        assert_eq!(summary(&client, &chat("t")).await, expected, "{kind}");
    }
}

type Say = fn() -> Result<AuthenticateResponse, Status>;

#[tokio::test]
async fn silence_is_an_outage_and_never_an_allow() {
    let (service, url) = Scripted::start().await;
    let (_files, running, client) = running(&url, ", deadline_ms: 1000").await;
    assert_eq!(summary(&client, &chat("t")).await, "Unavailable", "it never answers");
    let errors: [(&str, Say); 4] = [
        ("empty", || Ok(AuthenticateResponse::default())),
        ("error", || Err(Status::unauthenticated("no"))),
        ("error", || Err(Status::permission_denied("no"))),
        ("error", || Err(Status::internal("canary"))),
    ];
    for (why, say) in errors {
        service.answers(move |_| say());
        let status = client.check(chat("t").raw()).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unavailable);
        assert!(!status.message().contains("canary"));
        let (_, page) = running.page("/config").await;
        assert!(page.contains(&format!(r#"{{"name":"custom_authenticator","failing":"{why}","cached":0}}"#)), "{page}");
    }
    let large = "x".repeat(1 << 20);
    service.says(Identity { user_id: large, ..ada() }, None);
    assert_eq!(summary(&client, &chat("t")).await, "Unavailable", "a large answer");
    service.says(ada(), None);
    assert_eq!(summary(&client, &chat("t")).await, "200 allow");
}

#[tokio::test]
async fn answers_are_kept_only_as_long_and_as_far_as_it_says() {
    let (service, url) = Scripted::start().await;
    let (_files, _running, client) = running(&url, ", deadline_ms: 3000, cache_seconds: 60").await;
    let times = async |asked: &[Asked]| {
        let before = service.seen().len();
        for one in asked {
            assert_eq!(summary(&client, one).await, "200 allow");
        }
        service.seen().len() - before
    };
    service.says(ada(), None);
    assert_eq!(times(&[chat("a"), chat("a")]).await, 2, "nothing said, nothing kept");
    service.says(ada(), kept(60, 0));
    let other = chat("b").header("x-tenant", "acme");
    assert_eq!(times(&[chat("b"), chat("b"), other.clone(), other]).await, 2, "for everything it was told");
    service.says(ada(), kept(60, 1));
    assert_eq!(times(&[chat("c"), chat("c").header("x-tenant", "acme")]).await, 1, "for the credential alone");
    assert_eq!(times(&[chat("d")]).await, 1, "and for no other");
    service.refuses(2, kept(60, 1));
    assert_eq!(summary(&client, &chat("e")).await, "403 token_refused");
    service.says(ada(), None);
    assert_eq!(summary(&client, &chat("e")).await, "403 token_refused", "refusals too");
}

#[tokio::test]
async fn no_answer_is_kept_beyond_the_cap() {
    let (service, url) = Scripted::start().await;
    let (_files, _running, client) = running(&url, ", deadline_ms: 3000, cache_seconds: 1").await;
    service.says(ada(), kept(1_000_000, 1));
    assert_eq!(summary(&client, &chat("t")).await, "200 allow");
    service.refuses(1, None);
    eventually("the cap", async || (summary(&client, &chat("t")).await != "200 allow").then_some(())).await;
}

#[tokio::test]
async fn many_requests_alike_are_one_question() {
    let (service, url) = Scripted::start().await;
    let (_files, _running, client) = running(&url, ", deadline_ms: 3000").await;
    service.says(ada(), kept(60, 0));
    let all: Vec<_> = (0..1000)
        .map(|_| {
            let (client, request) = (client.clone(), chat("t").raw());
            tokio::spawn(async move { client.outcome(request).await.summary() })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), "200 allow");
    }
    assert_eq!(service.seen().len(), 1);
}

#[tokio::test]
async fn it_may_be_behind_a_unix_socket_and_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("authenticator.sock");
    let url = format!("unix://{}", path.display());
    let (_files, _running, client) = running(&url, ", deadline_ms: 3000").await;
    assert_eq!(summary(&client, &chat("t")).await, "Unavailable", "nobody is there yet");
    let (service, _) = Scripted::start().await;
    service.says(ada(), None);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = tonic::transport::Server::builder().add_service(AuthenticatorServer::new(service));
    tokio::spawn(server.serve_with_incoming(UnixListenerStream::new(listener)));
    eventually("the authenticator", async || (summary(&client, &chat("t")).await == "200 allow").then_some(())).await;
}

#[tokio::test]
async fn it_may_refuse_the_bearers_of_verified_tokens_and_changes_nothing_else() {
    let (service, url) = Scripted::start().await;
    let signer = Signer::p256();
    let section = format!(
        "custom_authenticator: {{ url: '{url}', validate_claims: true, deadline_ms: 3000, cache_seconds: 60 }}\n\
         jwt: {{ issuers: [{{ issuer: 'https://idp', audience: api, jwks_file: jwks.json }}], user_id_jwt_field: sub }}\n"
    );
    let files = Files::new(&config(&section), "keys: []\nusers: [{ user_id: ada }]\n");
    let jwk = signer.jwk(&serde_json::json!({ "kid": "k1", "alg": "ES256" }));
    files.write("jwks.json", &serde_json::json!({ "keys": [jwk] }).to_string());
    let running = Running::start(&files.config()).await;
    let client = running.client().await;
    let end = tollgate::telemetry::now().as_second() + 300;
    let token = |number: u32| {
        let claims = serde_json::json!({ "iss": "https://idp", "aud": "api", "exp": end, "sub": "ada", "n": number });
        signer.sign(r#"{"alg":"ES256","kid":"k1"}"#, &claims.to_string())
    };
    let told = async |number: u32| summary(&client, &chat(&token(number))).await;

    assert_eq!(told(1).await, "200 allow");
    let validated = service.0.validated.lock().unwrap().clone();
    let claims: serde_json::Value = serde_json::from_str(&validated[0].claims_json).unwrap();
    assert_eq!(
        (claims["sub"].as_str(), claims["n"].as_u64(), validated[0].issuer.as_str()),
        (Some("ada"), Some(1), "https://idp")
    );
    assert_eq!(validated[0].request.as_ref().unwrap().path, "/v1/chat/completions");
    *service.0.validation.lock().unwrap() = Validation::Refuse(2);
    assert_eq!(told(1).await, "200 allow", "as it said, for as long as it said");
    assert_eq!(told(2).await, "403 token_refused");
    *service.0.validation.lock().unwrap() = Validation::Refuse(1);
    assert_eq!(told(3).await, "401 token_inactive");
    for nothing in [Ok(ValidateResponse::default()), Err(())] {
        *service.0.validation.lock().unwrap() = Validation::Say(nothing);
        assert_eq!(told(4).await, "Unavailable", "silence is an outage");
    }
    let count = service.0.validated.lock().unwrap().len();
    let forged = token(5).rsplit_once('.').unwrap().0.to_owned() + "." + token(6).rsplit_once('.').unwrap().1;
    assert_eq!(summary(&client, &chat(&forged)).await, "401 token_signature");
    assert_eq!(service.0.validated.lock().unwrap().len(), count, "it is asked about what was verified alone");
    assert!(service.seen().is_empty(), "nor is it asked who shows a token");
}
