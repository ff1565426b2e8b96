//! What the gate makes of the response ids of a request, before any of it goes on.

use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::PREFIX;
use super::access::{AccessError, ResponseIds};
use super::body::BodyEditor;
use super::exchange::{EditError, Exchange};
use super::operation::Operation;
use super::owner::{Caller, Name};
use super::plain::PlainId;
use super::target::{PlainTarget, rewrite_target};
use crate::core::ask::Ask;
use crate::core::deny::DenyReason;
use crate::core::identity::Identity;
use crate::core::request::BodyView;
use crate::core::route::{Match, Method};

/// What the configuration says of response ids.
#[derive(Debug, Clone, Default)]
pub enum Guard {
    /// Nothing. Nobody may name a response then: whose it is cannot be told.
    #[default]
    NotConfigured,
    /// They go through as they are, and who knows one can use it.
    Unprotected,
    /// They are for their owners.
    Protected(Protection),
}

/// How ids are protected.
#[derive(Debug, Clone)]
pub struct Protection {
    /// Opens, judges and seals them.
    pub ids: Arc<ResponseIds>,
    /// The backend that requests go to, where there are several.
    pub upstream: Option<Name>,
    /// Most bytes of one event of an answer.
    pub max_event: usize,
}

/// A request, as far as its ids are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The request target as it was sent.
    pub target: &'a str,
    /// The canonical path.
    pub path: &'a str,
    /// The query, not decoded.
    pub query: Option<&'a str>,
    /// The method.
    pub method: Method,
    /// The route, if it is known.
    pub found: Option<&'a Match<'a>>,
    /// The body.
    pub body: &'a BodyView<'a>,
    /// Who asks.
    pub identity: &'a Identity,
    /// What else the request names.
    pub ask: &'a Ask,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub enum Guarded {
    /// The route has no response ids.
    #[default]
    Unconcerned,
    /// It has, and they go through as they are.
    Unprotected,
    /// It has, and the caller may use those it names.
    Protected(Box<Admission>),
}

/// The ids a request names, all of them the caller's to use.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Who asks.
    pub caller: Caller,
    /// The id in the path: as the caller wrote it, and as the provider knows it.
    pub subject: Option<(String, PlainId)>,
    /// The ids in the body, likewise.
    pub previous: Vec<(String, PlainId)>,
    /// The request target with the provider's id, where the path has one.
    pub target: Option<PlainTarget>,
    /// Whether every byte of the body was read. What was not must be shown to `ext_proc`.
    pub body_read: bool,
}

impl Guard {
    /// Judges the ids of a request.
    ///
    /// # Errors
    /// A `Response*` reason when the caller may not use one, or it is where none is read;
    /// [`DenyReason::PathMalformed`] when the path is spelled in a way that a proxy's own routes may not
    /// know; a `Body*` reason when the body can be read in two ways.
    pub fn judge(&self, question: &Question<'_>) -> Result<Guarded, DenyReason> {
        let operation = Operation::of(question.method, question.path, question.found);
        match (self, operation) {
            (Self::Unprotected, Operation::Other) => Ok(Guarded::Unconcerned),
            (Self::Unprotected, _) => Ok(Guarded::Unprotected),
            // A parameter of another route, for upstreams that know it there too.
            (_, Operation::Other) if question.ask.response_ids > 0 || names_interaction(question.path) => {
                Err(DenyReason::ResponseIdNotAllowed)
            }
            (_, Operation::Other) => Ok(Guarded::Unconcerned),
            (_, Operation::Unknown) => Err(DenyReason::ResponseRouteUnknown),
            _ if names_in_query(question.query) => Err(DenyReason::ResponseIdNotAllowed),
            (Self::NotConfigured, Operation::About(_)) => Err(DenyReason::ResponseIdsOff),
            (Self::NotConfigured, Operation::Create) if question.ask.response_ids > 0 => {
                Err(DenyReason::ResponseIdsOff)
            }
            (Self::NotConfigured, Operation::Create) => Ok(Guarded::Unprotected),
            (Self::Protected(protection), Operation::Create) => protection.admit(question, None),
            (Self::Protected(protection), Operation::About(id)) => protection.admit(question, Some(id)),
        }
    }

