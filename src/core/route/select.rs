//! A choice of routes: those of a configuration's `allowed` and `admin_only`.

use std::collections::HashSet;

use thiserror::Error;

use super::groups::GroupSet;
use super::{Match, RouteTable};

/// Routes by their number, so that all spellings of a route are chosen together (W17).
#[derive(Debug, Clone, Default)]
pub struct RouteChoice {
    numbers: HashSet<usize>,
    groups: GroupSet,
    paths: HashSet<String>,
}

/// Why an entry chooses nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ChoiceError {
    /// Neither a path nor the name of a group.
    #[error("it is no route group; write a path that begins with `/`, or a group such as `llm_api_routes`")]
    UnknownGroup,
    /// A path with `*` that is no pattern of the catalogue.
    #[error("`*` is not understood here; name a group of `routes.groups` instead")]
    Star,
}

impl RouteChoice {
    /// Compiles a list; an error comes with the index of its entry.
    pub fn compile<'a>(
        entries: impl IntoIterator<Item = &'a str>,
        table: &RouteTable,
    ) -> Result<Self, Vec<(usize, ChoiceError)>> {
        let (mut choice, mut errors) = (Self::default(), Vec::new());
        for (index, entry) in entries.into_iter().enumerate() {
            if let Err(error) = choice.add(entry, table) {
                errors.push((index, error));
            }
        }
        if errors.is_empty() { Ok(choice) } else { Err(errors) }
    }

    /// A path that is not spelled like a pattern stands for itself alone: `/openai/v1/files` does not
    /// choose everything below `/openai`.
    fn add(&mut self, entry: &str, table: &RouteTable) -> Result<(), ChoiceError> {
        if let Some(number) = table.number_of(entry) {
            self.numbers.insert(number);
        } else if let Some(group) = table.group_names().find(entry) {
            self.groups = self.groups | group;
        } else if !entry.starts_with('/') {
            return Err(ChoiceError::UnknownGroup);
        } else if entry.contains('*') {
            return Err(ChoiceError::Star);
        } else {
            self.paths.insert(entry.to_owned());
        }
        Ok(())
    }

    /// Whether a path is chosen.
    #[must_use]
    pub fn holds(&self, path: &str, found: Option<&Match<'_>>) -> bool {
        self.paths.contains(path)
            || found.is_some_and(|found| self.numbers.contains(&found.number) || self.groups.intersects(found.groups))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_knows_every_spelling_w17() {
        let table = RouteTable::new(Vec::new(), String::new());
        let entries = ["/models", "/openai/v1/files", "mcp_routes", "/v1/threads/{thread_id}", "/own"];
        let choice = RouteChoice::compile(entries, &table).unwrap();
        let holds = |path| choice.holds(path, table.find(path).as_ref());
        for path in ["/models", "/v1/models", "/openai/v1/files", "/mcp/x", "/threads/t1", "/own"] {
            assert!(holds(path), "{path}");
        }
        for path in ["/v1/models/x", "/openai/v1/other", "/files", "/own/x", "/key/info"] {
            assert!(!holds(path), "{path}");
        }
        let errors = RouteChoice::compile(["llm", "/x*", "/containers/*"], &table).unwrap_err();
        assert_eq!(errors, [(0, ChoiceError::UnknownGroup), (1, ChoiceError::Star)]);
    }
}
