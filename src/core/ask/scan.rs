//! One pass over a JSON text, without building a tree.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

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
            return deserializer.deserialize_any(Skip).map(|()| true);
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
        let mut seen = HashSet::with_capacity(if place == Place::Top { USUAL_MEMBERS } else { 0 });
        facts.depth += 1;
        while let Some(name) = map.next_key_seed(Name)? {
            facts.member(place, &name);
            mark.member(place, &name);
            if place == Place::Top {
                facts.begin_top(&name);
            }
            let says = map.next_value_seed(Scan { facts: &mut *facts, place: place.member(&name) })?;
            facts.end_member(&name, says);
            if facts.objection.is_some() {
                return Err(A::Error::custom("refused already"));
            }
            // A name that comes twice is refused (S-150): readers differ in whether the first or the last
            // wins. Below the top, every value counts instead.
            if place != Place::Top {
                continue;
            }
            if super::is_look_alike(&name) || seen.len() == MAX_MEMBERS || !seen.insert(name) {
                return Err(A::Error::custom("ambiguous member"));
            }
        }
        facts.depth -= 1;
        facts.close_object(place, mark);
        Ok(true)
    }
}

/// Members that are made room for.
const USUAL_MEMBERS: usize = 14;
/// Most members at the top level of a body. The APIs have some dozens.
const MAX_MEMBERS: usize = 1024;

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
