//! What an authorization server answers about a token (RFC 7662 section 2.2), read strictly.
//!
//! LiteLLM takes any truthy `active`, or none at all, and looks at neither `exp` nor `aud` (W23). Here `active`
//! must be `true`, times and audience are judged as those of a JSON Web Token, and what says that it is another
//! kind of token, or one that only its sender may use, is refused.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::said::{MAX_MODELS, RoleRule, Said, Unusable, email, name};
use crate::core::jwt::moment::{self, Seconds, TimeRules};
use crate::core::jwt::{Audience, json};

/// Which members of the answer say what. There are no paths: LiteLLM reads the outermost level alone (8.2.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// The user (`OAUTH_USER_ID_FIELD_NAME`).
    pub user_id: String,
    /// The user's mail address.
    pub email: Option<String>,
    /// The team (`OAUTH_USER_TEAM_ID_FIELD_NAME`).
    pub team_id: Option<String>,
    /// The organisation.
    pub organization_id: Option<String>,
    /// The customer the caller acts for.
    pub end_user: Option<String>,
    /// The role (`OAUTH_USER_ROLE_FIELD_NAME`).
    pub role: Option<String>,
    /// The models, a list or one text with spaces between.
    pub models: Option<String>,
}

impl Default for Fields {
    /// LiteLLM's names.
    fn default() -> Self {
        let named = |name: &str| Some(name.to_owned());
        Self {
            user_id: "sub".to_owned(),
            email: None,
            team_id: named("team_id"),
            organization_id: None,
            end_user: None,
            role: named("role"),
            models: None,
        }
    }
}

/// On which terms a token is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// `iss`, compared exactly; none does not ask.
    pub issuer: Option<String>,
    /// Whom tokens must be for.
    pub audience: Audience,
    /// Who is who.
    pub fields: Fields,
    /// The roles it may give.
    pub roles: RoleRule,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotAccepted {
    /// `active` is anything but `true`, or not there.
    #[error("the token is not active")]
    Inactive,
    /// It has expired, or is not valid yet, or says so in a way that cannot be read.
    #[error("the token has expired, or its times cannot be read")]
    Expired,
    /// Another issuer than the configured one.
    #[error("the token is from another issuer")]
    Issuer,
    /// Another audience.
    #[error("the token is for another audience")]
    Audience,
    /// A refresh token, an ID token, or one that is bound to its sender (RFC 7800): it is no bearer token.
    #[error("the token is no bearer access token")]
    Kind,
    /// It does not say who it is about, or not in a way that can be used.
    #[error("the token is about nobody: {0}")]
    Unusable(#[from] Unusable),
}

/// That the answer is none: the server's fault, and not the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not one unambiguous JSON object")]
pub struct NoAnswer;

impl Terms {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`NoAnswer`] when it is no answer at all.
    pub fn judge(&self, body: &[u8], now: Timestamp) -> Result<Result<Said, NotAccepted>, NoAnswer> {
        let members = json::object(body).map_err(|_| NoAnswer)?;
        Ok(self.judge_members(&members, now))
    }

    fn judge_members(&self, members: &Map<String, Value>, now: Timestamp) -> Result<Said, NotAccepted> {
        if members.get("active") != Some(&Value::Bool(true)) {
            return Err(NotAccepted::Inactive);
        }
        judge_kind(members)?;
        // An answer is about this moment, so a token without an end is possible.
        let times = TimeRules { expiry_optional: true, ..TimeRules::default() };
        let expires = moment::judge(members, &times, Seconds(now.as_second())).map_err(|_| NotAccepted::Expired)?;
        let issuer = members.get("iss").and_then(Value::as_str);
        if self.issuer.as_deref().is_some_and(|expected| issuer != Some(expected)) {
            return Err(NotAccepted::Issuer);
        }
        self.judge_audience(members.get("aud"))?;
        let expires = expires.and_then(|seconds| Timestamp::from_second(seconds.0).ok());
        let said = self.said(members)?;
        let issuer = issuer.map(|issuer| name("iss", issuer)).transpose()?;
        Ok(Said { issuer, expires, ..said })
    }

    /// A text, or a list of texts only (S-108).
    fn judge_audience(&self, aud: Option<&Value>) -> Result<(), NotAccepted> {
        let Audience::OneOf(expected) = &self.audience else {
            return Ok(());
        };
        let is_ours = |one: &str| expected.iter().any(|ours| ours == one);
        let accepted = match aud {
            Some(Value::String(one)) => is_ours(one),
            Some(Value::Array(all)) => {
                all.iter().all(Value::is_string) && all.iter().filter_map(Value::as_str).any(is_ours)
            }
            None | Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => false,
        };
        if accepted { Ok(()) } else { Err(NotAccepted::Audience) }
    }

    fn said(&self, members: &Map<String, Value>) -> Result<Said, Unusable> {
        let fields = &self.fields;
        let text = |setting, field: Option<&String>| text(members, setting, field);
        let address = text("email_field", fields.email.as_ref())?;
        let role = text("role_field", fields.role.as_ref())?.map(|role| self.roles.judge(&role)).transpose()?;
        Ok(Said {
            // Nobody is accepted by the team alone: whom would a log name? (W25)
            user_id: Some(text("user_id_field", Some(&fields.user_id))?.ok_or(Unusable::Nobody)?),
            email: address.map(|address| email("email_field", &address)).transpose()?,
            team_id: text("team_id_field", fields.team_id.as_ref())?,
            organization_id: text("organization_id_field", fields.organization_id.as_ref())?,
            end_user: text("end_user_field", fields.end_user.as_ref())?,
            role,
            models: fields.models.as_ref().map(|field| models(members.get(field))).transpose()?,
            ..Said::default()
        })
    }
}

/// Refresh tokens are active, too (RFC 7662 section 2.1), and servers say in different ways which is which.
/// `cnf` binds a token to a key of its sender, which nobody here has seen proven (RFC 7800, RFC 8705, RFC 9449).
fn judge_kind(members: &Map<String, Value>) -> Result<(), NotAccepted> {
    let says = |name: &str, accepted: &[&str]| match members.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => accepted.iter().any(|one| text.eq_ignore_ascii_case(one)),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => false,
    };
    let bearer = says("token_type", &["bearer", "access_token"])
        && says("token_use", &["access_token", "access"])
        && says("typ", &["bearer", "jwt", "at+jwt", "application/at+jwt"]);
    let bound = members.get("cnf").is_some_and(|cnf| !cnf.is_null());
    if bearer && !bound { Ok(()) } else { Err(NotAccepted::Kind) }
}

/// A text; `null` is none. Any other type is not absent, and not usable either.
fn text(
    members: &Map<String, Value>,
    setting: &'static str,
    field: Option<&String>,
) -> Result<Option<String>, Unusable> {
    match field.and_then(|field| members.get(field)) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => name(setting, text).map(Some),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Err(Unusable::Type(setting)),
    }
}

/// The models an answer names. Where a setting says that it names them, none is no model.
fn models(value: Option<&Value>) -> Result<Vec<String>, Unusable> {
    const SETTING: &str = "models_field";
    let texts: Vec<&str> = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.split_whitespace().collect(),
        Some(Value::Array(list)) => {
            list.iter().map(|one| one.as_str().ok_or(Unusable::Type(SETTING))).collect::<Result<_, _>>()?
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => return Err(Unusable::Type(SETTING)),
    };
    if texts.len() > MAX_MODELS {
        return Err(Unusable::TooMany);
    }
    texts.into_iter().map(|text| name(SETTING, text)).collect()
}

#[cfg(test)]
mod tests;
