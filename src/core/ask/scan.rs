//! One pass over a JSON text, without building a tree.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::facts::Facts;
use super::place::Place;

/// Reads a value at a place, and tells the facts. The result is whether it says anything: `null` and a
/// blank text do not.
pub(super) struct Scan<'f, 'r> {
    pub(super) facts: &'f mut Facts<'r>,
    pub(super) place: Place,
}

impl<'de> DeserializeSeed<'de> for Scan<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        if self.place == Place::Data {
            let data = <&RawValue>::deserialize(deserializer)?;
            return skip(data.get(), self.facts.depth)
                .map(|()| true)
                .ok_or_else(|| D::Error::custom("too deep or not UTF-16"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scan<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        self.facts.text(self.place, text);
        Ok(!text.trim().is_empty())
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        self.facts.null(self.place);
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        self.facts.other(self.place);
        Ok(true)
    }

    fn visit_i64<E>(self, number: i64) -> Result<bool, E> {
        self.facts.number(self.place, &number);
        Ok(true)
    }

    fn visit_u64<E>(self, number: u64) -> Result<bool, E> {
        self.facts.number(self.place, &number);
        Ok(true)
    }

    fn visit_f64<E>(self, number: f64) -> Result<bool, E> {
        self.facts.number(self.place, &number);
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        let Self { facts, place } = self;
        if place == Place::Top {
            return Err(A::Error::custom("not an object"));
        }
        facts.open_list(place);
        facts.depth += 1;
        while seq.next_element_seed(Scan { facts: &mut *facts, place: place.element() })?.is_some() {
            if facts.objection.is_some() {
                return Err(A::Error::custom("refused already"));
            }
        }
        facts.depth -= 1;
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Self { facts, place } = self;
        let mut mark = facts.open_object(place);
        let mut seen = Seen::default();
        facts.depth += 1;
        while let Some(name) = map.next_key_seed(Name)? {
            facts.member(place, &name);
            mark.member(place, &name);
            if place == Place::Top {
                facts.begin_top(&name);
            }
            let says = map.next_value_seed(Scan { facts: &mut *facts, place: place.member(&name) })?;
            facts.end_member(place, &name, says);
            if facts.objection.is_some() {
                return Err(A::Error::custom("refused already"));
            }
            // A name that comes twice is refused (S-150): readers differ in whether the first or the last
            // wins. Below the top, every value counts instead.
            if place != Place::Top {
                continue;
            }
            if super::is_look_alike(&name) || !seen.insert(name) {
                return Err(A::Error::custom("ambiguous member"));
            }
        }
        facts.depth -= 1;
        facts.close_object(place, mark);
        Ok(true)
    }
}

/// Most members at the top level of a body. The APIs have some dozens.
const MAX_MEMBERS: usize = 1024;
/// So many names are compared one by one, which is faster than hashing them.
const FEW_MEMBERS: usize = 32;

/// Names of members.
#[derive(Default)]
struct Seen<'de> {
    few: Vec<Cow<'de, str>>,
    more: HashSet<Cow<'de, str>>,
}

impl<'de> Seen<'de> {
    /// Whether the name is new, and there are not too many.
    fn insert(&mut self, name: Cow<'de, str>) -> bool {
        if self.few.contains(&name) {
            return false;
        }
        if self.few.len() < FEW_MEMBERS {
            if self.few.is_empty() {
                self.few.reserve(FEW_MEMBERS / 2);
            }
            self.few.push(name);
            return true;
        }
        self.few.len() + self.more.len() < MAX_MEMBERS && self.more.insert(name)
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

/// Deepest nesting of a body, as of `serde_json`.
const MAX_DEPTH: usize = 127;

/// Looks at what the model gets to read: most of a body, and nothing that steers. `serde_json` has passed over it,
/// minding its grammar, but neither its depth nor halves of characters (nor numbers beyond all range, which are no
/// concern of ours). `None` when it is too deep, or a text has half a character.
fn skip(data: &str, mut depth: usize) -> Option<()> {
    let mut rest = data.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => rest = end_of_text(rest)?,
            b'{' | b'[' if depth == MAX_DEPTH => return None,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Some(())
}

/// What follows a text, of which the first quotation mark is gone.
fn end_of_text(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (_, found) = rest.split_at_checked(memchr::memchr2(b'"', b'\\', rest)?)?;
        rest = match found {
            [b'"', after @ ..] => return Some(after),
            [b'\\', b'u', digits @ ..] => match (half(digits), digits.get(4..)?) {
                (None, after) => after,
                // The first half of a character needs the second behind it, which stands nowhere else.
                (Some(Half::First), [b'\\', b'u', more @ ..]) if half(more) == Some(Half::Second) => more.get(4..)?,
                (Some(_), _) => return None,
            },
            escape => escape.get(2..)?,
        };
    }
}

/// Half of a character beyond the first 65,536 (UTF-16).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    First,
    Second,
}

fn half(digits: &[u8]) -> Option<Half> {
    match digits {
        [b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', ..] => Some(Half::First),
        [b'd' | b'D', b'c'..=b'f' | b'C'..=b'F', ..] => Some(Half::Second),
        _ => None,
    }
}
