//! A small LLM backend for the demo and the end-to-end tests. It speaks just enough of three vendors' APIs for their
//! SDKs, and says in every answer what it saw of the request: a member `echo` in JSON and in the first SSE event. Of the
//! ids of responses it says only that it saw them, for who knows one can use it.
//!
//! ```text
//! cargo run --example upstream -- --listen 127.0.0.1:8080
//! ```

use std::{
    collections::VecDeque,
    convert::Infallible,
    io::{self, Write as _},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, FromRequestParts, Path, RawQuery, State},
    http::{StatusCode, header::CONTENT_TYPE, request::Parts},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use clap::Parser;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Mutex};
use tokio_stream::StreamExt as _;

#[derive(Debug, Parser)]
struct Args {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(Args::parse().listen).await?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    axum::serve(listener, router()).await
}

fn router() -> Router {
    let mut router = Router::new();
    for alias in ["/v1/responses", "/responses", "/openai/v1/responses"] {
        router = router
            .route(alias, post(create_response))
            .route(&format!("{alias}/compact"), post(create_response))
            .route(&format!("{alias}/input_tokens"), post(count_tokens))
            .route(&format!("{alias}/{{id}}"), get(read_response).delete(delete_response))
            .route(&format!("{alias}/{{id}}/cancel"), post(cancel_response))
            .route(&format!("{alias}/{{id}}/input_items"), get(input_items));
    }
    router
        .route("/health/liveliness", get(health))
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(chat_completions))
        .route("/v1/messages", post(messages))
        .route("/openai/deployments/{model}/chat/completions", post(azure_chat_completions))
        .route("/v1/models/{call}", post(generate_content))
        .route("/v1beta/models/{call}", post(generate_content))
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::default())
}

async fn health(echo: Echo) -> Response {
    answer(&echo, StatusCode::OK, json!({ "status": "alive" }))
}

async fn not_found(echo: Echo) -> Response {
    refuse(&echo, StatusCode::NOT_FOUND, "no such path")
}

async fn models(echo: Echo) -> Response {
    let models = MODELS.map(|id| json!({ "id": id, "object": "model", "created": CREATED, "owned_by": "example" }));
    answer(&echo, StatusCode::OK, json!({ "object": "list", "data": models }))
}

// ---- OpenAI: chat completions ------------------------------------------------------------------------------------------

async fn chat_completions(echo: Echo, Json(request): Json<Value>) -> Response {
    let model = model_of(&request);
    if wants_stream(&request) {
        return sse(&echo, chat_events(model));
    }
    let completion = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": CREATED, "model": model,
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": TEXT }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 },
    });
    answer(&echo, StatusCode::OK, completion)
}

/// Azure names the model in the path alone.
async fn azure_chat_completions(echo: Echo, Path(model): Path<String>, Json(mut request): Json<Value>) -> Response {
    set(&mut request, "model", json!(model));
    chat_completions(echo, Json(request)).await
}

fn chat_events(model: &str) -> Vec<Event> {
    let chunk = |delta: Value, finish_reason: Value| {
        Event::unnamed(json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": CREATED, "model": model,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish_reason }],
        }))
    };
    let mut events = vec![chunk(json!({ "role": "assistant", "content": "" }), Value::Null)];
    events.extend(words().map(|word| chunk(json!({ "content": word }), Value::Null)));
    events.push(chunk(json!({}), json!("stop")));
    events.push(Event::Done);
    events
}

// ---- OpenAI: responses -------------------------------------------------------------------------------------------------

async fn create_response(State(store): State<Arc<Store>>, echo: Echo, Json(request): Json<Value>) -> Response {
    let in_background = request.get("background") == Some(&Value::Bool(true));
    let status = if in_background { "in_progress" } else { "completed" };
    let previous = request.get("previous_response_id").and_then(Value::as_str).filter(|id| !id.is_empty());
    if let Some(id) = previous
        && store.with(id, |_| Value::Null).await.is_none()
    {
        return refuse(&echo, StatusCode::BAD_REQUEST, &format!("Previous response with id '{id}' not found."));
    }
    let mut response = response_object(&store.next_id(), model_of(&request), status);
    set(&mut response, "previous_response_id", json!(previous));
    store.put(response.clone(), input_of(&request)).await;
    if wants_stream(&request) {
        sse(&echo, response_events(&response))
    } else {
        answer(&echo, StatusCode::OK, response)
    }
}

