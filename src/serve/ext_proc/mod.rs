//! `envoy.service.ext_proc.v3.ExternalProcessor/Process`: the pump between Envoy's stream and a [`Session`].
//!
//! Envoy takes a stream that ends cleanly, at whatever moment, for "go on without me". So the replies are
//! an unfolding of the messages themselves: no task, no channel, and no end but one that the session allows,
//! an error, or the death of the connection (S-224).

mod judgement;
mod refusal;
mod wire;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::ext_proc::v3::external_processor_server::ExternalProcessor;
use envoy_types::pb::envoy::service::ext_proc::v3::{ProcessingRequest, ProcessingResponse};
use futures_util::stream::{BoxStream, Stream, StreamExt as _, try_unfold};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Request, Response, Status, Streaming};

use crate::config::live::Live;
use crate::core::response_id::Guard;
use crate::core::response_id::session::{Output, Refusal, Session};
use crate::engine::Snapshot;
use crate::metrics::Metrics;
use crate::telemetry;
use wire::Wire;

/// How long Envoy may say nothing. It has timeouts of its own; this is for one that has gone.
const SILENCE: Duration = Duration::from_hours(1);

/// The service that opens and seals response ids in bodies.
#[derive(Debug)]
pub struct ExtProc {
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    slots: Arc<Semaphore>,
}

impl ExtProc {
    /// A service for at most `concurrent_streams` requests at a time; more are refused as an error.
    #[must_use]
    pub fn new(live: Arc<Live>, metrics: Arc<Metrics>, concurrent_streams: usize) -> Self {
        Self { live, metrics, slots: Arc::new(Semaphore::new(concurrent_streams)) }
    }
}

#[tonic::async_trait]
impl ExternalProcessor for ExtProc {
    type ProcessStream = BoxStream<'static, Result<ProcessingResponse, Status>>;

    async fn process(
        &self,
        request: Request<Streaming<ProcessingRequest>>,
    ) -> Result<Response<Self::ProcessStream>, Status> {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            self.metrics.response_ids.refused("overloaded");
            return Err(Status::resource_exhausted("too many streams at one time"));
        };
        let exchange = Exchange::new(&self.live.snapshot(), Arc::clone(&self.metrics), slot);
        Ok(Response::new(replies(request.into_inner(), exchange).boxed()))
    }
}

/// The replies to a stream of messages.
fn replies<S>(inbound: S, exchange: Exchange) -> impl Stream<Item = Result<ProcessingResponse, Status>> + Send
where
    S: Stream<Item = Result<ProcessingRequest, Status>> + Send + Unpin,
{
    try_unfold((inbound, exchange), async |(mut inbound, mut exchange)| {
        loop {
            if let Some(reply) = exchange.replies.pop_front() {
                return Ok(Some((reply, (inbound, exchange))));
            }
            if let Some(failure) = exchange.failure.take() {
                return Err(failure);
            }
            let message = tokio::time::timeout(SILENCE, inbound.next()).await;
            let message = message.map_err(|_| Status::deadline_exceeded("nothing came for too long"))?;
            match message.transpose()? {
                Some(message) => exchange.take(&message),
                None if exchange.may_end() => return Ok(None),
                None => return Err(Status::aborted("the stream ended before the exchange did")),
            }
        }
    })
}

/// One HTTP request and its answer. When it is dropped it is counted, however it ended.
struct Exchange {
    session: Option<Session>,
    wire: Wire,
    replies: VecDeque<ProcessingResponse>,
    /// What ends the stream, once the replies are out.
    failure: Option<Status>,
    report: Report,
    /// [`Wire::step`], but for the test of what happens when it panics.
    step: fn(&mut Wire, &mut Session, &ProcessingRequest) -> Output,
    _slot: OwnedSemaphorePermit,
}

impl Exchange {
    fn new(snapshot: &Arc<Snapshot>, metrics: Arc<Metrics>, slot: OwnedSemaphorePermit) -> Self {
        let session = match &snapshot.responses {
            Guard::Protected(protection) => Session::new(Arc::clone(&protection.ids), protection.max_event),
            Guard::NotConfigured | Guard::Unprotected => Session::unprotected(),
        };
        let wire = Wire::new(snapshot.responses.protection().and_then(|protection| protection.upstream.clone()));
        let report = Report::new(metrics);
        Self {
            session: Some(session),
            wire,
            replies: VecDeque::new(),
            failure: None,
            report,
            step: Wire::step,
            _slot: slot,
        }
    }

