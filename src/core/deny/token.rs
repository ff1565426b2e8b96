//! Reasons that only callers with a token meet: rows of the same table.

use super::Refusal;
use crate::core::jwt::claims::Unmapped;
use crate::core::jwt::team::NoTeam;
use crate::core::jwt::{self, Malformed};

/// Why a token, or its bearer, was refused. Callers hear of expiry and of what they may not do; what exactly a
/// signature or a claim lacks is for the log (S-234, W49).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TokenDenial {
    /// It is no JSON Web Token in the one form that is read.
    Malformed,
    /// `alg` is none of the ten, or something critical, encrypted or compressed.
    Algorithm,
    /// Nobody we know issued it.
    Issuer,
    /// None of the issuer's keys is the one it names.
    Key,
    /// The signature is wrong.
    Signature,
    /// It has expired.
    Expired,
    /// `exp` is missing or too far away.
    Lifetime,
    /// `nbf` or `iat` is in the future.
    NotYet,
    /// It is for another audience, or for another party.
    Audience,
    /// Its `typ` is that of another kind of token.
    Type,
    /// A claim has a type, a length or characters it must not have.
    Claims,
    /// It lacks a claim that its issuer's tokens must have here, or the claim says something else.
    RequiredClaim,
    /// The e-mail address is not of the domain that is let in, or not verified.
    EmailDomain,
    /// It has none of the roles that are required.
    RoleMissing,
    /// It names neither a user, nor a team, nor an organisation.
    Nobody,
    /// The user is not known.
    UserUnknown,
    /// The organisation is not known, or its name is several's.
    OrganizationUnknown,
    /// It must name a team, and does not.
    TeamMissing,
    /// Access goes by teams, and it names none.
    TeamsMissing,
    /// The team of `x-litellm-team-id` is not one of its own.
    TeamNotClaimed,
    /// Its team does not exist, or the team's name is several's.
    TeamUnknown,
    /// None of its teams may use the model.
    TeamsModel,
    /// None of its teams may use the route.
    TeamsRoute,
    /// Its scope, its role or its being a team's does not open the route.
    Route,
    /// Neither its scopes nor its role leave it the model.
    Model,
    /// It lacks the claim that virtual keys are registered for.
    ClientMissing,
    /// No virtual key is registered for it.
    ClientUnregistered,
    /// The virtual key that stands for it is another user's, team's or organisation's.
    KeyOfAnother,
    /// Its team belongs to another organisation than the one it names.
    TeamOfAnother,
    /// The authorization server, the provider or the deployment's own authenticator does not call it active.
    Inactive,
    /// The deployment's own authenticator knows the caller and lets it do nothing.
    Refused,
    /// The headers of the proxy in front cannot be used: there is one twice, or one is no name.
    ProxyHeaders,
}

impl TokenDenial {
    /// Every reason.
    pub const ALL: [Self; 32] = [
        Self::Malformed,
        Self::Algorithm,
        Self::Issuer,
        Self::Key,
        Self::Signature,
        Self::Expired,
        Self::Lifetime,
        Self::NotYet,
        Self::Audience,
        Self::Type,
        Self::Claims,
        Self::RequiredClaim,
        Self::EmailDomain,
        Self::RoleMissing,
        Self::Nobody,
        Self::UserUnknown,
        Self::OrganizationUnknown,
        Self::TeamMissing,
        Self::TeamsMissing,
        Self::TeamNotClaimed,
        Self::TeamUnknown,
        Self::TeamsModel,
        Self::TeamsRoute,
        Self::Route,
        Self::Model,
        Self::ClientMissing,
        Self::ClientUnregistered,
        Self::KeyOfAnother,
        Self::TeamOfAnother,
        Self::Inactive,
        Self::Refused,
        Self::ProxyHeaders,
    ];

