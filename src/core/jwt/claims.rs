//! What a verified token says about its bearer (LiteLLM sections 2 to 4). Nothing is looked up here: the
//! result names users, teams and organisations, which somebody must still find.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::email::Email;
use super::issuer::Verified;
use super::moment::Seconds;
use super::path::ClaimPath;
use super::rbac::{self, RbacRole, RoleGlob};
use super::required::RequiredClaim;
use super::team::TeamClaims;

/// Longest id or name read from a claim, in bytes.
pub const MAX_ID: usize = 256;
/// Most teams or roles a token may name; each team costs a look at the directory.
pub const MAX_NAMES: usize = 256;

/// Which claims say what: the members of LiteLLM's `litellm_jwtauth` that are about claims, under its names.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "settings, each with the name it has in LiteLLM")]
pub struct Mapping {
    /// Without these nothing else is read, whoever it is, administrators included.
    pub required_claims: Vec<RequiredClaim>,
    /// Whether anybody administers anything by this issuer's word: by the scope, or as the user of a row.
    pub may_administer: bool,
    /// The scope that makes a proxy admin. None is nobody: LiteLLM has a default (S-119).
    pub admin_jwt_scope: Option<String>,
    /// The team. It then is mandatory.
    pub team_id_jwt_field: Option<ClaimPath>,
    /// Teams to choose from.
    pub team_ids_jwt_field: Option<ClaimPath>,
    /// The team of tokens that do not name one.
    pub team_id_default: Option<String>,
    /// The name of the team. It then is mandatory.
    pub team_alias_jwt_field: Option<ClaimPath>,
    /// The organisation.
    pub org_id_jwt_field: Option<ClaimPath>,
    /// The name of the organisation, when there is no id.
    pub org_alias_jwt_field: Option<ClaimPath>,
    /// The user.
    pub user_id_jwt_field: Option<ClaimPath>,
    /// The user's mail address; it is the user's id when there is no other.
    pub user_email_jwt_field: Option<ClaimPath>,
    /// Whether addresses are the bearers' own where the token does not say (`email_verified`). LiteLLM: yes.
    pub email_is_verified: bool,
    /// The only domain of mail addresses that is let in.
    pub user_allowed_email_domain: Option<String>,
    /// Roles of the user ...
    pub user_roles_jwt_field: Option<ClaimPath>,
    /// ... of which one must be among these to count as a user.
    pub user_allowed_roles: Vec<String>,
    /// The customer of whoever asks.
    pub end_user_id_jwt_field: Option<ClaimPath>,
    /// Roles, for the two tables of roles.
    pub roles_jwt_field: Option<ClaimPath>,
    /// What roles of the identity provider mean, first match first.
    pub role_mappings: Vec<(String, RbacRole)>,
    /// Whether roles decide, in place of the team and the user of the token (W35). LiteLLM: no.
    pub role_mappings_first: bool,
    /// A team or a user, as the RBAC role says.
    pub object_id_jwt_field: Option<ClaimPath>,
    /// Models of scopes, when access goes by scopes.
    pub scope_mappings: Option<Vec<(String, Vec<String>)>>,
    /// Whether a token without teams is refused.
    pub enforce_team_based_model_access: bool,
    /// Whether an unknown team of the claim is replaced by the user's only team.
    pub team_claim_fallback: bool,
    /// Whether an admin may act for a team named in a header (W53).
    pub admin_team_header: bool,
    /// The user's role to write to the directory, first match first.
    pub jwt_litellm_role_map: Vec<RoleGlob>,
    /// The claim that a virtual key may be registered for.
    pub virtual_key_claim_field: Option<ClaimPath>,
}

/// Why claims cannot be mapped. The name is the setting's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unmapped {
    /// A required claim is not there, or says something else. The name is the claim's.
    #[error("the claim `{0}` is not there, or is none of `required_claims`")]
    Required(String),
    /// `scope` is neither a text nor a list (V065).
    #[error("`scope` is neither a text nor a list")]
    Scope,
    /// A value of a type that cannot mean anything there.
    #[error("the claim of `{0}` has the wrong type")]
    Type(&'static str),
    /// An empty or over-long text, or one with control characters (S-187).
    #[error("the claim of `{0}` is no name")]
    Name(&'static str),
    /// More than [`MAX_NAMES`].
    #[error("the claim of `{0}` names too many")]
    TooMany(&'static str),
}

/// What is known of the mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// No domain is configured.
    NotAsked,
    /// The configured one.
    Allowed,
    /// Another one, no address, or one that is not verified.
    Refused,
}

/// An organisation that must exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrganizationClaim {
    /// By its id.
    Id(String),
    /// By its name, which must be one organisation's only.
    Alias(String),
}