    /// Judges a request that needs no credential: nobody in particular owns nothing.
    ///
    /// # Errors
    /// [`DenyReason::ResponseRouteUnknown`] when it is about responses.
    pub fn judge_open(&self, method: Method, path: &str, found: Option<&Match<'_>>) -> Result<(), DenyReason> {
        match (self, Operation::of(method, path, found)) {
            (Self::Unprotected, _) | (_, Operation::Other) => Ok(()),
            (Self::NotConfigured | Self::Protected(_), _) => Err(DenyReason::ResponseRouteUnknown),
        }
    }

    /// How ids are protected, if they are.
    #[must_use]
    pub fn protection(&self) -> Option<&Protection> {
        match self {
            Self::Protected(protection) => Some(protection),
            Self::NotConfigured | Self::Unprotected => None,
        }
    }
}

impl Protection {
    fn admit(&self, question: &Question<'_>, subject: Option<&str>) -> Result<Guarded, DenyReason> {
        if !is_plainly_spelled(question.target, subject) {
            return Err(DenyReason::PathMalformed);
        }
        let caller = Caller::of(question.identity).ok_or(DenyReason::ResponseCallerUnknown)?;
        let mut exchange = Exchange::new(Arc::clone(&self.ids), caller.clone(), self.upstream.clone(), subject)?;
        read_body(question, subject.is_some(), &mut exchange)?;
        let mut named = exchange.named().map(|(shown, inner)| (shown.to_owned(), inner.clone()));
        let subject = if subject.is_some() { named.next() } else { None };
        let body_read = matches!(question.body, BodyView::Complete { .. });
        let target = match &subject {
            Some((shown, inner)) => {
                Some(rewrite_target(question.target, shown, inner).ok_or(DenyReason::PathMalformed)?)
            }
            None => None,
        };
        Ok(Guarded::Protected(Box::new(Admission { caller, subject, previous: named.collect(), target, body_read })))
    }
}

/// Opens the ids that a body names. It is read as `ext_proc` will read it, so the two cannot differ. A request
/// that is about a response needs none, and what of it was not seen names nothing to anybody.
fn read_body(question: &Question<'_>, is_about: bool, exchange: &mut Exchange) -> Result<(), DenyReason> {
    let bytes = match *question.body {
        BodyView::NotSent => return Ok(()),
        BodyView::Complete { bytes, .. } => bytes,
        BodyView::Truncated | BodyView::Unseen if is_about => return Ok(()),
        BodyView::Truncated => return Err(DenyReason::BodyTruncated),
        BodyView::Unseen => return Err(DenyReason::BodyMissing),
    };
    if !bytes.is_empty() {
        let (mut editor, mut out) = (BodyEditor::request(), Vec::new());
        for piece in bytes.chunks(PIECE) {
            editor.push(piece, exchange, &mut out)?;
            out.clear();
        }
        editor.finish(exchange, &mut out)?;
    }
    // One that only a reader of texts within texts finds, the editor has passed by.
    if question.ask.response_ids > exchange.openings() { Err(DenyReason::BodyMalformed) } else { Ok(()) }
}

/// Bytes of a body that are read at a time, for the copy of it to stay small.
const PIECE: usize = 64 * 1024;

/// Whether nothing but the id is percent-encoded. A proxy that routes by another spelling of the path
/// might leave the body to nobody.
fn is_plainly_spelled(target: &str, subject: Option<&str>) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    let is_subject = |segment: &str| subject.is_some_and(|id| percent_decode_str(segment).eq(id.bytes()));
    path.split('/').filter(|segment| segment.contains('%')).all(is_subject)
}

