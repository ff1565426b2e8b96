//! Values as people write them in arguments; `none` takes one away.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Map, Value, json};

use crate::core::budget::Amount;
use crate::core::time;
use crate::store::sql::schema::{Kind, Table};

/// An amount of US dollars, or `none`.
pub(super) fn amount(text: &str) -> Result<Value, String> {
    if text == "none" {
        return Ok(Value::Null);
    }
    let number = text.parse::<f64>().ok().filter(|number| Amount::new(*number).is_some());
    number.map(Value::from).ok_or_else(|| "write an amount of US dollars, zero or more, or `none`".to_owned())
}

/// A whole number, or `none`.
pub(super) fn count(text: &str) -> Result<Value, String> {
    if text == "none" {
        return Ok(Value::Null);
    }
    let number = text.parse::<u32>().ok().filter(|number| i32::try_from(*number).is_ok());
    number.map(Value::from).ok_or_else(|| "write a whole number, zero or more, or `none`".to_owned())
}

/// A text, or `none`.
pub(super) fn text(text: &str) -> Result<Value, String> {
    match text {
        "none" => Ok(Value::Null),
        "" => Err("it is empty; write `none` to take it away".to_owned()),
        _ => Ok(text.into()),
    }
}

/// An object of JSON.
pub(super) fn object(text: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err("it must be an object, such as `{\"tags\": [\"batch\"]}`".to_owned())
    }
}

/// A list, of arguments divided by commas; `""` is the empty one.
pub(super) fn list(texts: &[String]) -> Value {
    texts.iter().filter(|text| !text.is_empty()).map(String::as_str).collect::<Vec<_>>().into()
}

/// `COLUMN=VALUE`: the value is JSON, or a text.
pub(super) fn assignment(table: &Table, text: &str) -> Result<(&'static str, Value), String> {
    let (name, written) = text.split_once('=').ok_or_else(|| format!("`{text}` sets nothing; write `COLUMN=VALUE`"))?;
    let column = table.column(name).filter(|column| !table.key.contains(&column.name));
    let column = column.ok_or_else(|| format!("there is no column `{name}` to set"))?;
    let value = serde_json::from_str(written).unwrap_or_else(|_| Value::from(written));
    let value = match column.kind {
        Kind::Text if !value.is_null() => written.into(),
        Kind::Time if !value.is_null() => {
            stored(time::parse(written).ok_or_else(|| format!("`{name}`: {}", time::NO_TIME))?)
        }
        Kind::Text
        | Kind::Time
        | Kind::Texts
        | Kind::Json
        | Kind::Bool
        | Kind::Float
        | Kind::Int
        | Kind::BigInt
        | Kind::Serial => value,
    };
    let fits = match column.kind {
        Kind::Text | Kind::Time => true,
        Kind::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        Kind::Json => value.is_object() || value.is_array(),
        Kind::Bool => value.is_boolean(),
        Kind::Float => value.as_f64().and_then(Amount::new).is_some(),
        Kind::Int => value.as_i64().is_some_and(|number| (0..=i64::from(i32::MAX)).contains(&number)),
        Kind::BigInt => value.as_i64().is_some_and(|number| number >= 0),
        Kind::Serial => false,
    };
    let may_be_null = !column.required && value.is_null() && column.name != "models";
    if may_be_null || (fits && !value.is_null()) {
        Ok((column.name, value))
    } else {
        Err(format!("`{written}` is no value for `{name}`"))
    }
}

/// A time, or a duration from now; `never` and `none` are none.
pub(super) fn moment(text: &str, now: Timestamp) -> Result<Value, String> {
    if ["never", "none"].contains(&text) {
        return Ok(Value::Null);
    }
    let at = time::parse(text).or_else(|| after(text, now)).ok_or_else(|| {
        format!("`{text}` is no time; write it like `2027-01-31T12:00:00Z`, or as a duration such as `30d`")
    })?;
    if at <= now {
        return Err(format!("`{text}` is over already"));
    }
    Ok(stored(at))
}

