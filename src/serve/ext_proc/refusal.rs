//! A refusal as the answer the caller gets in place of the upstream's.

use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::ext_proc::v3::processing_response::Response;
use envoy_types::pb::envoy::service::ext_proc::v3::{HeaderMutation, ImmediateResponse, ProcessingResponse};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use serde_json::json;

use crate::core::deny::DenyReason;
use crate::core::response_id::EditError;
use crate::core::response_id::session::Refusal;

/// The immediate response. The Responses API speaks one dialect, OpenAI's, whatever its path.
pub(super) fn immediate(refusal: Refusal, request_id: &str) -> ProcessingResponse {
    let (kind, message) = words(refusal);
    let message = if request_id.is_empty() { message.to_owned() } else { format!("{message} (request {request_id})") };
    let status = refusal.status();
    let body = json!({"error": {"message": message, "type": kind, "param": null, "code": status.to_string()}});
    let header =
        HeaderValue { key: "content-type".to_owned(), value: String::new(), raw_value: b"application/json".to_vec() };
    let content_type = HeaderValueOption {
        header: Some(header),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..HeaderValueOption::default()
    };
    let response = ImmediateResponse {
        status: Some(HttpStatus { code: i32::from(status) }),
        headers: Some(HeaderMutation { set_headers: vec![content_type], remove_headers: Vec::new() }),
        body: body.to_string().into_bytes(),
        grpc_status: None,
        details: format!("tollgate_{}", refusal.label()),
    };
    ProcessingResponse { response: Some(Response::ImmediateResponse(response)), ..ProcessingResponse::default() }
}

/// `type` and text for the caller. What `ext_authz` would have said where it says so too.
fn words(refusal: Refusal) -> (&'static str, &'static str) {
    let denied = |reason: DenyReason| {
        let refusal = reason.refusal();
        (refusal.kind, refusal.message)
    };
    match refusal {
        Refusal::Access(error) | Refusal::Request(EditError::Access(error)) => denied(error.into()),
        Refusal::Request(error) => denied(error.into()),
        Refusal::RequestEncoding => denied(DenyReason::BodyMalformed),
        Refusal::Upgrade => denied(DenyReason::UpgradeNotAllowed),
        Refusal::Answer(_) | Refusal::AnswerEncoding | Refusal::AnswerFormat => {
            ("api_error", "the upstream's answer cannot be passed on")
        }
        Refusal::Unasked(_) => ("invalid_request_error", "the request could not be processed"),
        Refusal::NoPermission | Refusal::OutOfOrder | Refusal::Mode => {
            ("api_error", "whose response this is could not be told")
        }
    }
}
