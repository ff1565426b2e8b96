//! Our answers as Envoy's messages. This is the one place that builds a `CheckResponse`, and it cannot
//! build an inconsistent one: the status, which alone decides, is written beside the response it belongs to.

use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue as WireValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckResponse, DeniedHttpResponse, OkHttpResponse};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::protobuf::{BoolValue, Struct};
use envoy_types::pb::google::rpc::Status;

use super::refuse::Refused;
use crate::core::header::HeaderName;
use crate::core::mutate::Mutations;

/// `google.rpc.Code.OK`: forward the request.
const OK: i32 = 0;
/// `google.rpc.Code.PERMISSION_DENIED`: any code but zero refuses; the HTTP status says the rest.
const PERMISSION_DENIED: i32 = 7;

/// Forward the request with these changes.
pub(super) fn allow(mutations: &Mutations, metadata: Struct) -> CheckResponse {
    let target = mutations.target().map(|target| overwrite(text(":path", target)));
    let headers = mutations.set().map(|(name, value)| overwrite(text(name.as_str(), value.as_str())));
    let ok = OkHttpResponse {
        headers: headers.chain(target).collect(),
        headers_to_remove: mutations.remove().map(HeaderName::to_string).collect(),
        query_parameters_to_remove: mutations.remove_query().map(str::to_owned).collect(),
        ..OkHttpResponse::default()
    };
    response(OK, HttpResponse::OkResponse(ok), Some(metadata))
}

/// Answer the client with this refusal.
pub(super) fn deny(refused: Refused, metadata: Struct) -> CheckResponse {
    let denied = DeniedHttpResponse {
        status: Some(HttpStatus { code: i32::from(refused.status) }),
        headers: refused.headers.iter().map(|(name, value)| overwrite(text(name, value))).collect(),
        body: refused.body,
    };
    response(PERMISSION_DENIED, HttpResponse::DeniedResponse(denied), Some(metadata))
}

fn response(code: i32, http_response: HttpResponse, dynamic_metadata: Option<Struct>) -> CheckResponse {
    let status = Status { code, ..Status::default() };
    CheckResponse { status: Some(status), dynamic_metadata, http_response: Some(http_response) }
}

/// Overwrites, said twice: Envoy up to 1.36 reads only `append`, 1.37.0 without it appends, later ones
/// read either (envoy#43310).
pub(super) fn overwrite(header: WireValue) -> HeaderValueOption {
    #[expect(deprecated, reason = "the only field that every supported Envoy honours")]
    HeaderValueOption {
        header: Some(header),
        append: Some(BoolValue { value: false }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        keep_empty_value: false,
    }
}

/// A header as `ext_authz` takes it: with a `raw_value`, too, Envoy would send an empty one (S-063).
fn text(name: &str, value: &str) -> WireValue {
    WireValue { key: name.to_owned(), value: value.to_owned(), raw_value: Vec::new() }
}