/// Whether a path of the Interactions API has the id of a response, which LiteLLM takes for that of an interaction.
fn names_interaction(path: &str) -> bool {
    let ids = path.split('/').skip_while(|segment| !segment.eq_ignore_ascii_case("interactions")).skip(1);
    ids.into_iter().any(|segment| segment.starts_with(PREFIX))
}

/// Whether the query names a response. LiteLLM adds parameters of the query to the body (BODY-3).
fn names_in_query(query: Option<&str>) -> bool {
    query.unwrap_or_default().split(['&', ';']).any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let letters = percent_decode_str(name).filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
        letters.eq(b"previousresponseid".iter().copied())
    })
}

impl From<AccessError> for DenyReason {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::NotOwner => Self::ResponseNotOwned,
            AccessError::Unmanaged => Self::ResponseUnmanaged,
            AccessError::Unreadable => Self::ResponseUnreadable,
            AccessError::OtherUpstream => Self::ResponseElsewhere,
        }
    }
}

impl From<EditError> for DenyReason {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Access(error) => error.into(),
            EditError::Malformed
            | EditError::NotUtf8
            | EditError::TooDeep
            | EditError::TooLong
            | EditError::Ambiguous
            | EditError::NotText
            | EditError::Unsealable => Self::BodyMalformed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::credential::KeyHash;
    use crate::core::identity::{Bearer, Vouched};
    use crate::core::record::KeyRecord;
    use crate::core::route::RouteTable;

    /// Nobody, and a bearer of whom only the issuer is known, own nothing: they would own each other's responses.
    #[test]
    fn nobody_in_particular_has_no_responses_s205() {
        let keyring =
            super::super::Keyring::new(&[crate::core::credential::Secret::new("0123456789abcdef0123456789abcdef")]);
        let ids = ResponseIds { keyring: keyring.unwrap(), legacy: None, rules: super::super::AccessRules::default() };
        let guard = Guard::Protected(Protection { ids: Arc::new(ids), upstream: None, max_event: 1024 });
        let table = RouteTable::new(Vec::new(), String::new());
        let (path, ask) = ("/v1/responses", Ask::default());
        let found = table.find(path);
        let question = Question {
            target: path,
            path,
            query: None,
            method: Method::Post,
            found: found.as_ref(),
            body: &BodyView::NotSent,
            identity: &Identity::Anonymous,
            ask: &ask,
        };
        assert_eq!(guard.judge(&question).unwrap_err(), DenyReason::ResponseCallerUnknown);
        let bearer = |user_id: Option<&str>| {
            Identity::Bearer(Arc::new(Bearer {
                vouched: Vouched::Jwt,
                issuer: Some("https://idp".to_owned()),
                user_id: user_id.map(str::to_owned),
                email: None,
                role: None,
                end_user: None,
                models: None,
                routes: Vec::new(),
                expires: None,
                registered: false,
                record: Arc::new(KeyRecord::new(KeyHash::of(""))),
            }))
        };
        let somebody = guard.judge(&Question { identity: &bearer(None), ..question });
        assert_eq!(somebody.unwrap_err(), DenyReason::ResponseCallerUnknown);
        let somebody = guard.judge(&Question { identity: &bearer(Some("ada")), ..question });
        assert!(matches!(somebody, Ok(Guarded::Protected(_))));
        let master = Question { identity: &Identity::MasterKey, ..question };
        assert!(matches!(guard.judge(&master), Ok(Guarded::Protected(_))), "the master key has a user");
    }

    #[test]
    fn names_of_the_query_are_read_as_a_careless_reader_does() {
        for query in
            ["previous_response_id=x", "a&PREVIOUS-RESPONSE-ID", "x;previous%5fresponse%5Fid=", "previousResponseId=1"]
        {
            assert!(names_in_query(Some(query)), "{query}");
        }
        for query in ["include=previous_response_id", "previous_response=1", "", "previous_response_ids=1"] {
            assert!(!names_in_query(Some(query)), "{query}");
        }
        assert!(!names_in_query(None));
    }
}
