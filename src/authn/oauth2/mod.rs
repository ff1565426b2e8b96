//! Authorization servers and `OpenID` providers that are asked about tokens nobody here can verify.

mod introspection;
mod userinfo;

use sha2::{Digest as _, Sha256};

pub use introspection::{ClientAuthentication, Introspection, IntrospectionSpec};
pub use userinfo::{UserInfo, UserInfoSpec};

use super::remembered::Digest;
use crate::core::credential::Secret;

fn digest(token: &Secret) -> Digest {
    Sha256::digest(token.expose().as_bytes()).into()
}
