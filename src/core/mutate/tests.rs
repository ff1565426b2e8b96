use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::core::credential::Secret;
use crate::core::record::EndUser;
use crate::core::request::{Fidelity, HeaderView};

fn view<'a>(names: &[&'a str]) -> HeaderView<'a> {
    HeaderView::new(names.iter().map(|name| (*name, b"root".as_slice())).collect(), Fidelity::Exact)
}

fn input<'a>(headers: &'a HeaderView<'a>) -> Input<'a> {
    Input { headers, path: "/", query: None, pass_through: None }
}

fn place(header: &'static str) -> Place {
    Place::Header(HeaderName::new(header).unwrap())
}

fn policy() -> HeaderPolicy {
    HeaderPolicy::new("x-auth-", false, None).unwrap()
}

fn removed(mutations: &Mutations) -> Vec<&str> {
    mutations.remove().map(HeaderName::as_str).collect()
}

#[test]
fn a_header_without_a_value_is_removed_s041_s064() {
    let mutations = policy().mutations(&Identity::MasterKey, None, &[], &input(&view(&["x-auth-team-id"]))).unwrap();
    let set: Vec<_> = mutations.set().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        set,
        [
            ("x-auth-method", "master_key"),
            ("x-auth-key-hash", "litellm_proxy_master_key"),
            ("x-auth-user-id", "default_user_id"),
            ("x-auth-role", "proxy_admin"),
        ]
    );
    for name in ["x-auth-team-id", "x-auth-org-id", "x-auth-model"] {
        assert!(removed(&mutations).contains(&name), "{name}");
    }
}

#[test]
fn look_alikes_are_removed_by_their_own_spelling_s042() {
    let spoofed = ["x_auth_user_id", "x.auth.role", "x-auth--team-id", "x_auth-method", "x-auth-unheard-of", "x-auth"];
    let mutations = policy().mutations(&Identity::Anonymous, None, &[], &input(&view(&spoofed))).unwrap();
    for name in spoofed {
        assert!(removed(&mutations).contains(&name), "{name}");
    }
    let innocent =
        policy().mutations(&Identity::Anonymous, None, &[], &input(&view(&["x-author", "x-request-id"]))).unwrap();
    assert!(!removed(&innocent).iter().any(|name| ["x-author", "x-request-id"].contains(name)));
}

#[test]
fn credentials_go_unless_they_are_kept_s242() {
    let request = view(&["authorization", "x-api-key", "x_api_key"]);
    let mutations =
        policy().mutations(&Identity::MasterKey, None, &[place("authorization")], &input(&request)).unwrap();
    for name in ["authorization", "x-api-key", "x_api_key", "api-key"] {
        assert!(removed(&mutations).contains(&name), "{name}");
    }
    let keep = HeaderPolicy::new("x-auth-", true, None).unwrap();
    let mutations = keep.mutations(&Identity::MasterKey, None, &[place("authorization")], &input(&request)).unwrap();
    assert!(!removed(&mutations).contains(&"authorization"));
    assert!(removed(&mutations).contains(&"x-api-key"), "only the accepted one is kept");
}

#[test]
fn the_upstream_credential_replaces_the_callers() {
    let name = HeaderName::new("authorization").unwrap();
    let value = HeaderValue::credential("Bearer", &Secret::new("upstream")).unwrap();
    let policy = HeaderPolicy::new("x-auth-", false, Some((name.clone(), value.clone()))).unwrap();
    let mutations = policy
        .mutations(&Identity::MasterKey, None, &[place("authorization")], &input(&view(&["authorization"])))
        .unwrap();
    assert!(mutations.set().any(|header| header == (&name, &value)));
    assert!(!removed(&mutations).contains(&"authorization"));
}

#[test]
fn the_callers_words_go_out_encoded() {
    let labels = vec!["a,b".to_owned(), "c".to_owned()];
    let end_user_id = Some("x\r\ny".to_owned());
    let ask = Ask { model: Some("a,b".to_owned()), end_user: end_user_id, ..Ask::default() };
    let end_user = EndUser { region: Some("eu".to_owned()), ..EndUser::default() };
    let named = Named { end_user: Some(Arc::new(end_user)), labels, ..Named::default() };
    let about = About { ask: &ask, named: &named, upstream_model: Some("c"), responses: None };
    let mutations = policy().mutations(&Identity::MasterKey, Some(about), &[], &input(&view(&[]))).unwrap();
    let value =
        |wanted: &str| mutations.set().find(|(name, _)| name.as_str() == wanted).map(|(_, value)| value.as_str());
    assert_eq!(value("x-auth-end-user-id"), Some("x%0D%0Ay"));
    assert_eq!(value("x-auth-tags"), Some("a%2Cb,c"));
    assert_eq!(value("x-auth-model-region"), Some("eu"));
    assert_eq!((value("x-auth-model"), value("x-auth-upstream-model")), (Some("a,b"), Some("c")));
    let labels = (0..64).map(|label| format!("{label:0>70}")).collect();
    let long = Named { labels, ..Named::default() };
    let about = About { named: &long, ..about };
    let refused = policy().mutations(&Identity::MasterKey, Some(about), &[], &input(&view(&[])));
    assert_eq!(refused, Err(DenyReason::TagsMalformed), "what is judged is told");
}