/// What a virtual key is registered for. The issuer is part of it (S-125).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientClaim {
    /// The issuer.
    pub issuer: Option<String>,
    /// The path of the claim.
    pub field: String,
    /// Its value.
    pub value: String,
    /// Whether that is the user's id: else many people's tokens may have it.
    pub is_user: bool,
}

/// What the token says.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub struct Facts {
    /// The issuer of the token.
    pub issuer: Option<String>,
    /// When the token was issued, if it is one and says so: what it makes known is as old.
    pub issued: Option<Seconds>,
    /// The scopes, in their order.
    pub scopes: Vec<String>,
    /// Whether the issuer is believed about administrators. If not, the bearer's row makes none either.
    pub may_administer: bool,
    /// Whether a scope makes the bearer proxy admin.
    pub is_admin: bool,
    /// What RBAC takes the bearer for.
    pub rbac_role: Option<RbacRole>,
    /// The user's id; the mail address stands in (V123).
    pub user_id: Option<String>,
    /// Whether it does. Nobody is found by an address that is not verified, and nobody privileged by any (W42).
    pub is_user_an_address: bool,
    /// The mail address, where it is one.
    pub email: Option<Email>,
    /// Whether the provider vouches for it: `email_verified`, or what is configured where that is absent.
    pub is_email_verified: bool,
    /// Whether the address is of the configured domain. Admins are not exempt (W42).
    pub domain: Domain,
    /// The organisation.
    pub organization: Option<OrganizationClaim>,
    /// The customer of whoever asks.
    pub end_user_id: Option<String>,
    /// The teams.
    pub teams: TeamClaims,
    /// Models of the scopes; none when access does not go by scopes. The list is literal (V089, V090).
    pub scope_models: Option<Vec<String>>,
    /// The role to write to the directory. None leaves it as it is.
    pub role_to_sync: Option<crate::core::record::Role>,
    /// The memberships to write to the directory. None leaves them: the claim is not there (W38).
    pub teams_to_sync: Option<Vec<String>>,
    /// What a virtual key may be registered for.
    pub client: Option<ClientClaim>,
}

impl Mapping {
    /// Reads the claims of a verified token. A claim that a setting names and that has a type, a length or
    /// characters it must not have refuses the token: it never counts as absent, which could widen what
    /// the bearer may do.
    ///
    /// # Errors
    /// See [`Unmapped`].
    pub fn facts(&self, token: &Verified) -> Result<Facts, Unmapped> {
        let facts = self.read(token.issuer(), token.claims())?;
        Ok(Facts { issued: token.issued(), ..facts })
    }

    /// Reads claims that an issuer vouches for in another way than by a signature. Nobody has judged their times.
    ///
    /// # Errors
    /// See [`Unmapped`].
    pub fn read(&self, issuer: Option<&str>, claims: &Map<String, Value>) -> Result<Facts, Unmapped> {
        if let Some(lacking) = self.lacking(claims).next() {
            return Err(Unmapped::Required(lacking.to_string()));
        }
        let reader = Reader { claims };
        let scopes = scopes(claims.get("scope"))?;
        let is_admin = self.may_administer && self.admin_jwt_scope.as_ref().is_some_and(|admin| scopes.contains(admin));
        let roles = reader.names("roles_jwt_field", self.roles_jwt_field.as_ref())?.unwrap_or_default();
        let object = reader.name("object_id_jwt_field", self.object_id_jwt_field.as_ref())?;
        let claimed_user = reader.name("user_id_jwt_field", self.user_id_jwt_field.as_ref())?;
        let mut teams = TeamClaims::read(self, &reader)?;
        let rbac_role = rbac::role(self, &reader, is_admin, teams.id.is_some(), claimed_user.is_some(), &roles)?;

        let email_text = reader.name("user_email_jwt_field", self.user_email_jwt_field.as_ref())?;
        let email = email_text.as_deref().and_then(Email::parse);
        let is_email_verified = match claims.get("email_verified") {
            None => self.email_is_verified,
            Some(verified) => *verified == Value::Bool(true),
        };
        let domain = self.domain(email.as_ref().filter(|_| is_email_verified));
        let mut is_user_an_address = claimed_user.is_none() && email_text.is_some();
        let mut user_id = claimed_user.or(email_text);
        match (rbac_role, object) {
            (Some(RbacRole::Team), object @ Some(_)) => teams.object = object,
            (Some(RbacRole::InternalUser), object @ Some(_)) => (user_id, is_user_an_address) = (object, false),
            (None | Some(_), _) => {}
        }
        let org = reader.name("org_id_jwt_field", self.org_id_jwt_field.as_ref())?.map(OrganizationClaim::Id);
        let alias = reader.name("org_alias_jwt_field", self.org_alias_jwt_field.as_ref())?;
        let client = reader.name("virtual_key_claim_field", self.virtual_key_claim_field.as_ref())?;
        let client = client.zip(self.virtual_key_claim_field.as_ref());
        let is_user = self.user_id_jwt_field.is_some() && self.user_id_jwt_field == self.virtual_key_claim_field;
        Ok(Facts {
            issuer: issuer.map(str::to_owned),
            issued: None,
            is_admin,
            rbac_role,
            email,
            is_user_an_address,
            is_email_verified,
            domain,
            organization: org.or(alias.map(OrganizationClaim::Alias)),
            end_user_id: reader.name("end_user_id_jwt_field", self.end_user_id_jwt_field.as_ref())?,
            teams_to_sync: teams.groups_claimed.then(|| teams.groups.clone()),
            teams,
            scope_models: self.scope_models(&scopes),
            scopes,
            role_to_sync: rbac::role_to_sync(&self.jwt_litellm_role_map, &roles)
                .filter(|role| self.may_administer || !role.administers()),
            may_administer: self.may_administer,
            client: client.map(|(value, field)| ClientClaim {
                issuer: issuer.map(str::to_owned),
                field: field.to_string(),
                is_user: is_user && user_id.as_ref() == Some(&value),
                value,
            }),
            user_id,
        })
    }

