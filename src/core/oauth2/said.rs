//! What somebody we trust says of a caller. The directory has not been asked yet.

use jiff::Timestamp;

use crate::core::jwt::claims::MAX_ID;
use crate::core::jwt::email::Email;
use crate::core::record::Role;

/// Most models one answer may name.
pub const MAX_MODELS: usize = 1024;

/// The caller, as described by somebody else. Every text was checked by [`name`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Who issued the token, where that is said.
    pub issuer: Option<String>,
    /// The user.
    pub user_id: Option<String>,
    /// The user's mail address.
    pub email: Option<String>,
    /// The team, by its id. It must exist (W06).
    pub team_id: Option<String>,
    /// The team, by its name. It must be one team's.
    pub team_alias: Option<String>,
    /// The organisation, by its id. It must exist.
    pub organization_id: Option<String>,
    /// The customer the caller acts for.
    pub end_user: Option<String>,
    /// The role for this request; none leaves it to the user's record.
    pub role: Option<Role>,
    /// The only models the caller may name; none does not restrict.
    pub models: Option<Vec<String>>,
    /// Until when this holds.
    pub expires: Option<Timestamp>,
}

impl Said {
    /// Nobody in particular is nobody: a user or a team must be named (W25, S-179).
    ///
    /// # Errors
    /// [`Unusable::Nobody`].
    pub fn about_somebody(self) -> Result<Self, Unusable> {
        let nobody = self.user_id.is_none() && self.team_id.is_none() && self.team_alias.is_none();
        if nobody { Err(Unusable::Nobody) } else { Ok(self) }
    }
}

/// Why what was said cannot be used. None of them quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unusable {
    /// Neither a user nor a team.
    #[error("nobody is named")]
    Nobody,
    /// A member of a type that means nothing there.
    #[error("the member of `{0}` has the wrong type")]
    Type(&'static str),
    /// An empty or over-long text, or one with control characters (S-187).
    #[error("the member of `{0}` is no name")]
    Name(&'static str),
    /// A text that is no role, or a role that nobody outside may give (W23).
    #[error("the role is unknown, or is not to be given from outside")]
    Role,
    /// More models than anybody has.
    #[error("too many models are named")]
    TooMany,
}

/// Which roles somebody outside may give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRule(Vec<Role>);

impl Default for RoleRule {
    fn default() -> Self {
        Self(vec![Role::InternalUser, Role::InternalUserViewer])
    }
}

impl RoleRule {
    /// Only these. `None` when an administrator is among them: nobody becomes one by the word of a token (W23).
    #[must_use]
    pub fn only(roles: Vec<Role>) -> Option<Self> {
        let admin = roles.iter().any(|role| matches!(role, Role::ProxyAdmin | Role::ProxyAdminViewer));
        (!admin).then_some(Self(roles))
    }

    /// The role a text names.
    ///
    /// # Errors
    /// [`Unusable::Role`] for every other text: an unknown one is never a lesser role (V158).
    pub fn judge(&self, text: &str) -> Result<Role, Unusable> {
        Role::parse(text).filter(|role| self.0.contains(role)).ok_or(Unusable::Role)
    }
}

/// Neither empty nor long, and without characters that end lines or texts.
///
/// # Errors
/// [`Unusable::Name`] with the setting that named the member.
pub fn name(setting: &'static str, text: &str) -> Result<String, Unusable> {
    let good = !text.trim().is_empty() && text.len() <= MAX_ID && !text.contains(char::is_control);
    if good { Ok(text.to_owned()) } else { Err(Unusable::Name(setting)) }
}

/// The same, and it must be a mail address.
///
/// # Errors
/// [`Unusable::Name`].
pub fn email(setting: &'static str, text: &str) -> Result<String, Unusable> {
    Email::parse(text).map(|email| email.as_str().to_owned()).ok_or(Unusable::Name(setting))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_becomes_an_administrator_by_the_word_of_others_w23_v157() {
        assert_eq!(RoleRule::only(vec![Role::InternalUser, Role::ProxyAdmin]), None);
        assert_eq!(RoleRule::only(vec![Role::ProxyAdminViewer]), None);
        let rule = RoleRule::only(vec![Role::Customer]).unwrap();
        assert_eq!(rule.judge("customer"), Ok(Role::Customer));
        for text in ["proxy_admin", "internal_user", "Customer", "customer ", "", "root"] {
            assert_eq!(rule.judge(text), Err(Unusable::Role), "V158: {text}");
        }
        assert_eq!(RoleRule::default().judge("internal_user_viewer"), Ok(Role::InternalUserViewer));
        assert_eq!(RoleRule::default().judge("proxy_admin"), Err(Unusable::Role));
    }

    #[test]
    fn a_name_is_short_and_visible_s187() {
        assert_eq!(name("x", "ada"), Ok("ada".to_owned()));
        assert!(name("x", &"a".repeat(MAX_ID)).is_ok());
        for bad in ["", " ", "a\r\nb", "a\0", "\u{85}", &"a".repeat(MAX_ID + 1), &"😀".repeat(2_560)] {
            assert_eq!(name("x", bad), Err(Unusable::Name("x")), "{bad:?}");
        }
    }

    #[test]
    fn nobody_is_nobody_s179_v163() {
        let said = Said { models: Some(vec!["m".to_owned()]), email: Some("a@b.c".to_owned()), ..Said::default() };
        assert_eq!(said.about_somebody(), Err(Unusable::Nobody));
        assert!(Said { team_id: Some("t".to_owned()), ..Said::default() }.about_somebody().is_ok());
    }
}
