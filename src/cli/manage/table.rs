//! Rows for people.

use serde_json::{Map, Value};

/// A table with a head, its columns as wide as what is in them.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let all = || std::iter::once(head.iter().map(|name| (*name).to_owned()).collect()).chain(rows.iter().cloned());
    let mut widths = vec![0; head.len()];
    for row in all() {
        for (width, cell) in widths.iter_mut().zip(&row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: Vec<String>| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    all().map(line).collect()
}

/// A value in a line. What a terminal would obey is taken out: names come from others (S-235).
pub(super) fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(list)) if list.iter().all(Value::is_string) => {
            list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_))) => other.to_string(),
    };
    let visible =
        text.chars().map(|one| if one.is_control() || is_format(one) { '?' } else { one }).collect::<String>();
    if visible.is_empty() { "-".to_owned() } else { visible }
}

/// A list of models: an empty one does not restrict.
pub(super) fn listed(row: &Map<String, Value>, name: &str) -> String {
    let text = cell(row.get(name));
    if name == "models" && text == "-" { "(every model)".to_owned() } else { text }
}

/// Marks that turn the direction of a line around, or cannot be seen.
fn is_format(one: char) -> bool {
    matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Every column of a row that says something, one a line.
pub(super) fn lines(row: &Map<String, Value>) -> String {
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    };
    let rows: Vec<_> = row.iter().filter(|(_, value)| says(value)).collect();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<_> =
        rows.into_iter().map(|(name, value)| format!("{name:<width$}  {}\n", cell(Some(value)))).collect();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_cannot_steer_a_terminal() {
        assert_eq!(cell(Some(&json!("a\u{1b}[31mb\nc\u{202e}"))), "a?[31mb?c?");
        assert_eq!(cell(Some(&json!([]))), "-");
        assert_eq!(cell(Some(&json!(["a", "b"]))), "a,b");
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = vec![vec!["ä".to_owned(), "x".to_owned()], vec!["long".to_owned(), "-".to_owned()]];
        assert_eq!(table(&["A", "B"], &rows), "A     B\nä     x\nlong  -\n");
    }
}
