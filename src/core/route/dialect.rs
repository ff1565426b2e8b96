//! Which error shape the caller's SDK understands.

use crate::core::path::is_below;

/// The API a client speaks, told from its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `{"error": {"message", "type", "param", "code"}}`, LiteLLM's shape ERR-1.
    OpenAi,
    /// `{"type": "error", "error": {"type", "message"}, "request_id"}`.
    Anthropic,
    /// `{"error": {"code", "message", "status"}}` (google.rpc.Status over JSON).
    Google,
}

impl Dialect {
    /// Told from the raw request target, so that a refused path has an error shape too. It decides how
    /// a refusal looks, never whether there is one.
    #[must_use]
    pub fn of(target: &str) -> Self {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let below = |prefix: &str| is_below(path, prefix);
        if below("/v1/messages") || below("/anthropic") {
            Self::Anthropic
        } else if below("/v1beta")
            || below("/gemini")
            || (path.contains("/models/") && GOOGLE_VERBS.iter().any(|verb| path.ends_with(verb)))
        {
            Self::Google
        } else {
            Self::OpenAi
        }
    }
}

const GOOGLE_VERBS: [&str; 3] = [":generateContent", ":streamGenerateContent", ":countTokens"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_told_from_the_path() {
        assert_eq!(Dialect::of("/v1/chat/completions"), Dialect::OpenAi);
        assert_eq!(Dialect::of("/v1/messages?beta=true"), Dialect::Anthropic);
        assert_eq!(Dialect::of("/v1/messages/count_tokens"), Dialect::Anthropic);
        assert_eq!(Dialect::of("/v1/messagesx"), Dialect::OpenAi);
        assert_eq!(Dialect::of("/v1beta/models/g:generateContent?key=x"), Dialect::Google);
        assert_eq!(Dialect::of("/models/g:streamGenerateContent"), Dialect::Google);
        assert_eq!(Dialect::of(""), Dialect::OpenAi);
    }
}