    /// The required claims that are not there, or say something else.
    pub fn lacking(&self, claims: &Map<String, Value>) -> impl Iterator<Item = &ClaimPath> {
        self.required_claims.iter().filter(|required| !required.is_met(claims)).map(|required| &required.path)
    }

    fn domain(&self, verified: Option<&Email>) -> Domain {
        match &self.user_allowed_email_domain {
            None => Domain::NotAsked,
            Some(domain) if verified.is_some_and(|email| email.is_of(domain)) => Domain::Allowed,
            Some(_) => Domain::Refused,
        }
    }

    fn scope_models(&self, scopes: &[String]) -> Option<Vec<String>> {
        let mappings = self.scope_mappings.as_ref()?;
        let granted = mappings.iter().filter(|(scope, _)| scopes.contains(scope));
        Some(granted.flat_map(|(_, models)| models.iter().cloned()).collect())
    }
}

impl Facts {
    /// What is left where a virtual key stands for the token: no scope makes the client an administrator, and what is
    /// said of nobody is not said of the key's owner.
    #[must_use]
    pub fn with_key(self: Arc<Self>) -> Arc<Self> {
        let names_user = self.user_id.is_some();
        if !self.is_admin && (names_user || (self.role_to_sync.is_none() && self.teams_to_sync.is_none())) {
            return self;
        }
        let facts = Arc::unwrap_or_clone(self);
        let role_to_sync = facts.role_to_sync.filter(|_| names_user);
        let teams_to_sync = facts.teams_to_sync.filter(|_| names_user);
        Arc::new(Self { is_admin: false, role_to_sync, teams_to_sync, ..facts })
    }
}

/// LiteLLM 3.2.1: a text is split on white space, of a list the texts count; `scp` is not read (V064).
fn scopes(claim: Option<&Value>) -> Result<Vec<String>, Unmapped> {
    match claim {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Some(Value::Array(list)) => Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Err(Unmapped::Scope),
    }
}

/// Reads claims strictly.
pub(super) struct Reader<'c> {
    pub(super) claims: &'c Map<String, Value>,
}

impl Reader<'_> {
    /// A name. `null` is none.
    pub(super) fn name(&self, setting: &'static str, path: Option<&ClaimPath>) -> Result<Option<String>, Unmapped> {
        match path.and_then(|path| path.find(self.claims)) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => name(setting, text).map(Some),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Unmapped::Type(setting))
            }
        }
    }

    /// Names, in the claim's order; one text is one name (W34, W45). None when the claim is not there.
    pub(super) fn names(
        &self,
        setting: &'static str,
        path: Option<&ClaimPath>,
    ) -> Result<Option<Vec<String>>, Unmapped> {
        match path.and_then(|path| path.find(self.claims)) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![name(setting, text)?])),
            Some(Value::Array(list)) if list.len() > MAX_NAMES => Err(Unmapped::TooMany(setting)),
            Some(Value::Array(list)) => {
                let texts = list.iter().map(|one| one.as_str().ok_or(Unmapped::Type(setting)));
                texts.map(|text| name(setting, text?)).collect::<Result<_, _>>().map(Some)
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Err(Unmapped::Type(setting)),
        }
    }
}

/// Neither empty nor long, and without characters that end lines or texts.
pub(super) fn name(setting: &'static str, text: &str) -> Result<String, Unmapped> {
    let good = !text.trim().is_empty() && text.len() <= MAX_ID && !text.contains(char::is_control);
    if good { Ok(text.to_owned()) } else { Err(Unmapped::Name(setting)) }
}

#[cfg(test)]
mod tests;