    /// Takes a message and lines up the replies to it. A panic ends this exchange and no other; its session
    /// is gone then, so that nothing is passed on by one that is broken.
    fn take(&mut self, message: &ProcessingRequest) {
        if catch_unwind(AssertUnwindSafe(|| self.step(message))).is_err() {
            self.report.panicked();
            self.replies.clear();
            self.fail(Status::internal("the message could not be processed"));
        }
    }

    fn step(&mut self, message: &ProcessingRequest) {
        let Some(mut session) = self.session.take() else {
            return self.fail(Status::aborted("the exchange is over"));
        };
        let output = (self.step)(&mut self.wire, &mut session, message);
        self.session = Some(session);
        self.report.request_id(&self.wire);
        self.answer(message, output);
    }

    fn answer(&mut self, message: &ProcessingRequest, output: Output) {
        match output {
            Output::Refuse(refusal) => {
                self.report.ended(refusal, "refused");
                self.session = None;
                self.replies.push_back(refusal::immediate(refusal, self.wire.request_id()));
            }
            Output::Cut(refusal) => {
                self.report.ended(refusal, "cut");
                self.fail(Status::aborted(refusal.label()));
            }
            output @ (Output::Headers(_) | Output::Body { .. } | Output::Trailers { .. }) => {
                match self.wire.replies(message, output) {
                    Some(replies) => self.replies.extend(replies),
                    // An event without an end before trailers, say: the mode has no place for it any more.
                    None => self.answer(message, Output::Cut(Refusal::Mode)),
                }
            }
        }
    }

    /// Nothing may follow.
    fn fail(&mut self, status: Status) {
        self.session = None;
        self.failure = Some(status);
    }

    /// Whether Envoy may be left alone. After a refusal it ends the stream itself.
    fn may_end(&self) -> bool {
        self.report.is_over() || self.is_complete()
    }

    fn is_complete(&self) -> bool {
        let told = self.wire.has_answered();
        self.session.as_ref().is_some_and(|session| session.may_end() || (told && session.has_withheld_the_rest()))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.report.dropped(self.is_complete());
    }
}

/// What is told of an exchange.
struct Report {
    metrics: Arc<Metrics>,
    request_id: String,
    over: bool,
}

impl Report {
    fn new(metrics: Arc<Metrics>) -> Self {
        metrics.response_ids.in_flight.inc();
        Self { metrics, request_id: String::new(), over: false }
    }

    fn request_id(&mut self, wire: &Wire) {
        if self.request_id.is_empty() {
            wire.request_id().clone_into(&mut self.request_id);
        }
    }

    /// Notes the first refusal; what comes after it is its echo.
    fn ended(&mut self, refusal: Refusal, how: &'static str) {
        if !std::mem::replace(&mut self.over, true) {
            self.metrics.response_ids.refused(refusal.label());
            telemetry::log_refusal(refusal, how, &self.request_id);
        }
    }

    fn panicked(&mut self) {
        self.metrics.panics.inc();
        self.metrics.response_ids.refused("internal");
        self.over = true;
    }

    fn is_over(&self) -> bool {
        self.over
    }

    /// The end, however it came: a client that has left is no fault.
    fn dropped(&self, complete: bool) {
        self.metrics.response_ids.in_flight.dec();
        if !self.over {
            self.metrics.response_ids.ended(complete);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S-252: the caller gets an error, and a clean end never.
    #[tokio::test]
    async fn a_panic_ends_one_exchange_and_not_cleanly() {
        let metrics = Arc::new(Metrics::default());
        let slots = Arc::new(Semaphore::new(1));
        let exchange = Exchange {
            session: Some(Session::unprotected()),
            wire: Wire::new(None),
            replies: VecDeque::new(),
            failure: None,
            report: Report::new(Arc::clone(&metrics)),
            step: |_, _, _| panic!("as a fault of ours would"),
            _slot: Arc::clone(&slots).try_acquire_owned().unwrap(),
        };
        let messages = futures_util::stream::iter([Ok(ProcessingRequest::default()), Ok(ProcessingRequest::default())]);
        let heard: Vec<_> = replies(messages, exchange).collect().await;
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].as_ref().unwrap_err().code(), tonic::Code::Internal);
        assert_eq!((metrics.panics.get(), slots.available_permits()), (1, 1));
        assert_eq!(metrics.response_ids.in_flight.get(), 0);
    }
}