#[test]
fn a_prefix_that_swallows_other_headers_is_refused() {
    for prefix in ["", "x-", "x-api-", "x-request-", "x-envoy-", "X-Auth-", "x-auth", "x_auth-", "x--auth-", "auth or-"]
    {
        assert!(HeaderPolicy::new(prefix, false, None).is_none(), "{prefix:?}");
    }
    assert!(HeaderPolicy::new("x-litellm-", false, None).is_none(), "it would swallow x-litellm-api-key");
}

#[test]
fn a_query_key_and_a_websocket_item_go_too_s088() {
    let headers = HeaderView::new(
        vec![("sec-websocket-protocol", b"realtime, openai-insecure-api-key.sk-a".as_slice())],
        Fidelity::Exact,
    );
    let google = "/v1beta/models/g:generateContent";
    let asked = Input { headers: &headers, path: google, query: Some("alt=sse&key=sk-a"), pass_through: None };
    let mutations = policy().mutations(&Identity::Anonymous, None, &[], &asked).unwrap();
    assert_eq!(mutations.remove_query().collect::<Vec<_>>(), ["key"]);
    assert!(
        mutations.set().any(|(name, value)| name.as_str() == "sec-websocket-protocol" && value.as_str() == "realtime")
    );
    for (path, query, removed) in
        [("/v1/models", "key=sk-a", 1), ("/v1/models", "key=plain", 0), ("/key/info", "key=sk-a", 0)]
    {
        let elsewhere = Input { path, query: Some(query), ..asked };
        let mutations = policy().mutations(&Identity::Anonymous, None, &[], &elsewhere).unwrap();
        assert_eq!(mutations.remove_query().count(), removed, "{path}?{query}");
    }
    let without = Input { query: None, ..asked };
    assert_eq!(
        policy().mutations(&Identity::Anonymous, None, &[], &without).unwrap().remove_query().count(),
        0,
        "S-062"
    );
    let keep = HeaderPolicy::new("x-auth-", true, None).unwrap();
    let mutations = keep.mutations(&Identity::MasterKey, None, &[Place::QueryKey], &asked).unwrap();
    assert_eq!(mutations.remove_query().count(), 0);
}

#[test]
fn a_configured_credential_header_goes_too() {
    let policy = policy().with_credential_headers(HeaderName::new("x-my-key"));
    let mutations = policy.mutations(&Identity::Anonymous, None, &[], &input(&view(&["X_My_Key"]))).unwrap();
    assert!(removed(&mutations).contains(&"x-my-key") && removed(&mutations).contains(&"x_my_key"));
}

#[test]
fn a_name_that_cannot_be_removed_is_refused() {
    let refused = policy().mutations(&Identity::Anonymous, None, &[], &input(&view(&["x-auth-user id"])));
    assert_eq!(refused, Err(DenyReason::HeaderMalformed));
}

proptest! {
    #[test]
    fn set_and_remove_never_meet_and_no_trusted_header_survives_s065(
        names in proptest::collection::vec("x[-_.]{1,2}auth[-_.]{1,2}(user|key|role|team)[-_.]?(id|hash|x)?|[a-z-]{1,12}", 0..8),
        keep in any::<bool>(),
        model in proptest::option::of("\\PC{0,20}"),
    ) {
        let policy = HeaderPolicy::new("x-auth-", keep, None).unwrap();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let (ask, named) = (Ask { model, ..Ask::default() }, Named::default());
        let about = About { ask: &ask, named: &named, upstream_model: None, responses: None };
        let mutations = policy.mutations(&Identity::MasterKey, Some(about), &[place("x-api-key")], &input(&view(&names))).unwrap();
        for (name, _) in mutations.set() {
            prop_assert!(!mutations.remove().any(|known| known == name));
        }
        for name in names.iter().filter(|name| fold(name).starts_with("x-auth-")) {
            let name = HeaderName::new(name).unwrap();
            prop_assert!(mutations.remove().any(|known| *known == name) || mutations.set().any(|(set, _)| *set == name));
        }
    }
}
