//! For whom is the request made? (LiteLLM EU)

use crate::core::deny::DenyReason;
use crate::core::request::{Fidelity, HeaderView};

/// Longest id of an end user, in bytes.
const MAX_ID: usize = 256;

/// The id the header names. It is used for limits and never for access (S-176).
pub(super) fn read(headers: &HeaderView<'_>) -> Result<Option<String>, DenyReason> {
    let mut found: Option<&str> = None;
    for value in headers.all("x-litellm-end-user-id") {
        let id = std::str::from_utf8(value).map_err(|_| DenyReason::HeaderMalformed)?.trim();
        // Envoy's string mode joins two headers by a comma.
        let joined = headers.fidelity() == Fidelity::Lossy && id.contains(',');
        if joined || id.len() > MAX_ID || id.chars().any(char::is_control) {
            return Err(DenyReason::HeaderMalformed);
        }
        if !id.is_empty() && found.replace(id).is_some_and(|known| known != id) {
            return Err(DenyReason::HeaderMalformed);
        }
    }
    Ok(found.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_user(values: &[&[u8]]) -> Result<Option<String>, DenyReason> {
        let entries = values.iter().map(|value| ("x-litellm-end-user-id", *value)).collect();
        read(&HeaderView::new(entries, Fidelity::Exact))
    }

    #[test]
    fn a_header_names_one_end_user_s176() {
        assert_eq!(end_user(&[]), Ok(None));
        assert_eq!(end_user(&[b" "]), Ok(None));
        assert_eq!(end_user(&[b" cust-1 ", b"cust-1"]), Ok(Some("cust-1".to_owned())));
        let long = vec![b'a'; 257];
        for values in [&[b"a".as_slice(), b"b"][..], &[b"a\tb"], &[b"\xff"], &[long.as_slice()]] {
            assert_eq!(end_user(values), Err(DenyReason::HeaderMalformed), "{values:?}");
        }
    }
}
