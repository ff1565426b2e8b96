//! `model_list` and `router_settings`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::general::Import;
use super::source::Section;

/// Providers as LiteLLM spells them before the `/` of a model. Other prefixes may be a part of the name.
const PROVIDERS: [&str; 44] = [
    "ai21",
    "aiml",
    "anthropic",
    "azure",
    "azure_ai",
    "bedrock",
    "cerebras",
    "cloudflare",
    "codestral",
    "cohere",
    "cohere_chat",
    "databricks",
    "deepgram",
    "deepinfra",
    "deepseek",
    "elevenlabs",
    "fireworks_ai",
    "gemini",
    "github",
    "groq",
    "hosted_vllm",
    "huggingface",
    "jina_ai",
    "lm_studio",
    "mistral",
    "moonshot",
    "nvidia_nim",
    "ollama",
    "ollama_chat",
    "openai",
    "openrouter",
    "perplexity",
    "replicate",
    "sagemaker",
    "sambanova",
    "snowflake",
    "together_ai",
    "vertex_ai",
    "vllm",
    "volcengine",
    "voyage",
    "watsonx",
    "xai",
    "xinference",
];

/// What the deployments of one name say together.
struct Model {
    source: String,
    providers: BTreeSet<Option<String>>,
    access_groups: BTreeSet<String>,
    zero_cost: bool,
}

impl Import {
    pub(super) fn models(&mut self, root: &mut Section) {
        let mut models: BTreeMap<String, Model> = BTreeMap::new();
        for (index, deployment) in root.list("model_list", &mut self.findings).into_iter().enumerate() {
            let path = format!("model_list[{index}]");
            let mut deployment = Section::of(path.clone(), deployment, &mut self.findings);
            let Some(name) = deployment.text("model_name", &mut self.findings) else {
                self.findings.problem(&path, "`model_name` is missing");
                continue;
            };
            let (params, info) = (deployment.take("litellm_params"), deployment.take("model_info"));
            let is_free = is_free(&[params.as_ref(), info.as_ref()]);
            let mut params =
                Section::of(deployment.path("litellm_params"), params.unwrap_or_default(), &mut self.findings);
            let mut info = Section::of(deployment.path("model_info"), info.unwrap_or_default(), &mut self.findings);
            let upstream = params.secret("model", &mut self.findings);
            let named = params.text("custom_llm_provider", &mut self.findings);
            let groups = info.texts("access_groups", &mut self.findings).unwrap_or_default();
            let provider = named.or_else(|| upstream.as_deref().and_then(prefix));
            let new =
                Model { source: path, providers: BTreeSet::new(), access_groups: BTreeSet::new(), zero_cost: true };
            let model = models.entry(name).or_insert(new);
            model.providers.insert(provider);
            model.access_groups.extend(groups);
            model.zero_cost &= is_free;
            for section in [params, info, deployment] {
                section.leave(&mut self.findings);
            }
        }
        let entries: Vec<_> = models.into_iter().filter_map(|(name, model)| self.model(name, model)).collect();
        if !entries.is_empty() {
            self.target.set_list("models", "model_list".to_owned(), entries);
        }
    }

    /// An entry for what the name alone does not say.
    fn model(&mut self, name: String, model: Model) -> Option<(String, Value)> {
        let mut entry = Map::new();
        let mut providers = model.providers.into_iter();
        match (providers.next().flatten(), providers.next()) {
            (Some(provider), None) if !name.contains('/') => {
                entry.insert("provider".to_owned(), provider.into());
            }
            (_, Some(_)) if !name.contains('/') => self.findings.note(
                &format!("{}.litellm_params.model", model.source),
                false,
                "deployments of one name are at several providers; a list such as `openai/*` does not grant the name here",
            ),
            _ => {}
        }
        if !model.access_groups.is_empty() {
            let groups: Vec<_> = model.access_groups.into_iter().collect();
            entry.insert("access_groups".to_owned(), groups.into());
        }
        if model.zero_cost {
            entry.insert("zero_cost".to_owned(), true.into());
        }
        if entry.is_empty() {
            return None;
        }
        entry.insert("name".to_owned(), name.into());
        Some((model.source, Value::Object(entry)))
    }

    pub(super) fn router(&mut self, mut settings: Section) {
        let mut aliases = settings.section("model_group_alias", &mut self.findings);
        let mut targets = Map::new();
        for name in aliases.names() {
            let path = aliases.path(&name);
            match aliases.take(&name) {
                Some(Value::String(target)) => {
                    targets.insert(name, target.into());
                }
                Some(Value::Object(mut item)) => match item.remove("model") {
                    Some(Value::String(target)) => {
                        targets.insert(name, target.into());
                        Section::of(path, Value::Object(item), &mut self.findings).leave(&mut self.findings);
                    }
                    _ => self.findings.problem(&path, "it needs `model`, a text"),
                },
                _ => self.findings.problem(&path, "it must be the name of a model"),
            }
        }
        if !targets.is_empty() {
            self.target.set(
                "model_group_alias",
                aliases.path("").trim_end_matches('.').to_owned(),
                Value::Object(targets),
            );
        }
        settings.leave(&mut self.findings);
    }
}

fn prefix(model: &str) -> Option<String> {
    let (provider, _) = model.split_once('/')?;
    PROVIDERS.contains(&provider).then(|| provider.to_owned())
}

/// Whether both prices of tokens are said to be zero, and no other price is said to be anything else: a price that
/// is not said is LiteLLM's own, which is seldom zero.
fn is_free(sections: &[Option<&Value>]) -> bool {
    let fields = || sections.iter().filter_map(|section| section.and_then(Value::as_object)).flatten();
    let zero = |value: &Value| value.as_f64() == Some(0.0);
    let said = |name: &str| fields().any(|(known, value)| known == name && zero(value));
    let is_price = |name: &str| name.contains("cost") || name.contains("pricing") || name.contains("price");
    said("input_cost_per_token")
        && said("output_cost_per_token")
        && fields().filter(|(name, value)| is_price(name) && !value.is_null()).all(|(_, value)| zero(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_said_to_cost_nothing_is_free() {
        let free = |params: Value, info: Value| is_free(&[Some(&params), Some(&info)]);
        let zero = json!({ "input_cost_per_token": 0, "output_cost_per_token": 0.0 });
        assert!(free(zero.clone(), json!({})) && free(json!({}), zero.clone()));
        assert!(!free(json!({}), json!({})), "prices that are not said are LiteLLM's own");
        assert!(!free(json!({ "input_cost_per_token": 0 }), json!({})));
        assert!(!free(zero.clone(), json!({ "output_cost_per_image": 0.01 })));
        assert!(!free(zero.clone(), json!({ "input_cost_per_token": 1e-6 })));
        assert!(!free(zero.clone(), json!({ "tiered_pricing": [] })));
        assert!(!free(zero, json!({ "input_cost_per_second": "0" })));
    }

    #[test]
    fn a_prefix_that_is_no_provider_is_a_part_of_the_name() {
        assert_eq!(prefix("openai/gpt-4o").as_deref(), Some("openai"));
        assert_eq!(prefix("meta-llama/Llama-3-8b"), None);
        assert_eq!(prefix("gpt-4o"), None);
    }
}
