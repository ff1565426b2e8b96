//! YAML to a shape, with every mistake of form reported at once.
//!
//! serde stops at the first mistake. The JSON Schema generated from the same types does not: when serde
//! refuses a document, the schema says everything that is wrong with it. Messages never quote a value,
//! for any of them may be a secret.

use std::path::Path;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::Problems;

/// A document with a schema.
pub trait Shape: DeserializeOwned + JsonSchema {}

impl<T: DeserializeOwned + JsonSchema> Shape for T {}

/// The JSON Schema (draft 2020-12) of a document.
#[must_use]
pub fn schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

/// Parses a document. `None` when that failed, with the reasons in `problems`.
pub(super) fn parse<T: Shape>(file: &Path, text: &str, problems: &mut Problems) -> Option<T> {
    let value = match yaml(text) {
        // As a writer leaves it that truncates first. Taken for "no keys" it would lock everybody out.
        Ok(Value::Null) => {
            problems.add(file, "", "the file is empty; write `{}` where that is meant");
            return None;
        }
        Ok(value) => value,
        Err((place, text)) => {
            problems.add(file, place, text);
            return None;
        }
    };
    let before = problems.iter().count();
    report_empty(&value, "", file, problems);
    let error = match T::deserialize(&value) {
        Ok(shape) if problems.iter().count() == before => return Some(shape),
        Ok(_) => return None,
        Err(error) => error,
    };
    let schema = schema::<T>();
    if let Ok(validator) = Validator::new(&schema) {
        for error in validator.iter_errors(&value) {
            describe(&error, &schema, file, problems);
        }
    }
    if problems.iter().count() == before {
        problems.add(file, "", format!("the document does not fit: {error}"));
    }
    None
}

/// A field that is there and empty, such as a list whose entries are all commented out, would mean the
/// same as no field: that is, no restriction. Free-form `metadata` may hold what it likes.
fn report_empty(value: &Value, pointer: &str, file: &Path, problems: &mut Problems) {
    match value {
        Value::Null => {
            problems.add(file, place(pointer), "this is empty; write a value (`[]` for none), or remove the line");
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                report_empty(item, &format!("{pointer}/{index}"), file, problems);
            }
        }
        Value::Object(members) => {
            for (name, member) in members.iter().filter(|(name, _)| *name != "metadata") {
                report_empty(member, &format!("{pointer}/{}", quotable(name)), file, problems);
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Strict YAML: one document, no duplicate keys, no merge keys, bounded depth, nodes and aliases (S-258, S-259).
fn yaml(text: &str) -> Result<Value, (String, String)> {
    parse_yaml(text, serde_yaml::MergeKeyPolicy::Error)
}

/// The same for a document of another program, where merge keys (`<<`) are usual. The error is a place and a text.
///
/// # Errors
/// Where the text is not YAML, and why. The text of the document is not quoted.
pub fn foreign_yaml(text: &str) -> Result<Value, (String, String)> {
    parse_yaml(text, serde_yaml::MergeKeyPolicy::Merge)
}

fn parse_yaml(text: &str, merge_keys: serde_yaml::MergeKeyPolicy) -> Result<Value, (String, String)> {
    let options = serde_yaml::options! {
        duplicate_keys: serde_yaml::DuplicateKeyPolicy::Error,
        merge_keys: merge_keys,
        strict_booleans: true,
        budget: serde_yaml::budget! {
            max_events: 50_000_000,
            max_nodes: 25_000_000,
            max_total_scalar_bytes: 256 * 1024 * 1024,
            max_depth: 64,
            max_aliases: 1000,
            max_anchors: 1000,
        },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 10_000 },
    };
    serde_yaml::from_str_with_options(text, options).map_err(|error| {
        // The formatter for users has no words about this library, and no excerpt that could show a secret.
        let text = error.without_snippet().render_with_formatter(&serde_yaml::UserMessageFormatter);
        let place = error.location().filter(|location| location.line() > 0);
        let place = place.map(|location| format!("line {}, column {}", location.line(), location.column()));
        let place = place.unwrap_or_default();
        // The message repeats the place at its end, and names the key, which could be anything.
        let text = if text.contains("duplicate") { "a key is there twice".to_owned() } else { one_line(&text) };
        let text = text.strip_suffix(&place).and_then(|text| text.strip_suffix(" at ")).unwrap_or(&text);
        (place, format!("not valid YAML: {text}"))
    })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Turns one schema error into problems that name the field and the remedy.
#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum of every keyword that JSON Schema has")]
fn describe(error: &ValidationError<'_>, schema: &Value, file: &Path, problems: &mut Problems) {
    let place = place(error.instance_path().as_str());
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = known_fields(error, schema);
            for name in unexpected {
                problems.add(file, place.clone(), unknown_field(name, &known));
            }
        }
        ValidationErrorKind::Required { property } => {
            problems.add(file, place, format!("`{}` is missing", property.as_str().unwrap_or_default()));
        }
        // Reported already.
        ValidationErrorKind::Type { .. } if error.instance().is_null() => {}
        ValidationErrorKind::Type { .. } => {
            let wanted = expected_type(error, schema);
            problems.add(file, place, format!("this is {}; it must be {wanted}", type_of(error.instance())));
        }
        ValidationErrorKind::Enum { options } => {
            problems.add(file, place, format!("it must be one of {options}"));
        }
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::AnyOf { .. } => {
            describe_alternatives(error, schema, file, problems);
        }
        ValidationErrorKind::Minimum { limit } => problems.add(file, place, format!("it must be at least {limit}")),
        ValidationErrorKind::Maximum { limit } => problems.add(file, place, format!("it must be at most {limit}")),
        kind => problems.add(file, place, format!("it violates `{}` of the schema", kind.keyword())),
    }
}

/// Alternatives come from enums with a doc comment per word, and from optional fields. The words are
/// listed; of an optional object, the mistakes inside are.
fn describe_alternatives(error: &ValidationError<'_>, schema: &Value, file: &Path, problems: &mut Problems) {
    let (ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context }) = error.kind() else {
        return;
    };
    let alternatives = lookup(schema, error.schema_path().as_str()).and_then(Value::as_array);
    let words: Vec<_> = alternatives.into_iter().flatten().filter_map(|option| option.get("const")?.as_str()).collect();
    if !words.is_empty() {
        let text = format!("it must be one of `{}`", words.join("`, `"));
        return problems.add(file, place(error.instance_path().as_str()), text);
    }
    for error in context.iter().flatten() {
        let only_null =
            matches!(error.kind(), ValidationErrorKind::Type { .. }) && expected_type(error, schema) == "null";
        if !only_null {
            describe(error, schema, file, problems);
        }
    }
}

