//! JSON as RFC 7519 section 4 and RFC 7515 section 4 allow a receiver to insist on: no member twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting read; `serde_json` itself stops at 128 (S-117).
const MAX_DEPTH: usize = 32;

/// Why a text is not an object that can be trusted to mean one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnObject {
    /// No JSON, more than one value, not UTF-8, or nested too deeply.
    #[error("not JSON")]
    Malformed,
    /// JSON, and no object.
    #[error("not an object")]
    OtherType,
}

/// Reads one object. Members that are there twice, at any depth, are malformed (S-094, S-116).
///
/// # Errors
/// See [`NotAnObject`].
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, NotAnObject> {
    match value(bytes)? {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(NotAnObject::OtherType)
        }
    }
}

/// Reads one value.
///
/// # Errors
/// [`NotAnObject::Malformed`].
pub fn value(bytes: &[u8]) -> Result<Value, NotAnObject> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.deserialize(&mut reader).map_err(|_| NotAnObject::Malformed)?;
    reader.end().map_err(|_| NotAnObject::Malformed)?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.saturating_add(1);
        if depth > MAX_DEPTH { Err(E::custom("too deep")) } else { Ok(Self { depth }) }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_member_twice_is_refused_at_any_depth_s094_s116() {
        for text in [
            r#"{"alg":"none","alg":"RS256"}"#,
            r#"{"sub":"alice","sub":"alice"}"#,
            r#"{"a":{"team_id":1,"team_id":2}}"#,
            r#"{"a":[{"b":1,"b":1}]}"#,
            // The same name, written differently.
            r#"{"sub":"alice","s\u0075b":"root"}"#,
        ] {
            assert_eq!(object(text.as_bytes()), Err(NotAnObject::Malformed), "{text}");
        }
        assert!(object(br#"{"a":{"x":1},"b":{"x":1}}"#).is_ok());
    }

    #[test]
    fn nesting_is_bounded_s117() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(object(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
        for depth in [MAX_DEPTH, 200, 100_000] {
            assert_eq!(object(nested(depth).as_bytes()), Err(NotAnObject::Malformed), "{depth}");
        }
    }

    #[test]
    fn oddities_are_refused() {
        for text in [
            "",
            " ",
            "{",
            "{}{}",
            "{} x",
            "\u{feff}{}",
            r#"{"a":NaN}"#,
            r#"{"a":Infinity}"#,
            r#"{"a":1e999}"#,
            r#"{"a":1,}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":01}"#,
            "{'a':1}",
            "{} // x",
        ] {
            assert_eq!(object(text.as_bytes()), Err(NotAnObject::Malformed), "{text}");
        }
        for text in ["null", "1", "[]", "\"x\"", "true"] {
            assert_eq!(object(text.as_bytes()), Err(NotAnObject::OtherType), "{text}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), Err(NotAnObject::Malformed));
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_serde_json_reads(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(members) = object(&bytes) {
                prop_assert_eq!(Some(Value::Object(members)), serde_json::from_slice(&bytes).ok());
            }
        }
    }
}
