//! One model from every source the upstream may use (MSRC-1), and what else a route's own sources name.

use std::borrow::Cow;

use super::facts::{Facts, Texts};
use super::place::Slot;
use super::{MAX_MODEL, query_values};
use crate::core::deny::DenyReason;
use crate::core::request::RequestView;
use crate::core::route::Match;
use crate::core::route::catalogue::{Class, ModelRule};

/// The sources beside path, query and body that the upstream uses on a route.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a source of its own")]
struct Sources {
    header: bool,
    target_models: bool,
    target_models_in_query: bool,
    session: bool,
    completion: bool,
}

impl Sources {
    fn of(found: &Match<'_>) -> Self {
        if found.route.class != Class::LlmApi {
            // An upstream nobody knows may read any of them.
            return Self {
                header: true,
                target_models: true,
                target_models_in_query: true,
                session: true,
                completion: true,
            };
        }
        let family = family(found);
        let file = matches!(family, "file" | "files" | "batch" | "batches");
        Self {
            header: file || matches!(family, "skill" | "skills"),
            target_models: file || family == "vector",
            target_models_in_query: file || family == "fine",
            session: family == "realtime",
            completion: false,
        }
    }
}

/// The first word of a route's id, which routes about one kind of object share.
fn family<'a>(found: &Match<'a>) -> &'a str {
    found.route.id.split('_').next().unwrap_or_default()
}

/// The one model all sources agree on.
pub(super) fn model(
    view: &RequestView<'_>,
    query: Option<&str>,
    found: &Match<'_>,
    body: &Facts<'_>,
    asked: &Facts<'_>,
) -> Result<Option<String>, DenyReason> {
    let sources = Sources::of(found);
    let mut model = Single::default();
    model.add(found.param("model"))?;
    for value in query_values(query, "model") {
        let value = value?;
        // An upgrade has no body: the upstream pastes the model into a URL or a JSON text (SEC-21).
        let pasted = found.route.model == ModelRule::Query;
        let harmless = |c: char| c.is_ascii_alphanumeric() || "-._:/@".contains(c);
        if pasted && !value.chars().all(harmless) {
            return Err(DenyReason::ModelMalformed);
        }
        model.add(Some(&value))?;
    }
    if sources.header {
        for value in view.headers.all("x-litellm-model") {
            model.add(Some(std::str::from_utf8(value).map_err(|_| DenyReason::ModelMalformed)?))?;
        }
    }
    model.add(text(body, Slot::Model)?.as_deref())?;
    model.add(text(body, Slot::MergedModel)?.as_deref())?;
    if sources.session {
        model.add(text(body, Slot::SessionModel)?.as_deref())?;
    }
    if sources.completion {
        model.add(text(body, Slot::CompletionModel)?.as_deref())?;
    }
    if sources.target_models_in_query {
        model.add(text(asked, Slot::TargetModels)?.as_deref())?;
    }
    // Elsewhere LiteLLM takes these when there is no model (Y12 … Y14).
    if sources.target_models || model.0.is_none() {
        model.add(text(body, Slot::TargetModels)?.as_deref())?;
    }
    Ok(model.0)
}

/// A list of models is understood as LiteLLM does: all must be granted (MSRC-1).
fn text<'a>(facts: &'a Facts<'_>, slot: Slot) -> Result<Option<Cow<'a, str>>, DenyReason> {
    match facts.value(slot) {
        None | Some(Texts::Null) => Ok(None),
        Some(Texts::One(model)) => Ok(Some(Cow::Borrowed(model))),
        Some(Texts::Many(models)) => Ok(Some(Cow::Owned(models.join(",")))),
        Some(Texts::Number(_) | Texts::Other) => Err(DenyReason::ModelMalformed),
    }
}

/// Whether the request names an object whose id holds a model: LiteLLM's managed ids.
pub(super) fn names_managed_id(found: &Match<'_>, body: &Facts<'_>) -> bool {
    let managed = matches!(
        family(found),
        "file" | "files" | "batch" | "batches" | "vector" | "fine" | "video" | "videos" | "skill"
    );
    managed && (body.names_managed_id || found.params.iter().any(|(_, id)| is_managed_id(id)))
}

/// Managed ids are base64 of a text that begins with `litellm`, after a prefix such as `file-`. Python's
/// decoder leaves out what is not of the alphabet, so that is left out here too.
pub(super) fn is_managed_id(id: &str) -> bool {
    let alphabet = |c: &char| c.is_ascii_alphanumeric() || "+/-_".contains(*c);
    id.chars().filter(alphabet).collect::<String>().contains("bGl0ZWxsb")
}

/// The tools a request names: those the model may call, and the one an MCP client calls.
pub(super) fn tools(found: &Match<'_>, body: &mut Facts<'_>, asked: &mut Facts<'_>) -> Vec<String> {
    let mut tools = std::mem::take(&mut body.tools);
    tools.append(&mut asked.tools);
    if family(found) == "mcp" {
        let one = |slot| match body.value(slot) {
            Some(Texts::One(text)) => Some(text.clone()),
            _ => None,
        };
        let calls = found.route.id == "mcp_tools_call" || one(Slot::Method).as_deref() == Some("tools/call");
        if calls {
            tools.push(one(Slot::RpcName).or_else(|| one(Slot::Name)).unwrap_or_default());
        }
    }
    tools
}

/// White space that is trimmed. Who trims more, and who less, differs from reader to reader.
const ASCII_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// The one value all sources agree on.
#[derive(Default)]
struct Single(Option<String>);

impl Single {
    fn add(&mut self, source: Option<&str>) -> Result<(), DenyReason> {
        let Some(text) = source.map(|text| text.trim_matches(ASCII_SPACE)).filter(|text| !text.is_empty()) else {
            return Ok(());
        };
        if text.len() > MAX_MODEL || text.chars().any(char::is_control) {
            return Err(DenyReason::ModelMalformed);
        }
        match &self.0 {
            None => self.0 = Some(text.to_owned()),
            Some(known) if known == text => {}
            Some(_) => return Err(DenyReason::ModelAmbiguous),
        }
        Ok(())
    }
}
