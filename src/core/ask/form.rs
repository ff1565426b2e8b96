//! Form bodies: `multipart/form-data` (RFC 7578) and `application/x-www-form-urlencoded`.
//!
//! ```text
//! --boundary CRLF
//! Content-Disposition: form-data; name="model" CRLF
//! CRLF
//! gpt-4o CRLF
//! --boundary-- CRLF
//! ```
//!
//! Parsers of multipart bodies differ widely, so only this plain form is taken: one disposition a part,
//! no escapes in names, no transfer encodings, nothing before the first boundary or after the last. Each
//! byte is looked at a bounded number of times.

use std::collections::HashSet;

use memchr::memmem;
use percent_encoding::percent_decode_str;

use super::facts::Facts;
use super::place::Place;
use crate::core::deny::DenyReason;

/// What kind of form the headers announce.
pub(super) enum FormKind {
    /// `application/x-www-form-urlencoded`.
    UrlEncoded,
    /// `multipart/form-data` with this boundary.
    Multipart(String),
}

/// Most fields of a form.
const MAX_FIELDS: usize = 1000;
/// Longest head of a part, in bytes.
const MAX_HEAD: usize = 8 * 1024;
/// Deepest nesting of a name such as `metadata[tags][]`.
const MAX_NESTING: usize = 8;

/// Reads a form. Its fields become members of the body, as for LiteLLM.
pub(super) fn read(bytes: &[u8], kind: &FormKind, facts: &mut Facts<'_>) -> Result<(), DenyReason> {
    let mut fields = Fields { facts, seen: HashSet::new(), count: 0 };
    let read = match kind {
        FormKind::UrlEncoded => url_encoded(bytes, &mut fields),
        FormKind::Multipart(boundary) => multipart(bytes, boundary, &mut fields),
    };
    read.ok_or(DenyReason::BodyMalformed)
}

/// The boundary of a content type (RFC 2046 §5.1.1), in the one form that no reader takes for another.
pub(super) fn boundary(content_type: &str) -> Result<String, DenyReason> {
    let mut found = None;
    for parameter in content_type.split(';').skip(1) {
        let (name, value) = parameter.split_once('=').ok_or(DenyReason::BodyMalformed)?;
        if !name.trim().eq_ignore_ascii_case("boundary") {
            continue;
        }
        let value = value.trim();
        let value = value.strip_prefix('"').map_or(Some(value), |rest| rest.strip_suffix('"'));
        let sound = |value: &&str| {
            (1..=70).contains(&value.len())
                && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte))
        };
        let value = value.filter(sound).ok_or(DenyReason::BodyMalformed)?;
        if found.replace(value.to_owned()).is_some() {
            return Err(DenyReason::BodyMalformed);
        }
    }
    found.ok_or(DenyReason::BodyMalformed)
}

/// The fields read so far.
struct Fields<'f, 'r> {
    facts: &'f mut Facts<'r>,
    seen: HashSet<String>,
    count: usize,
}

impl Fields<'_, '_> {
    /// Takes a field; `value` is `None` for a file. `None` when the form has two readings.
    fn field(&mut self, name: &str, value: Option<&str>) -> Option<()> {
        self.count += 1;
        if self.count > MAX_FIELDS {
            return None;
        }
        let segments = segments(name)?;
        let (place, depth) = self.walk(&segments);
        match value {
            // A model in a file is a model to some readers.
            None if !matches!(place, Place::Control | Place::Data) => return None,
            None => {}
            Some(text) => self.facts.text(place, text),
        }
        if let Some(last) = segments.last() {
            self.facts.depth = depth;
            self.facts.end_member(Place::Top, last, value.is_none_or(|text| !text.trim().is_empty()));
        }
        self.facts.depth = 0;
        // Readers differ in which of two fields wins; names with `[]` are lists to all.
        let list = segments.last().is_some_and(|last| last.is_empty());
        let first = list || value.is_none() || self.seen.insert(name.to_owned());
        first.then_some(())
    }

    fn walk(&mut self, segments: &[&str]) -> (Place, usize) {
        let mut place = Place::Top;
        let mut depth = 0;
        for (index, segment) in segments.iter().enumerate() {
            if segment.is_empty() {
                self.facts.open_list(place);
                place = place.element();
                continue;
            }
            if index > 0 {
                self.facts.open_object(place);
            } else {
                self.facts.begin_top(segment);
            }
            self.facts.member(place, segment);
            place = place.member(segment);
            depth += 1;
        }
        (place, depth)
    }
}

