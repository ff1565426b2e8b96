//! Sections by id, and the ids that lead there.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Compiler, Section};
use crate::core::header::HeaderValue;

impl Compiler<'_> {
    /// Compiles a section into a map by id, refusing an id that comes twice.
    pub(super) fn index<R, T>(
        &mut self,
        name: &str,
        section: Option<&[R]>,
        compile: impl Fn(&mut Self, &str, &R) -> (String, T),
    ) -> Section<T> {
        let mut map = HashMap::new();
        for (index, raw) in section?.iter().enumerate() {
            let place = format!("{name}[{index}]");
            let (id, record) = compile(self, &place, raw);
            self.check_id(&place, Some(&id));
            if map.insert(id, Arc::new(record)).is_some() {
                self.problem(place, "this id is listed twice; keep one");
            }
        }
        Some(map)
    }

    /// Resolves an id. Where the file has the section, an id that is not in it is a mistake, and would
    /// lift whatever the missing record restricts (SEC-6). Where it has none, the id is a mere label.
    pub(super) fn refer<T>(
        &mut self,
        place: &str,
        field: &str,
        id: Option<&str>,
        section: Option<&HashMap<String, Arc<T>>>,
        bare: impl Fn(&str) -> T,
    ) -> Option<Arc<T>> {
        let id = id?;
        let Some(section) = section else {
            self.check_id(&format!("{place}.{field}"), Some(id));
            return Some(Arc::new(bare(id)));
        };
        self.find(place, field, Some(id), section)
    }

    /// Resolves an id that means nothing without its record.
    pub(super) fn find<T>(
        &mut self,
        place: &str,
        field: &str,
        id: Option<&str>,
        section: &HashMap<String, Arc<T>>,
    ) -> Option<Arc<T>> {
        let found = section.get(id?).cloned();
        if found.is_none() {
            let name = section_of(field);
            let text = format!("it is not listed under `{name}`; list it there, or remove it here");
            self.problem(format!("{place}.{field}"), text);
        }
        found
    }

    /// An id that must be listed where the file has the section.
    pub(super) fn find_if<T>(&mut self, place: &str, field: &str, id: &str, section: Option<&HashMap<String, Arc<T>>>) {
        if let Some(section) = section {
            self.find(place, field, Some(id), section);
        }
    }

    /// An id travels in a header, whole or not at all.
    pub(super) fn check_id(&mut self, place: &str, id: Option<&str>) {
        if id.is_some_and(|id| HeaderValue::encode(id).is_none()) {
            self.problem(place, "the id is empty, or longer than 256 bytes");
        }
    }
}

/// The section an id of a field is listed in.
fn section_of(field: &str) -> &str {
    match field {
        "user_id" => "users",
        "team_id" => "teams",
        "organization_id" => "organizations",
        "project_id" => "projects",
        "agent_id" => "agents",
        "budget_id" | "metadata.team_member_budget_id" => "budgets",
        _ => "access_groups",
    }
}