/// A duration from now, such as `24h`, `30d` or `1mo`.
pub(super) fn after(text: &str, now: Timestamp) -> Option<Timestamp> {
    let span: Span = text.parse().ok()?;
    let at = now.to_zoned(TimeZone::UTC).checked_add(span).ok()?.timestamp();
    (at >= now).then_some(at)
}

/// A time as LiteLLM writes it: UTC without an offset, in milliseconds.
pub(super) fn stored(at: Timestamp) -> Value {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string().into()
}

/// A random id as LiteLLM makes them.
pub(super) fn fresh_id() -> Result<String, String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| format!("no random bytes from the system: {error}"))?;
    let number = u128::from_be_bytes(bytes);
    // Version 4, variant 1 (RFC 9562).
    let number = (number & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    Ok(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)))
}

/// Without what may be a secret of a callback or a vault (LiteLLM DB-8).
pub(super) fn without_secrets(mut row: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(metadata)) = row.get_mut("metadata") {
        for name in ["logging", "secret_manager_settings"] {
            if let Some(value) = metadata.get_mut(name) {
                *value = json!("(not shown)");
            }
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::tables::{KEY, TEAM};

    const NOW: &str = "2026-01-31T12:00:00Z";

    #[test]
    fn a_moment_is_a_time_or_a_duration_from_now() {
        let at = |text| moment(text, NOW.parse().unwrap());
        assert_eq!(at("2027-01-31T12:00:00+01:00").unwrap(), "2027-01-31T11:00:00.000");
        assert_eq!(at("24h").unwrap(), "2026-02-01T12:00:00.000");
        assert_eq!(at("1mo").unwrap(), "2026-02-28T12:00:00.000");
        assert_eq!(at("2w 3d").unwrap(), "2026-02-17T12:00:00.000");
        assert_eq!(at("never").unwrap(), Value::Null);
        for text in ["", "soon", "-1d", "0s", "2025-01-31T12:00:00Z", "2027-01-31", "1d ago", "99999999999y"] {
            assert!(at(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_column_takes_what_fits_it() {
        let set = |text: &str| assignment(&KEY, text);
        assert_eq!(set("agent_id=a=b").unwrap(), ("agent_id", json!("a=b")));
        assert_eq!(set("key_alias=5").unwrap(), ("key_alias", json!("5")));
        assert_eq!(set("policies=[\"a\"]").unwrap(), ("policies", json!(["a"])));
        assert_eq!(set("spend=0").unwrap(), ("spend", json!(0)));
        assert_eq!(set("max_budget=null").unwrap(), ("max_budget", Value::Null));
        assert_eq!(set("budget_reset_at=2027-01-31T12:00:00Z").unwrap().1, "2027-01-31T12:00:00.000");
        for text in [
            "token=x",
            "nonsense=1",
            "spend=-1",
            "spend=null",
            "spend=NaN",
            "blocked=maybe",
            "models=null",
            "models=[1]",
            "models=m",
            "metadata=1",
            "rpm_limit=1.5",
            "rpm_limit",
            "max_parallel_requests=3000000000",
            "expires=soon",
        ] {
            assert!(set(text).is_err(), "{text}");
        }
        assert!(assignment(&TEAM, "blocked=null").is_err(), "the column is never NULL");
    }

    #[test]
    fn an_id_is_random_and_of_version_4() {
        let (one, other) = (fresh_id().unwrap(), fresh_id().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        assert_eq!(one.chars().nth(14), Some('4'));
        assert!(one.chars().nth(19).is_some_and(|digit| "89ab".contains(digit)));
    }

    #[test]
    fn amounts_and_counts_are_sound() {
        for text in ["", "-1", "NaN", "inf", "1e400", "ten"] {
            assert!(amount(text).is_err(), "{text}");
        }
        for text in ["", "-1", "1.5", "3000000000"] {
            assert!(count(text).is_err(), "{text}");
        }
        assert_eq!(amount("1.5").unwrap(), 1.5);
        assert_eq!(count("none").unwrap(), Value::Null);
    }
}