/// `metadata[tags][]` is `metadata`, `tags` and an element.
fn segments(name: &str) -> Option<Vec<&str>> {
    let Some((first, rest)) = name.split_once('[') else {
        return (!name.is_empty() && !name.contains(']')).then(|| vec![name]);
    };
    let mut segments = vec![first];
    for segment in rest.strip_suffix(']')?.split("][") {
        if segment.contains(['[', ']']) {
            return None;
        }
        segments.push(segment);
    }
    (!first.is_empty() && segments.len() <= MAX_NESTING).then_some(segments)
}

fn url_encoded(bytes: &[u8], fields: &mut Fields<'_, '_>) -> Option<()> {
    let text = std::str::from_utf8(bytes).ok()?;
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // Some readers split at `;` as well.
        if pair.contains(';') {
            return None;
        }
        fields.field(&decode(name)?, Some(&decode(value)?))?;
    }
    Some(())
}

fn decode(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn multipart(bytes: &[u8], boundary: &str, fields: &mut Fields<'_, '_>) -> Option<()> {
    let first = format!("--{boundary}");
    let between = format!("\r\n--{boundary}");
    let finder = memmem::Finder::new(&between);
    let mut rest = bytes.strip_prefix(first.as_bytes())?;
    loop {
        if let Some(after) = rest.strip_prefix(b"--") {
            return matches!(after, b"" | b"\r\n").then_some(());
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let end = finder.find(rest)?;
        let (part, after) = rest.split_at_checked(end)?;
        // A bare boundary would end the part for readers that take a line feed for a line end.
        part_of(part, &first, fields)?;
        rest = after.get(between.len()..)?;
    }
}

fn part_of(part: &[u8], delimiter: &str, fields: &mut Fields<'_, '_>) -> Option<()> {
    let end = memmem::find(part.get(..MAX_HEAD.min(part.len()))?, b"\r\n\r\n")?;
    let head = std::str::from_utf8(part.get(..end)?).ok()?;
    let content = part.get(end + 4..)?;
    let head = head_of(head)?;
    let lenient = format!("\n{delimiter}");
    if memmem::find(content, lenient.as_bytes()).is_some() || content.starts_with(delimiter.as_bytes()) {
        return None;
    }
    let value = if head.file { None } else { Some(std::str::from_utf8(content).ok()?) };
    fields.field(&head.name, value)
}

struct Head {
    name: String,
    file: bool,
}

fn head_of(head: &str) -> Option<Head> {
    let mut found = None;
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        if value.contains(|c: char| c.is_control()) {
            return None;
        }
        match name.to_ascii_lowercase().as_str() {
            "content-disposition" if found.is_none() => found = Some(disposition(value)?),
            "content-disposition" => return None,
            "content-transfer-encoding" if !matches!(value, "binary" | "8bit" | "7bit") => return None,
            name if name.trim() != name || name.is_empty() => return None,
            _ => {}
        }
    }
    found
}

/// `form-data; name="x"; filename="y"`. Names with escapes, and `name*`, have several readings.
fn disposition(value: &str) -> Option<Head> {
    let mut rest =
        value.get(..9).filter(|kind| kind.eq_ignore_ascii_case("form-data")).and(value.get(9..))?.trim_start();
    let (mut name, mut file) = (None, false);
    while !rest.is_empty() {
        rest = rest.strip_prefix(';')?.trim_start();
        let (key, after) = rest.split_once('=')?;
        let (text, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(';').unwrap_or(after.len())),
        };
        rest = after.trim_start();
        match key.trim().to_ascii_lowercase().as_str() {
            "name" if name.is_none() && !text.contains(['\\', '%']) => name = Some(text.trim().to_owned()),
            "filename" | "filename*" => file = true,
            _ => return None,
        }
        if text.ends_with('\\') {
            return None;
        }
    }
    Some(Head { name: name?, file })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::facts::Texts;
    use super::super::place::Slot;
    use super::super::rules::RequestRules;
    use super::*;
    use crate::core::request::Fidelity;

    const FIELD: &str = "Content-Disposition: form-data; name=";

    fn form(parts: &[(&str, &str)]) -> String {
        let part = |(name, value): &(&str, &str)| format!("--B\r\n{FIELD}{name}\r\n\r\n{value}\r\n");
        parts.iter().map(part).collect::<String>() + "--B--\r\n"
    }

    fn model(kind: &FormKind, body: &[u8]) -> Result<Option<String>, DenyReason> {
        let rules = RequestRules::default();
        let mut facts = Facts::new(&rules, &[], Fidelity::Exact);
        read(body, kind, &mut facts)?;
        facts.objection.map_or(Ok(()), Err)?;
        Ok(match facts.value(Slot::Model) {
            Some(Texts::One(model)) => Some(model.clone()),
            _ => None,
        })
    }

    fn parts(body: &str) -> Result<Option<String>, DenyReason> {
        model(&FormKind::Multipart("B".to_owned()), body.as_bytes())
    }

    #[test]
    fn reads_the_model_of_a_form_s160() {
        let file = ("\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav", "RIFF");
        assert_eq!(parts(&form(&[file, ("\"model\"", "whisper")])).unwrap().as_deref(), Some("whisper"));
        assert_eq!(parts(&form(&[("model", "whisper"), file])).unwrap().as_deref(), Some("whisper"));
        assert_eq!(parts("--B--").unwrap(), None);
        let encoded = |body: &str| model(&FormKind::UrlEncoded, body.as_bytes());
        assert_eq!(encoded("a=b&m%6fdel=gpt+4").unwrap().as_deref(), Some("gpt 4"));
        assert_eq!(encoded(r#"{"model":"secret"}"#), Ok(None), "BD6: a JSON text is no form");
    }

    #[test]
    fn a_form_with_two_readings_is_refused_s160() {
        let twice = form(&[("\"model\"", "a"), ("\"model\"", "b")]);
        let same = form(&[("\"model\"", "a"), ("\"model\"", "a")]);
        let file = form(&[("\"model\"; filename=\"x\"", "a")]);
        let bodies = [
            twice,
            same,
            file,
            form(&[("\"a\"; name=\"model\"", "x")]),
            form(&[("\"a\"; name*=utf-8''model", "x")]),
            form(&[("\"a\\\"b\"", "x")]),
            form(&[("\"a\"\r\nContent-Disposition: form-data; name=\"model\"", "x")]),
            form(&[("\"a\"\r\nContent-Transfer-Encoding: base64", "x")]),
            form(&[("\"a\"", "x\n--B\nContent-Disposition: form-data; name=\"model\"\n\nsecret")]),
            form(&[("\"model\"", "a")]).replace("--B--\r\n", ""),
            format!("{}--B\r\n", form(&[("\"model\"", "a")])),
            format!("preamble\r\n{}", form(&[("\"model\"", "a")])),
        ];
        for body in bodies {
            assert_eq!(parts(&body), Err(DenyReason::BodyMalformed), "{body}");
        }
        for body in ["model=a&model=b", "model=a;model=b", "model=%ff", "a[=1", "a]=1", "=1"] {
            assert_eq!(model(&FormKind::UrlEncoded, body.as_bytes()), Err(DenyReason::BodyMalformed), "{body}");
        }
    }

    #[test]
    fn names_nest_s160() {
        let rules = RequestRules::default();
        let mut facts = Facts::new(&rules, &["metadata.team"], Fidelity::Exact);
        let body = b"metadata[api_base]=x&metadata[tags][]=a&metadata[tags][]=b&metadata[team]=t&tags[]=c";
        read(body, &FormKind::UrlEncoded, &mut facts).unwrap();
        assert!(facts.banned && facts.objection.is_none() && !facts.lacks("metadata.team"));
        assert_eq!(facts.tags, ["a", "b", "c"]);
    }

    #[test]
    fn a_boundary_is_plain() {
        let of = |text: &str| boundary(&format!("multipart/form-data; {text}"));
        assert_eq!(of("boundary=abc").unwrap(), "abc");
        assert_eq!(of("charset=utf-8; boundary=\"a b\"").ok(), None);
        assert_eq!(of("boundary=\"a_b\"").unwrap(), "a_b");
        let long = format!("boundary={}", "x".repeat(70 * 1024));
        for text in ["", "x", "boundary=", "boundary=a; boundary=b", "boundary=\"a", "boundary=a\\b", long.as_str()] {
            assert_eq!(of(text), Err(DenyReason::BodyMalformed), "{text:.40}");
        }
    }

    proptest! {
        #[test]
        fn is_total(body in proptest::collection::vec(any::<u8>(), 0..200), parts in "(--B|\r\n|:|;|\"|=|name|model|form-data|Content-Disposition| |x){0,40}") {
            for bytes in [body.as_slice(), parts.as_bytes()] {
                let _ = model(&FormKind::UrlEncoded, bytes);
                let _ = model(&FormKind::Multipart("B".to_owned()), bytes);
            }
        }

        #[test]
        fn finds_what_was_written(name in "[a-z0-9./-]{1,20}", other in "[^\r\n-]{0,40}") {
            let body = form(&[("\"prompt\"", &other), ("\"model\"", &name)]);
            prop_assert_eq!(parts(&body).unwrap(), Some(name));
        }
    }
}
