//! The other files of a configuration.

use std::path::Path;

use serde_json::{Map, Value};

use crate::config::load::read;
use crate::config::schema::foreign_yaml;

/// Puts the files of `include` into a document, as LiteLLM does: a list is added to, everything else is replaced,
/// by the file that comes last. What an included file includes itself is not read, and said.
pub(super) fn merge(document: &mut Value, file: &Path) -> Result<(), String> {
    let Some(root) = document.as_object_mut() else { return Ok(()) };
    let Some(listed) = root.remove("include") else { return Ok(()) };
    let wrong = || format!("{}: include: it must be a list of files", file.display());
    let files = listed.as_array().ok_or_else(wrong)?;
    let directory = file.parent().unwrap_or(Path::new(""));
    for (index, name) in files.iter().enumerate() {
        let included = directory.join(name.as_str().ok_or_else(wrong)?);
        let named = |place: &str, text: &str| {
            let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
            format!("{}: include[{index}]: {}: {place}{text}", file.display(), included.display())
        };
        let text = read(&included).map_err(|text| named("", &text))?;
        let other = foreign_yaml(&text).map_err(|(place, text)| named(&place, &text))?;
        let Value::Object(other) = other else { return Err(named("", "it must be an object")) };
        add(root, other);
    }
    Ok(())
}

fn add(root: &mut Map<String, Value>, other: Map<String, Value>) {
    for (name, value) in other {
        match (root.get_mut(&name), value) {
            (Some(Value::Array(there)), Value::Array(more)) => there.extend(more),
            (_, value) => drop(root.insert(name, value)),
        }
    }
}
