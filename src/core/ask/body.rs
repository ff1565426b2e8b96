//! A JSON body, scanned without building a tree. It must have exactly one reading.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{BodyLimits, complete};
use crate::core::deny::DenyReason;
use crate::core::request::{Fidelity, HeaderView, RequestView};

/// What the top level of a body says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct BodyFacts {
    /// `model`, as text; the elements of a list joined with commas.
    pub(super) model: Option<String>,
    /// `organization_id`, where the body has one, be it null.
    pub(super) organization_id: Option<Texts>,
    /// `organizations`, likewise.
    pub(super) organizations: Option<Texts>,
    /// Whether there is a member beside `user_email` and `password`.
    pub(super) beyond_profile: bool,
}

/// A value, as far as a rule is interested in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Texts {
    /// `null`.
    Null,
    /// A text.
    One(String),
    /// A list of texts.
    Many(Vec<String>),
    /// Anything else.
    Other,
}

/// Scans the body. Without one, `required` decides whether that is a refusal.
pub(super) fn read(view: &RequestView<'_>, required: bool, limits: BodyLimits) -> Result<BodyFacts, DenyReason> {
    let Some((bytes, fidelity)) = complete(&view.body, limits)? else {
        return if required { Err(DenyReason::BodyMissing) } else { Ok(BodyFacts::default()) };
    };
    if !is_plain_json(&view.headers) {
        return Err(DenyReason::BodyMalformed);
    }
    scan(bytes, fidelity)
}

/// Whether the headers leave the body a JSON text in UTF-8, to every reader. LiteLLM reads everything
/// but forms as JSON, so that is what is judged as JSON here; a form type would hide the members (BD6).
fn is_plain_json(headers: &HeaderView<'_>) -> bool {
    let text =
        |name| headers.all(name).map(|value| String::from_utf8_lossy(value).to_ascii_lowercase()).collect::<Vec<_>>();
    let encodings = text("content-encoding");
    let types = text("content-type");
    let identity = encodings.iter().all(|encoding| matches!(encoding.trim(), "" | "identity"));
    let json = types.iter().all(|kind| {
        // Every spelling of the parameter but the plain one is left to readers who know more of them, such
        // as RFC 2231's `charset*=`.
        let mut charsets = kind.split(';').skip(1).filter(|parameter| parameter.contains("charset"));
        let form = kind.contains("form-urlencoded") || kind.contains("multipart/");
        !form && charsets.all(|parameter| PLAIN_CHARSETS.contains(&parameter.trim()))
    });
    identity && json && types.len() <= 1
}

/// Parameters of a content type that leave a text UTF-8.
const PLAIN_CHARSETS: [&str; 6] = [
    "charset=utf-8",
    "charset=\"utf-8\"",
    "charset=utf8",
    "charset=\"utf8\"",
    "charset=us-ascii",
    "charset=\"us-ascii\"",
];

fn scan(bytes: &[u8], fidelity: Fidelity) -> Result<BodyFacts, DenyReason> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = deserializer.deserialize_map(TopLevel { fidelity });
    let (mut facts, model) = read.map_err(|_| DenyReason::BodyMalformed)?;
    deserializer.end().map_err(|_| DenyReason::BodyMalformed)?;
    // A list of models is understood as LiteLLM does: all must be granted (MSRC-1).
    facts.model = match model {
        Texts::Null => None,
        Texts::One(model) => Some(model),
        Texts::Many(models) => Some(models.join(",")),
        Texts::Other => return Err(DenyReason::ModelMalformed),
    };
    let organizations = [&facts.organization_id, &facts.organizations].into_iter().flatten().flat_map(Texts::iter);
    let garbled = facts.model.as_deref().into_iter().chain(organizations).any(|text| is_garbled(text, fidelity));
    if garbled { Err(DenyReason::BodyMalformed) } else { Ok(facts) }
}

impl Texts {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let texts = match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
            Self::Null | Self::Other => &[],
        };
        texts.iter().map(String::as_str)
    }
}

/// Whether `!` may stand for a byte that was not UTF-8: then this is not the text the upstream reads.
fn is_garbled(text: &str, fidelity: Fidelity) -> bool {
    fidelity == Fidelity::Lossy && text.contains('!')
}

/// Most members at the top level of a body. The APIs have some dozens.
const MAX_MEMBERS: usize = 1024;

/// Reads the members of the body's object, refusing a name that comes twice (S-150): readers differ in
/// whether the first or the last wins.
struct TopLevel {
    fidelity: Fidelity,
}

impl<'de> Visitor<'de> for TopLevel {
    /// The facts without the model, and the model's value.
    type Value = (BodyFacts, Texts);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut facts = BodyFacts::default();
        let mut model = Texts::Null;
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key_seed(Name)? {
            facts.beyond_profile |= !matches!(name.as_ref(), "user_email" | "password");
            match name.as_ref() {
                "model" => model = map.next_value_seed(TextsSeed)?,
                "organization_id" => facts.organization_id = Some(map.next_value_seed(TextsSeed)?),
                "organizations" => facts.organizations = Some(map.next_value_seed(TextsSeed)?),
                _ => map.next_value_seed(Skip)?,
            }
            let ambiguous = is_garbled(&name, self.fidelity) || super::is_look_alike(&name);
            if ambiguous || seen.len() == MAX_MEMBERS || !seen.insert(name) {
                return Err(A::Error::custom("ambiguous member"));
            }
        }
        Ok((facts, model))
    }
}

/// A member name with its escapes resolved, borrowed where it has none.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Reads a value as [`Texts`].
struct TextsSeed;

impl<'de> DeserializeSeed<'de> for TextsSeed {
    type Value = Texts;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextsSeed {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Texts::One(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Texts::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut texts = Some(Vec::new());
        while let Some(element) = seq.next_element_seed(TextsSeed)? {
            match (&mut texts, element) {
                (Some(texts), Texts::One(text)) => texts.push(text),
                _ => texts = None,
            }
        }
        Ok(texts.map_or(Texts::Other, Texts::Many))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Skip.visit_map(map)?;
        Ok(Texts::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Texts::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Texts::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Texts::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Texts::Other)
    }
}

/// Reads a value and forgets it. Unlike `IgnoredAny`, which `serde_json` skips over without descending,
/// this checks every text for UTF-8 and the depth against the parser's limit of 128.
#[derive(Clone, Copy)]
struct Skip;

impl<'de> DeserializeSeed<'de> for Skip {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(self)?.is_some() {
            map.next_value_seed(self)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}