async fn count_tokens(State(store): State<Arc<Store>>, echo: Echo, Json(request): Json<Value>) -> Response {
    let previous = request.get("previous_response_id").and_then(Value::as_str).unwrap_or_default();
    let known = store.with(previous, |stored| stored.input.clone()).await.is_some();
    let tokens = if known { 2 } else { 1 };
    answer(&echo, StatusCode::OK, json!({ "object": "response.input_tokens", "input_tokens": tokens }))
}

async fn read_response(
    State(store): State<Arc<Store>>,
    echo: Echo,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let found = store.with(&id, Stored::polled).await;
    match found {
        Some(response) if query.is_some_and(|query| query.split('&').any(|pair| pair == "stream=true")) => {
            sse(&echo, response_events(&response))
        }
        found => found_or_404(&echo, &id, found),
    }
}

async fn delete_response(State(store): State<Arc<Store>>, echo: Echo, Path(id): Path<String>) -> Response {
    let deleted = store.remove(&id).await;
    let receipt = json!({ "id": id, "object": "response", "deleted": true });
    found_or_404(&echo, &id, deleted.then_some(receipt))
}

async fn cancel_response(State(store): State<Arc<Store>>, echo: Echo, Path(id): Path<String>) -> Response {
    let cancelled = store.with(&id, |stored| {
        set(&mut stored.response, "status", json!("cancelled"));
        stored.response.clone()
    });
    found_or_404(&echo, &id, cancelled.await)
}

async fn input_items(State(store): State<Arc<Store>>, echo: Echo, Path(id): Path<String>) -> Response {
    let list = |items: &Value| json!({ "object": "list", "data": items, "has_more": false });
    found_or_404(&echo, &id, store.with(&id, |stored| list(&stored.input)).await)
}

fn response_object(id: &str, model: &str, status: &str) -> Value {
    let output = if status == "completed" { json!([output_message("completed", TEXT)]) } else { json!([]) };
    json!({
        "id": id, "object": "response", "created_at": CREATED, "model": model, "status": status, "output": output,
        "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "metadata": {},
    })
}

fn output_message(status: &str, text: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "status": status,
        "content": [{ "type": "output_text", "text": text, "annotations": [] }],
    })
}

fn response_events(response: &Value) -> Vec<Event> {
    let mut started = response.clone();
    set(&mut started, "status", json!("in_progress"));
    set(&mut started, "output", json!([]));
    let part = |text| json!({ "type": "output_text", "text": text, "annotations": [] });

    let mut bodies = vec![
        ("response.created", json!({ "response": started })),
        ("response.output_item.added", json!({ "output_index": 0, "item": output_message("in_progress", "") })),
        ("response.content_part.added", in_part(json!({ "part": part("") }))),
    ];
    bodies
        .extend(words().map(|word| ("response.output_text.delta", in_part(json!({ "delta": word, "logprobs": [] })))));
    bodies.extend([
        ("response.output_text.done", in_part(json!({ "text": TEXT, "logprobs": [] }))),
        ("response.content_part.done", in_part(json!({ "part": part(TEXT) }))),
        ("response.output_item.done", json!({ "output_index": 0, "item": output_message("completed", TEXT) })),
        ("response.completed", json!({ "response": response })),
    ]);
    bodies.into_iter().zip(0..).map(|((kind, body), number)| Event::numbered(kind, number, body)).collect()
}

/// Places an event in the only part of the only message.
fn in_part(mut body: Value) -> Value {
    set(&mut body, "item_id", json!("msg_1"));
    set(&mut body, "output_index", json!(0));
    set(&mut body, "content_index", json!(0));
    body
}

fn input_of(request: &Value) -> Value {
    match request.get("input") {
        Some(Value::Array(items)) => json!(items),
        Some(text) => json!([{ "id": "msg_0", "type": "message", "role": "user", "status": "completed",
                               "content": [{ "type": "input_text", "text": text }] }]),
        None => json!([]),
    }
}

