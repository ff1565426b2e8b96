//! YAML for people: sections as blocks, entries of lists on a line each.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// In which order fields are written; others follow, by name.
const ORDER: [&str; 13] = [
    "name",
    "path",
    "master_key",
    "store",
    "keys",
    "credentials",
    "headers",
    "routes",
    "request",
    "models",
    "model_group_alias",
    "proxy_budget",
    "end_users",
];

/// The text of a document.
pub(super) fn write(tree: &Map<String, Value>) -> String {
    let mut text = String::new();
    block(tree, 0, &mut text);
    text
}

fn fields(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = map.iter().collect();
    fields.sort_by_key(|(name, _)| (ORDER.iter().position(|known| known == name).unwrap_or(ORDER.len()), *name));
    fields
}

fn block(map: &Map<String, Value>, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    for (name, value) in fields(map) {
        let name = scalar(name);
        let lines = match value {
            Value::Object(inner) if !inner.is_empty() => {
                let mut lines = format!("{indent}{name}:\n");
                block(inner, depth + 1, &mut lines);
                lines
            }
            Value::Array(entries) if entries.iter().any(Value::is_object) || flow(value).len() > 90 => {
                let entries: Vec<_> = entries.iter().map(|entry| format!("\n{indent}- {}", flow(entry))).collect();
                format!("{indent}{name}:{}\n", entries.concat())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                format!("{indent}{name}: {}\n", flow(value))
            }
        };
        text.push_str(&lines);
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => scalar(text),
        Value::Array(entries) => format!("[{}]", entries.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let fields: Vec<_> =
                fields(map).into_iter().map(|(name, value)| format!("{}: {}", scalar(name), flow(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
    }
}

/// A text that nobody can take for anything else: bare where it is a plain name, else in double quotes.
fn scalar(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'/' || byte == b'_');
    let word = text.to_ascii_lowercase();
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&word.as_str());
    if begins && !reserved && text.bytes().all(plain) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            ' '..='~' => quoted.push(character),
            _ if character.is_alphanumeric() => quoted.push(character),
            _ => {
                write!(quoted, "\\U{:08X}", u32::from(character)).ok();
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(text in any::<String>(), plain in "[a-z0-9_./:,{}#&*!|>'%@`~ -]{0,12}") {
            let Value::Object(tree) = json!({ "a": { "b": text, "c": plain }, "d": [plain, text], "e": [{ "f": text, "g": [plain] }] })
            else { unreachable!() };
            let read: Value = serde_yaml::from_str(&write(&tree)).unwrap();
            prop_assert_eq!(read, Value::Object(tree));
        }
    }

    #[test]
    fn words_with_a_meaning_are_quoted() {
        for text in
            ["yes", "Off", "null", "~", "1", "1e3", "0x1", "", " a", "a: b", "#", "${X}", "*", "2027-01-01", ".inf"]
        {
            assert!(scalar(text).starts_with('"'), "{text}");
        }
        assert_eq!(scalar("gpt-4o"), "gpt-4o");
        assert_eq!(scalar("/v1/models"), "/v1/models");
    }
}
