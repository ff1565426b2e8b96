//! A configuration of LiteLLM, taken apart field by field: what nobody took is left over, and said.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::stays;

/// What is said about the fields.
#[derive(Debug, Default)]
pub(super) struct Findings {
    notes: BTreeMap<(String, String, Kind), usize>,
    /// Mistakes, by their fields: nothing is imported then.
    pub(super) problems: Vec<(String, String)>,
}

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A field that is not carried over, and by which callers may have been refused.
    Restricting,
    /// Another that is not carried over.
    Left,
    /// A field that is carried over, and does not mean quite the same.
    Different,
}

impl Kind {
    fn left(restricts: bool) -> Self {
        if restricts { Self::Restricting } else { Self::Left }
    }
}

impl Findings {
    /// A field that is not carried over, why, and what to do. `restricts` when callers were refused by it.
    pub(super) fn note(&mut self, path: &str, restricts: bool, text: impl Into<String>) {
        *self.notes.entry((pattern(path), text.into(), Kind::left(restricts))).or_default() += 1;
    }

    /// The same about one entry of a list, which matters itself.
    pub(super) fn note_entry(&mut self, path: &str, restricts: bool, text: impl Into<String>) {
        *self.notes.entry((path.to_owned(), text.into(), Kind::left(restricts))).or_default() += 1;
    }

    /// A field that is carried over, and what is different about it here.
    pub(super) fn differ(&mut self, path: &str, text: impl Into<String>) {
        *self.notes.entry((pattern(path), text.into(), Kind::Different)).or_default() += 1;
    }

    /// Takes back what was said of a field that is not carried over after all.
    pub(super) fn retract(&mut self, field: &str) {
        let inside = |path: &str| path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.notes.retain(|(path, _, kind), _| *kind != Kind::Different || !inside(path));
    }

    /// A mistake: nothing is imported.
    pub(super) fn problem(&mut self, path: &str, text: impl Into<String>) {
        self.problems.push((path.to_owned(), text.into()));
    }

    /// The notes of a kind, one line each.
    pub(super) fn lines(&self, kind: Kind) -> Vec<String> {
        let notes = self.notes.iter().filter(|((_, _, of), _)| *of == kind);
        notes
            .map(|((path, text, _), count)| {
                let times = if *count > 1 { format!(" ({count} times)") } else { String::new() };
                format!("  {path}{times}: {text}")
            })
            .collect()
    }
}

/// `model_list[3].model_info` is one of `model_list[].model_info`.
fn pattern(path: &str) -> String {
    let mut parts = path.split('[');
    let mut pattern = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.split_once(']').map_or(part, |(_, rest)| rest);
        pattern.push_str("[]");
        pattern.push_str(rest);
    }
    pattern
}

/// An object of the configuration.
#[derive(Debug)]
pub(super) struct Section {
    path: String,
    fields: Map<String, Value>,
}

impl Section {
    pub(super) fn root(document: Value, findings: &mut Findings) -> Self {
        Self::of(String::new(), document, findings)
    }

    /// An object; nothing, where it is something else, which is a mistake.
    pub(super) fn of(path: String, value: Value, findings: &mut Findings) -> Self {
        let fields = match value {
            Value::Object(fields) => fields,
            Value::Null => Map::new(),
            other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                let what = if path.is_empty() { "the document" } else { "this" };
                findings.problem(&path, format!("{what} is {}; it must be an object", kind(&other)));
                Map::new()
            }
        };
        Self { path, fields }
    }

    pub(super) fn path(&self, name: &str) -> String {
        let name = shown(name);
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Takes a field. LiteLLM takes an empty one for none.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn section(&mut self, name: &str, findings: &mut Findings) -> Self {
        let value = self.take(name).unwrap_or_default();
        Self::of(self.path(name), value, findings)
    }

    /// Takes a field of a type. A reference to the environment is of no type until LiteLLM starts.
    fn typed<T>(
        &mut self,
        name: &str,
        wanted: &str,
        findings: &mut Findings,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name)?;
        let path = self.path(name);
        let read = read(&value);
        if read.is_none() {
            if value.as_str().is_some_and(|text| text.starts_with(ENVIRONMENT)) {
                findings.note(
                    &path,
                    true,
                    "it is a reference to the environment; write the value itself, and import again",
                );
            } else {
                findings.problem(&path, format!("this is {}; it must be {wanted}", kind(&value)));
            }
        }
        read
    }

    pub(super) fn flag(&mut self, name: &str, findings: &mut Findings) -> Option<bool> {
        self.typed(name, "true or false", findings, Value::as_bool)
    }

    pub(super) fn number(&mut self, name: &str, findings: &mut Findings) -> Option<f64> {
        let sound = |value: &Value| value.as_f64().filter(|number| number.is_finite() && *number >= 0.0);
        self.typed(name, "a number, zero or more", findings, sound)
    }

    pub(super) fn text(&mut self, name: &str, findings: &mut Findings) -> Option<String> {
        let plain = |value: &Value| value.as_str().filter(|text| !text.starts_with(ENVIRONMENT)).map(str::to_owned);
        self.typed(name, "a text", findings, plain)
    }

    /// A text that may be a reference to the environment.
    pub(super) fn secret(&mut self, name: &str, findings: &mut Findings) -> Option<String> {
        self.typed(name, "a text", findings, |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn texts(&mut self, name: &str, findings: &mut Findings) -> Option<Vec<String>> {
        let texts = |value: &Value| value.as_array()?.iter().map(|one| one.as_str().map(str::to_owned)).collect();
        self.typed(name, "a list of texts", findings, texts)
    }

    /// One text, or a list of them.
    pub(super) fn one_or_more(&mut self, name: &str, findings: &mut Findings) -> Option<Vec<String>> {
        let texts = |value: &Value| match value.as_str() {
            Some(text) => (!text.starts_with(ENVIRONMENT)).then(|| vec![text.to_owned()]),
            None => value.as_array()?.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        };
        self.typed(name, "a text or a list of texts", findings, texts)
    }

    pub(super) fn list(&mut self, name: &str, findings: &mut Findings) -> Vec<Value> {
        self.typed(name, "a list", findings, |value| value.as_array().cloned()).unwrap_or_default()
    }

    /// The names of the fields that are left.
    pub(super) fn names(&self) -> Vec<String> {
        self.fields.keys().cloned().collect()
    }

    /// Says of every field that nobody took what becomes of it.
    pub(super) fn leave(self, findings: &mut Findings) {
        for (name, value) in &self.fields {
            let path = self.path(name);
            if value.is_null() {
                continue;
            }
            let (restricts, text) = stays::fate(&pattern(&path));
            findings.note(&path, restricts, text);
        }
    }
}

/// How LiteLLM refers to an environment variable.
pub(super) const ENVIRONMENT: &str = "os.environ/";

/// A name of a field, unless it could be a secret that was written into the wrong place.
fn shown(name: &str) -> &str {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if plain && name.len() <= 60 && !name.starts_with("sk-") { name } else { "(not shown)" }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