/// The last [`MAX_STORED`] responses.
#[derive(Debug, Default)]
struct Store {
    created: AtomicU64,
    responses: Mutex<VecDeque<Stored>>,
}

#[derive(Debug)]
struct Stored {
    response: Value,
    input: Value,
}

impl Store {
    fn next_id(&self) -> String {
        format!("resp_{:032x}", self.created.fetch_add(1, Ordering::Relaxed))
    }

    async fn put(&self, response: Value, input: Value) {
        let mut responses = self.responses.lock().await;
        responses.push_back(Stored { response, input });
        if responses.len() > MAX_STORED {
            responses.pop_front();
        }
    }

    async fn with(&self, id: &str, read: impl FnOnce(&mut Stored) -> Value) -> Option<Value> {
        let mut responses = self.responses.lock().await;
        responses.iter_mut().find(|stored| stored.has_id(id)).map(read)
    }

    async fn remove(&self, id: &str) -> bool {
        let mut responses = self.responses.lock().await;
        let before = responses.len();
        responses.retain(|stored| !stored.has_id(id));
        responses.len() < before
    }
}

impl Stored {
    /// The response, which is done when it is asked for the second time.
    fn polled(&mut self) -> Value {
        let before = self.response.clone();
        if before.get("status") == Some(&json!("in_progress")) {
            set(&mut self.response, "status", json!("completed"));
            set(&mut self.response, "output", json!([output_message("completed", TEXT)]));
        }
        before
    }

    fn has_id(&self, id: &str) -> bool {
        self.response.get("id").and_then(Value::as_str) == Some(id)
    }
}

// ---- Anthropic ---------------------------------------------------------------------------------------------------------

async fn messages(echo: Echo, Json(request): Json<Value>) -> Response {
    let model = model_of(&request);
    if wants_stream(&request) {
        return sse(&echo, message_events(model));
    }
    answer(&echo, StatusCode::OK, message(model, &json!([{ "type": "text", "text": TEXT }]), &json!("end_turn")))
}

fn message(model: &str, content: &Value, stop_reason: &Value) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": stop_reason, "stop_sequence": null, "usage": { "input_tokens": 1, "output_tokens": 1 },
    })
}

fn message_events(model: &str) -> Vec<Event> {
    let delta = |word| ("content_block_delta", json!({ "index": 0, "delta": { "type": "text_delta", "text": word } }));
    let mut bodies = vec![
        ("message_start", json!({ "message": message(model, &json!([]), &Value::Null) })),
        ("content_block_start", json!({ "index": 0, "content_block": { "type": "text", "text": "" } })),
    ];
    bodies.extend(words().map(delta));
    bodies.extend([
        ("content_block_stop", json!({ "index": 0 })),
        (
            "message_delta",
            json!({ "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": { "output_tokens": 1 } }),
        ),
        ("message_stop", json!({})),
    ]);
    bodies.into_iter().map(|(kind, body)| Event::named(kind, body)).collect()
}

// ---- Google ------------------------------------------------------------------------------------------------------------

async fn generate_content(echo: Echo, Path(call): Path<String>) -> Response {
    match call.rsplit_once(':') {
        Some((model, "generateContent")) => answer(&echo, StatusCode::OK, generated(model, TEXT, true)),
        Some((model, "streamGenerateContent")) => sse(&echo, generated_events(model)),
        _ => not_found(echo).await,
    }
}

fn generated_events(model: &str) -> Vec<Event> {
    let last = words().count();
    words().zip(1..).map(|(word, number)| Event::unnamed(generated(model, word, number == last))).collect()
}

