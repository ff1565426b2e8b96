//! Mail addresses, as far as a domain decides something.

/// An address with exactly one `@`, something on both sides, and nothing that separates or ends lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    text: String,
    /// Where the domain begins.
    domain: String,
}

impl Email {
    /// `None` for whatever else (S-120). LiteLLM takes the text after the last `@`, or all of it (W42).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let is_bad =
            |c: char| c == '@' || c.is_whitespace() || c.is_control() || matches!(c, '"' | ',' | ';' | '<' | '>');
        let is_good = |part: &str| !part.is_empty() && !part.contains(is_bad);
        let good = text.len() <= 254 && is_good(local) && is_good(domain);
        good.then(|| Self { text: text.to_owned(), domain: domain.to_owned() })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether its domain is this one, in any case; a domain below it is another.
    #[must_use]
    pub fn is_of(&self, domain: &str) -> bool {
        self.domain.eq_ignore_ascii_case(domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_exact_s120_v125_v127() {
        let of_corp = |text: &str| Email::parse(text).is_some_and(|email| email.is_of("corp.com"));
        for good in ["a@corp.com", "a@CORP.com", "Alice.B+x@Corp.Com"] {
            assert!(of_corp(good), "{good}");
        }
        for bad in [
            "a@evil.com@corp.com",
            "a@corp.com.evil.com",
            "\"a@corp.com\"@evil.com",
            "a@xn--corp",
            "a@x.corp.com",
            "corp.com",
            "@corp.com",
            "a@",
            "",
            "a@evil.com,b@corp.com",
            "a b@corp.com",
            "a@corp.com\n",
            "<a@corp.com>",
            "a@corp.com ",
            "a\u{0}@corp.com",
            "a@çorp.com",
        ] {
            assert!(!of_corp(bad), "{bad:?}");
        }
    }
}
