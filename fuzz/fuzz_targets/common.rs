//! What the targets share.

use std::sync::Arc;

use tollgate::core::credential::Secret;
use tollgate::core::response_id::legacy::Legacy;
use tollgate::core::response_id::{AccessRules, Caller, Keyring, ResponseIds};

/// Keys of ours and of LiteLLM's.
pub fn ids() -> Arc<ResponseIds> {
    let keyring = Keyring::new(&[Secret::new("0123456789abcdef0123456789abcdef")]).unwrap();
    let legacy = Some(Legacy::new(&[Secret::new("salt-fixed-1234")]).unwrap());
    Arc::new(ResponseIds { keyring, legacy, rules: AccessRules::default() })
}

/// Who asks.
pub fn alice() -> Caller {
    Caller::new(Some("alice"), Some("t1"), None, false).unwrap()
}