fn generated(model: &str, text: &str, finished: bool) -> Value {
    let finish_reason = if finished { json!("STOP") } else { Value::Null };
    json!({
        "candidates": [{
            "content": { "role": "model", "parts": [{ "text": text }] }, "finishReason": finish_reason, "index": 0,
        }],
        "usageMetadata": { "promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2 },
        "modelVersion": model,
    })
}

// ---- what every answer has ---------------------------------------------------------------------------------------------

/// The request as it arrived.
#[derive(Debug)]
struct Echo(Value);

impl<S: Sync> FromRequestParts<S> for Echo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let path = parts.uri.to_string();
        let id = path.split_once("/responses/").map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or_default());
        let id = id.filter(|id| id.starts_with("resp_"));
        let hidden = |text: String| id.map_or(text.clone(), |id| text.replace(id, HIDDEN));
        let lossy = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let lossy = |bytes| match lossy(bytes) {
            text if text.starts_with("resp_") => HIDDEN.to_owned(),
            text => hidden(text),
        };
        let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), lossy(value.as_bytes())));
        Ok(Self(json!({
            "method": parts.method.as_str(),
            "path": hidden(path.clone()),
            "headers": headers.collect::<Vec<_>>(),
        })))
    }
}

fn answer(echo: &Echo, status: StatusCode, mut body: Value) -> Response {
    set(&mut body, "echo", echo.0.clone());
    (status, [SERVED_BY], Json(body)).into_response()
}

fn refuse(echo: &Echo, status: StatusCode, message: &str) -> Response {
    let error = json!({ "message": message, "type": "invalid_request_error", "param": null, "code": null });
    answer(echo, status, json!({ "error": error }))
}

fn found_or_404(echo: &Echo, id: &str, body: Option<Value>) -> Response {
    match body {
        Some(body) => answer(echo, StatusCode::OK, body),
        None => refuse(echo, StatusCode::NOT_FOUND, &format!("Response with id '{id}' not found.")),
    }
}

/// Sends the events one by one, as a model would, so that a proxy that buffers is seen to buffer.
fn sse(echo: &Echo, mut events: Vec<Event>) -> Response {
    if let Some(Event::Data { body, .. }) = events.first_mut() {
        set(body, "echo", echo.0.clone());
    }
    let frames = tokio_stream::iter(events).then(|event| async move {
        tokio::time::sleep(BETWEEN_EVENTS).await;
        Ok::<_, Infallible>(event.frame())
    });
    ([(CONTENT_TYPE.as_str(), "text/event-stream"), SERVED_BY], Body::from_stream(frames)).into_response()
}

#[derive(Debug)]
enum Event {
    Data {
        name: Option<&'static str>,
        body: Value,
    },
    /// `[DONE]`, the end of a chat completion.
    Done,
}

impl Event {
    fn unnamed(body: Value) -> Self {
        Self::Data { name: None, body }
    }

    fn named(name: &'static str, mut body: Value) -> Self {
        set(&mut body, "type", json!(name));
        Self::Data { name: Some(name), body }
    }

    fn numbered(name: &'static str, number: u64, mut body: Value) -> Self {
        set(&mut body, "sequence_number", json!(number));
        Self::named(name, body)
    }

    fn frame(self) -> String {
        match self {
            Self::Data { name: Some(name), body } => format!("event: {name}\ndata: {body}\n\n"),
            Self::Data { name: None, body } => format!("data: {body}\n\n"),
            Self::Done => "data: [DONE]\n\n".to_owned(),
        }
    }
}

fn set(object: &mut Value, member: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(member.to_owned(), value);
    }
}

fn model_of(request: &Value) -> &str {
    request.get("model").and_then(Value::as_str).unwrap_or("unnamed")
}

fn wants_stream(request: &Value) -> bool {
    request.get("stream") == Some(&Value::Bool(true))
}

fn words() -> impl Iterator<Item = &'static str> {
    TEXT.split_inclusive(' ')
}

const TEXT: &str = "The gate let you through.";
const MODELS: [&str; 3] = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5"];
/// Stands for the id of a response.
const HIDDEN: &str = "(an id)";
const SERVED_BY: (&str, &str) = ("x-served-by", "upstream-example");
/// One moment for all, so that two answers to one question are equal.
const CREATED: u64 = 1_750_000_000;
const BETWEEN_EVENTS: Duration = Duration::from_millis(20);
const MAX_STORED: usize = 1000;
const MAX_BODY: usize = 64 << 20;