/// `/keys/3/expires` becomes `keys[3].expires`.
fn place(pointer: &str) -> String {
    let mut place = String::new();
    for segment in pointer.split('/').skip(1) {
        if segment.bytes().all(|byte| byte.is_ascii_digit()) {
            place.push('[');
            place.push_str(segment);
            place.push(']');
        } else {
            if !place.is_empty() {
                place.push('.');
            }
            place.push_str(segment);
        }
    }
    place
}

/// Fields of the object an error is about, read from the schema beside the violated keyword.
fn known_fields(error: &ValidationError<'_>, schema: &Value) -> Vec<String> {
    let path = error.schema_path().as_str();
    let object = path.rsplit_once('/').map_or("", |(object, _)| object);
    let fields = lookup(schema, object).and_then(|object| object.get("properties")).and_then(Value::as_object);
    fields.into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// A name from a document, unless it could be a secret that was written into the wrong place.
pub(super) fn quotable(name: &str) -> &str {
    let identifier = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if identifier && name.len() <= 40 && !name.starts_with("sk-") { name } else { "(not shown)" }
}

fn unknown_field(name: &str, known: &[String]) -> String {
    let name = quotable(name);
    if known.iter().any(|field| field == "key_hash") && ["key", "api_key", "token"].contains(&name) {
        return format!(
            "unknown field `{name}`; a key is listed by its hash, as `key_hash`: run `tollgate keys hash` and enter the key"
        );
    }
    let near = known.iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    match near.filter(|near| strsim::jaro_winkler(near, name) > 0.8) {
        Some(near) => format!("unknown field `{name}`; did you mean `{near}`?"),
        None => format!("unknown field `{name}`; the fields here are `{}`", known.join("`, `")),
    }
}

fn expected_type(error: &ValidationError<'_>, schema: &Value) -> String {
    let wanted = lookup(schema, error.schema_path().as_str());
    if let Some(name) = wanted.and_then(Value::as_str) {
        return described(name).to_owned();
    }
    let names = wanted.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let names: Vec<_> = names.filter(|name| *name != "null").map(described).collect();
    names.join(" or ")
}

/// Follows a schema path. The validator reports it with `$ref`s resolved in place.
fn lookup<'s>(schema: &'s Value, pointer: &str) -> Option<&'s Value> {
    let mut node = schema;
    for segment in pointer.split('/').skip(1) {
        if segment == "$ref" {
            let target = node.get("$ref")?.as_str()?.strip_prefix('#')?;
            node = schema.pointer(target)?;
            continue;
        }
        node = match node.as_array() {
            Some(items) => items.get(segment.parse::<usize>().ok()?)?,
            None => node.get(segment)?,
        };
    }
    Some(node)
}

/// A JSON Schema type in the words of a YAML author.
fn described(name: &str) -> &str {
    match name {
        "string" => "a text",
        "boolean" => "`true` or `false`",
        "integer" => "a whole number",
        "number" => "a number",
        "array" => "a list",
        "object" => "a mapping",
        other => other,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
