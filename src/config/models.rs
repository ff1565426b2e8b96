//! `models:` and `model_group_alias:` become the model map.

use std::collections::{BTreeMap, HashSet};

use super::compile::Section;
use super::raw::RawModel;
use crate::core::models::{Model, ModelMap};

/// Compiles the sections. `None` when that failed; the reasons were noted.
pub(super) fn compile(
    raw: &[RawModel],
    aliases: &BTreeMap<String, String>,
    section: &mut Section<'_, '_>,
) -> Option<ModelMap> {
    let mut seen = HashSet::new();
    let mut sound = true;
    for (index, model) in raw.iter().enumerate() {
        let place = format!("models[{index}]");
        let text = if model.name.is_empty() {
            "`name` is empty"
        } else if !seen.insert(&model.name) {
            "this name is listed twice; keep one"
        } else if model.provider.as_ref().is_some_and(|provider| provider.is_empty() || provider.contains(['/', '*'])) {
            "`provider` must be a name such as `openai`"
        } else if model.provider.is_some() && model.name.contains('/') {
            "a name with `/` says its provider itself; remove `provider`"
        } else {
            continue;
        };
        section.problem(&place, text);
        sound = false;
    }
    let models = raw.iter().map(|raw| {
        let access_groups = raw.access_groups.iter().map(|group| group.as_str().into()).collect();
        let provider = raw.provider.as_deref().map(Into::into);
        (raw.name.as_str().into(), Model { zero_cost: raw.zero_cost, access_groups, provider })
    });
    let aliases = aliases.iter().map(|(name, target)| (name.as_str().into(), target.as_str().into()));
    sound.then(|| ModelMap::new(models, aliases.collect()))
}