    #[rustfmt::skip]
    pub(super) fn refusal(self) -> Refusal {
        const INVALID: &str = "the token is not valid here";
        let (label, status, kind, message) = match self {
            Self::Malformed => ("token_malformed", 401, "auth_error", INVALID),
            Self::Algorithm => ("token_algorithm", 401, "auth_error", INVALID),
            Self::Issuer => ("token_issuer", 401, "auth_error", INVALID),
            Self::Key => ("token_key", 401, "auth_error", INVALID),
            Self::Signature => ("token_signature", 401, "auth_error", INVALID),
            Self::Expired => ("token_expired", 401, "expired_key", "the token has expired"),
            Self::Lifetime => ("token_lifetime", 401, "auth_error", INVALID),
            Self::NotYet => ("token_not_yet_valid", 401, "auth_error", INVALID),
            Self::Audience => ("token_audience", 401, "auth_error", INVALID),
            Self::Type => ("token_type", 401, "auth_error", INVALID),
            Self::Claims => ("token_claims", 401, "auth_error", INVALID),
            Self::RequiredClaim => ("token_claim_required", 403, "auth_error", "the token is none of those that are let in here"),
            Self::EmailDomain => ("token_email_domain", 403, "auth_error", "the e-mail address of the token is not let in here"),
            Self::RoleMissing => ("token_role_missing", 403, "auth_error", "the token has none of the roles that are let in here"),
            Self::Nobody => ("token_names_nobody", 403, "auth_error", "the token names neither a user nor a team"),
            Self::UserUnknown => ("token_user_unknown", 401, "auth_error", "the user of the token is not known here"),
            Self::OrganizationUnknown => ("token_org_unknown", 401, "auth_error", "the organization of the token is not known here"),
            Self::TeamMissing => ("token_team_missing", 401, "auth_error", "the token names no team"),
            Self::TeamsMissing => ("token_teams_missing", 403, "auth_error", "the token names no team"),
            Self::TeamNotClaimed => ("token_team_not_claimed", 403, "auth_error", "the team of `x-litellm-team-id` is not one of the token"),
            Self::TeamUnknown => ("token_team_unknown", 403, "auth_error", "the team of the token is not known here"),
            Self::TeamsModel => ("token_teams_model_denied", 403, "team_model_access_denied", "no team of the token may use this model"),
            Self::TeamsRoute => ("token_teams_route_denied", 403, "auth_error", "no team of the token may use this route"),
            Self::Route => ("token_route_denied", 403, "auth_error", "this route is not open to the bearer of this token"),
            Self::Model => ("token_model_denied", 403, "key_model_access_denied", "neither the scopes nor the role of the token leave it this model"),
            Self::ClientMissing => ("token_client_missing", 403, "auth_error", "the token does not say which client it is of"),
            Self::KeyOfAnother => ("token_key_of_another", 403, "auth_error", "the virtual key that stands for the token belongs to somebody else than the token says"),
            Self::TeamOfAnother => ("token_team_of_another", 403, "auth_error", "the team of the token belongs to another organization"),
            Self::Inactive => ("token_inactive", 401, "auth_error", "the token is not active"),
            Self::Refused => ("token_refused", 403, "auth_error", "this deployment does not let this caller in"),
            Self::ProxyHeaders => ("proxy_headers_unusable", 401, "auth_error", "the proxy in front does not say clearly who is asking"),
            Self::ClientUnregistered => ("token_client_unregistered", 403, "auth_error", "the client of the token is not registered here"),
        };
        Refusal { label, status, kind, message }
    }
}

impl From<jwt::Refusal> for TokenDenial {
    fn from(refusal: jwt::Refusal) -> Self {
        match refusal {
            jwt::Refusal::Malformed(
                Malformed::TooLong
                | Malformed::Parts
                | Malformed::Base64
                | Malformed::NoSignature
                | Malformed::Header
                | Malformed::Claims,
            ) => Self::Malformed,
            jwt::Refusal::Algorithm | jwt::Refusal::CriticalExtension | jwt::Refusal::Encrypted => Self::Algorithm,
            jwt::Refusal::Type => Self::Type,
            jwt::Refusal::Issuer => Self::Issuer,
            jwt::Refusal::NoKey | jwt::Refusal::AmbiguousKey | jwt::Refusal::KeyAlgorithm => Self::Key,
            jwt::Refusal::Signature => Self::Signature,
            jwt::Refusal::Audience | jwt::Refusal::AuthorizedParty => Self::Audience,
            jwt::Refusal::NoExpiry | jwt::Refusal::Lifetime => Self::Lifetime,
            jwt::Refusal::Expired => Self::Expired,
            jwt::Refusal::NotYet | jwt::Refusal::IssuedLater => Self::NotYet,
            jwt::Refusal::ClaimType(_) => Self::Claims,
        }
    }
}

impl From<Unmapped> for TokenDenial {
    fn from(unmapped: Unmapped) -> Self {
        match unmapped {
            Unmapped::Required(_) => Self::RequiredClaim,
            Unmapped::Scope | Unmapped::Type(_) | Unmapped::Name(_) | Unmapped::TooMany(_) => Self::Claims,
        }
    }
}

impl From<NoTeam> for super::DenyReason {
    fn from(reason: NoTeam) -> Self {
        Self::Token(match reason {
            NoTeam::Blocked => return Self::TeamBlocked,
            NoTeam::NotNamed => TokenDenial::TeamMissing,
            NoTeam::NoTeams => TokenDenial::TeamsMissing,
            NoTeam::Key => TokenDenial::KeyOfAnother,
            NoTeam::Header => TokenDenial::TeamNotClaimed,
            NoTeam::Unknown => TokenDenial::TeamUnknown,
            NoTeam::Model => TokenDenial::TeamsModel,
            NoTeam::Route => TokenDenial::TeamsRoute,
        })
    }
}

impl From<TokenDenial> for super::DenyReason {
    fn from(denial: TokenDenial) -> Self {
        Self::Token(denial)
    }
}
