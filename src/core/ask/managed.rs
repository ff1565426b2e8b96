//! What a request of administration names: organisations, a user, members of a profile.

use super::body;
use super::facts::Texts;
use super::place::Slot;
use super::{Reading, query_values};
use crate::core::deny::DenyReason;
use crate::core::request::RequestView;

/// What a request of administration names. The body wins over the query (section 1 of the route spec);
/// a query that says two things says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    /// `organization_id`.
    pub organization_id: Result<Option<String>, DenyReason>,
    /// `organization_id` and every one of `organizations`.
    pub organizations: Result<Vec<String>, DenyReason>,
    /// `user_id` of the query.
    pub user_id: Result<Option<String>, DenyReason>,
    /// Whether anything beside `user_email` and `password` is named.
    pub beyond_profile: Result<bool, DenyReason>,
}

impl Default for Managed {
    fn default() -> Self {
        Self { organization_id: Ok(None), organizations: Ok(Vec::new()), user_id: Ok(None), beyond_profile: Ok(false) }
    }
}

impl Managed {
    pub(super) fn read(view: &RequestView<'_>, query: Option<&str>, reading: &Reading<'_>) -> Self {
        let body = body::read(view, reading, false);
        let body = body.unread.map_or(Ok(body.facts), Err);
        let organization_id =
            body.as_ref().map_err(|reason| *reason).and_then(|facts| match facts.value(Slot::OrganizationId) {
                None => single(query, "organization_id"),
                Some(Texts::Null) => Ok(None),
                Some(Texts::One(id)) => Ok(Some(id.clone()).filter(|id| !id.is_empty())),
                Some(Texts::Many(_) | Texts::Number(_) | Texts::Other) => Err(DenyReason::BodyMalformed),
            });
        let listed = body.as_ref().map_err(|reason| *reason).and_then(|facts| match facts.value(Slot::Organizations) {
            Some(Texts::Many(ids)) => Ok(ids.clone()),
            Some(Texts::Other) => Err(DenyReason::BodyMalformed),
            // LiteLLM reads a list only.
            None | Some(Texts::Null | Texts::One(_) | Texts::Number(_)) => Ok(Vec::new()),
        });
        let organizations = organization_id.clone().and_then(|id| Ok(id.into_iter().chain(listed?).collect()));
        let beyond = query_names(query).any(|name| !matches!(name.as_str(), "user_email" | "password"));
        Self {
            organization_id,
            organizations,
            user_id: single(query, "user_id"),
            beyond_profile: body.map(|facts| facts.beyond_profile || beyond),
        }
    }
}

/// The one value of a query parameter that is not empty.
fn single(query: Option<&str>, name: &str) -> Result<Option<String>, DenyReason> {
    let mut found: Option<String> = None;
    for value in query_values(query, name) {
        let value = value.map_err(|_| DenyReason::QueryAmbiguous)?;
        if found.replace(value.clone()).is_some_and(|earlier| earlier != value) {
            return Err(DenyReason::QueryAmbiguous);
        }
    }
    Ok(found.filter(|value| !value.is_empty()))
}

fn query_names(query: Option<&str>) -> impl Iterator<Item = String> + '_ {
    let pairs = query.unwrap_or_default().split(['&', ';']).filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::BodyLimits;
    use super::super::rules::RequestRules;
    use super::*;
    use crate::core::request::{BodyView, Fidelity, HeaderView};

    fn read(query: &str, body: &str) -> Managed {
        let headers = HeaderView::new(Vec::new(), Fidelity::Exact);
        let body = BodyView::Complete { bytes: body.as_bytes(), fidelity: Fidelity::Exact, announced: true };
        let rules = RequestRules::default();
        let reading = Reading { limits: BodyLimits::default(), rules: &rules, wanted: Vec::new() };
        let view = RequestView { id: "", method: "POST", target: "", peer: None, principal: None, headers, body };
        Managed::read(&view, Some(query), &reading)
    }

    #[test]
    fn the_body_wins_over_the_query() {
        let id = |query, body| read(query, body).organization_id;
        assert_eq!(id("organization_id=q", ""), Ok(Some("q".to_owned())));
        assert_eq!(id("organization_id=q", r#"{"organization_id":"b"}"#), Ok(Some("b".to_owned())));
        assert_eq!(id("organization_id=q", r#"{"organization_id":null}"#), Ok(None));
        assert_eq!(id("organization_id=q", r#"{"organization_id":1}"#), Err(DenyReason::BodyMalformed));
        assert_eq!(id("organization_id=a&organization_id=b", ""), Err(DenyReason::QueryAmbiguous));
        assert_eq!(id("", "[]"), Err(DenyReason::BodyMalformed));
        let all = |body| read("", body).organizations;
        assert_eq!(all(r#"{"organizations":["a","b"],"organization_id":"c"}"#).unwrap(), ["c", "a", "b"]);
        assert_eq!(all(r#"{"organizations":"a"}"#).unwrap(), [""; 0]);
        assert_eq!(all(r#"{"organizations":["a",1]}"#), Err(DenyReason::BodyMalformed));
    }

    #[test]
    fn a_profile_has_two_members() {
        let beyond = |query, body| read(query, body).beyond_profile;
        assert_eq!(beyond("", r#"{"user_email":"x","password":"y"}"#), Ok(false));
        assert_eq!(beyond("", r#"{"user_email":"x","user_role":"proxy_admin"}"#), Ok(true));
        assert_eq!(beyond("user_role=proxy_admin", r#"{"user_email":"x"}"#), Ok(true));
        assert_eq!(beyond("", "user_email=x"), Err(DenyReason::BodyMalformed));
    }
}
