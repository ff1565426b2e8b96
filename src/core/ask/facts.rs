//! What a body says, collected while it is scanned.

#![expect(clippy::wildcard_enum_match_arm, reason = "a place without a meaning of its own is a parameter")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Display;

use super::MAX_MODEL;
use super::banned;
use super::place::{Place, Slot};
use super::rules::RequestRules;
use super::scan::Scan;
use super::sources::is_managed_id;
use crate::core::deny::DenyReason;
use crate::core::request::Fidelity;
use crate::core::response_id;

/// JSON texts within JSON texts that are followed.
const MAX_NESTED_TEXTS: usize = 2;
/// Most tags, tools, stores and fallbacks of one request.
const MAX_NAMES: usize = 1024;

/// What a body says.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
pub(super) struct Facts<'r> {
    rules: &'r RequestRules,
    fidelity: Fidelity,
    /// Members that must be there, and those that are.
    wanted: &'r [&'r str],
    present: BTreeSet<String>,
    outer: String,
    slots: BTreeMap<Slot, Texts>,
    /// Why the body cannot be judged: the first reason found.
    pub(super) objection: Option<DenyReason>,
    /// Whether a member steers the upstream.
    pub(super) banned: bool,
    /// Whether models to fall back to are named.
    pub(super) names_fallbacks: bool,
    /// Further models the upstream may use.
    pub(super) also: Vec<String>,
    also_known: HashSet<String>,
    /// Whether there is a member beside `user_email` and `password`.
    pub(super) beyond_profile: bool,
    /// Tags, from every place.
    pub(super) tags: Vec<String>,
    /// Whether a tag member is there, be it empty.
    pub(super) names_tags: bool,
    /// Names of tools; an empty one is a tool whose name cannot be told.
    pub(super) tools: Vec<String>,
    /// Ids of vector stores.
    pub(super) vector_stores: Vec<String>,
    /// MCP servers that tools name.
    pub(super) mcp_servers: Vec<String>,
    /// Whether the caller changes which guardrails run.
    pub(super) touches_guardrails: bool,
    /// Whether a member names a managed object.
    pub(super) names_managed_id: bool,
    /// How many members name a response.
    pub(super) response_ids: usize,
    pub(super) depth: usize,
    nested: usize,
    tool_hint: Option<String>,
    /// Whether the tool is the provider's, whose type says what it is.
    hosted: bool,
}

/// A value, as far as a rule is interested in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Texts {
    /// `null`.
    Null,
    /// A text.
    One(String),
    /// A number, as a text.
    Number(String),
    /// A list of texts.
    Many(Vec<String>),
    /// Anything else.
    Other,
}

/// What was known when an object began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    tools: usize,
    models: usize,
    foreign: usize,
}

impl<'r> Facts<'r> {
    pub(super) fn new(rules: &'r RequestRules, wanted: &'r [&'r str], fidelity: Fidelity) -> Self {
        Self {
            rules,
            fidelity,
            wanted,
            present: BTreeSet::new(),
            outer: String::new(),
            slots: BTreeMap::new(),
            objection: None,
            banned: false,
            names_fallbacks: false,
            also: Vec::new(),
            also_known: HashSet::new(),
            beyond_profile: false,
            tags: Vec::new(),
            names_tags: false,
            tools: Vec::new(),
            vector_stores: Vec::new(),
            mcp_servers: Vec::new(),
            touches_guardrails: false,
            names_managed_id: false,
            response_ids: 0,
            depth: 0,
            nested: 0,
            tool_hint: None,
            hosted: false,
        }
    }

    /// The value of a slot, when the body has one.
    pub(super) fn value(&self, slot: Slot) -> Option<&Texts> {
        self.slots.get(&slot)
    }

    /// The same, for good.
    pub(super) fn take(&mut self, slot: Slot) -> Option<Texts> {
        self.slots.remove(&slot)
    }

    /// Whether a member that must be there is not.
    pub(super) fn lacks(&self, name: &str) -> bool {
        !self.present.contains(name)
    }

    pub(super) fn malformed(&mut self) {
        self.object(DenyReason::BodyMalformed);
    }

    fn object(&mut self, reason: DenyReason) {
        self.objection.get_or_insert(reason);
    }

    /// A member is there, whatever it says.
    pub(super) fn member(&mut self, place: Place, name: &str) {
        if place == Place::Top {
            self.beyond_profile |= !matches!(name, "user_email" | "password");
            self.garbled(name);
        }
        if place.has_parameters() {
            self.banned |=
                self.rules.refuses(name) || (place == Place::Top && name == "headers" && self.refuses_headers());
        }
        if place.may_name_guardrails() && banned::GUARDRAILS.contains(&name) {
            self.touches_guardrails = true;
        }
        let value = place.member(name);
        self.names_fallbacks |= matches!(value, Place::Fallbacks | Place::RouterSettings)
            || (value == Place::FallbackDict && place != Place::FallbackDict);
        self.names_tags |= value == Place::Tags;
        // Those say what the tool is by their values.
        let telling = matches!(name, "type" | "name" | "function");
        if place == Place::Tool && !telling && self.tool_hint.is_none() {
            self.tool_hint = Some(name.to_owned());
        }
    }

    /// LiteLLM sends `headers` of the body on, like `extra_headers`.
    fn refuses_headers(&self) -> bool {
        self.rules.refuses("extra_headers")
    }

    pub(super) fn begin_top(&mut self, name: &str) {
        if !self.wanted.is_empty() {
            name.clone_into(&mut self.outer);
        }
    }

    /// A member ended; `says` when it was neither `null` nor blank.
    pub(super) fn end_member(&mut self, place: Place, name: &str, says: bool) {
        self.response_ids += usize::from(says && place.may_name_response() && name == "previous_response_id");
        if self.wanted.is_empty() || !says {
            return;
        }
        let found = match self.depth {
            1 => name.to_owned(),
            2 => format!("{}.{name}", self.outer),
            _ => return,
        };
        if self.wanted.contains(&found.as_str()) {
            self.present.insert(found);
        }
    }

    pub(super) fn text(&mut self, place: Place, text: &str) {
        self.banned |= place.has_parameters() && banned::reads_environment(text);
        match place {
            Place::Value(slot) => self.keep(slot, Texts::One(text.to_owned())),
            Place::Element(slot) => {
                self.garbled(text);
                match self.slots.get_mut(&slot) {
                    Some(Texts::Many(texts)) => texts.push(text.to_owned()),
                    _ => self.keep(slot, Texts::Other),
                }
            }
            Place::AlsoModel | Place::FallbackName | Place::Fallback | Place::FallbackTarget => self.also_model(text),
            Place::ToolName => self.tool(text),
            Place::ObjectId => self.names_managed_id |= is_managed_id(text),
            Place::InteractionId => self.response_ids += usize::from(text.starts_with(response_id::PREFIX)),
            Place::ToolType => {
                self.hosted = !matches!(text, "function" | "custom");
                self.tool_hint = self.hosted.then(|| text.to_owned());
            }
            Place::Tag => push(&mut self.tags, text, &mut self.objection),
            Place::Tags => text.split(',').for_each(|tag| push(&mut self.tags, tag, &mut self.objection)),
            Place::Store | Place::Stores => {
                self.names_managed_id |= is_managed_id(text);
                push(&mut self.vector_stores, text, &mut self.objection);
            }
            Place::McpUrl => self.mcp_url(text),
            Place::Tool | Place::Function | Place::Functions => self.tool(""),
            _ if place.parses_texts() => self.json(place, text),
            _ => self.other(place),
        }
    }

    /// The address of an MCP server in a tool: LiteLLM's own have no host.
    fn mcp_url(&mut self, url: &str) {
        let path =
            url.trim().strip_prefix("litellm_proxy").map(|path| path.trim_start_matches("/mcp").trim_matches('/'));
        for server in path.into_iter().flat_map(|servers| servers.split(',')).filter(|server| !server.is_empty()) {
            push(&mut self.mcp_servers, server, &mut self.objection);
        }
    }

    /// A text that the upstream parses.
    fn json(&mut self, place: Place, text: &str) {
        if !text.trim_start().starts_with(['{', '[']) {
            // No JSON object to anybody.
            return self.other(place);
        }
        if self.nested == MAX_NESTED_TEXTS {
            return self.malformed();
        }
        self.nested += 1;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let scan = Scan { facts: &mut *self, place };
        let read = serde::de::DeserializeSeed::deserialize(scan, &mut deserializer).and_then(|_| deserializer.end());
        if read.is_err() {
            self.malformed();
        }
        self.nested -= 1;
    }

    pub(super) fn null(&mut self, place: Place) {
        match place {
            Place::Value(slot) => self.keep(slot, Texts::Null),
            Place::Element(slot) => self.keep(slot, Texts::Other),
            Place::Top => self.malformed(),
            Place::Fallback | Place::FallbackTarget | Place::FallbackName => self.object(DenyReason::FallbackMalformed),
            Place::Tool | Place::Function | Place::ToolName => self.tool(""),
            _ => {}
        }
    }

    pub(super) fn number(&mut self, place: Place, number: &dyn Display) {
        match place {
            Place::Value(slot) => self.keep(slot, Texts::Number(number.to_string())),
            _ => self.other(place),
        }
    }

    /// A value of a kind that is not expected here.
    pub(super) fn other(&mut self, place: Place) {
        match place {
            Place::Value(slot) | Place::Element(slot) => self.keep(slot, Texts::Other),
            Place::Top => self.malformed(),
            Place::Fallbacks
            | Place::Fallback
            | Place::FallbackTargets
            | Place::FallbackTarget
            | Place::FallbackName
            | Place::FallbackDict => self.object(DenyReason::FallbackMalformed),
            Place::AlsoModel => self.object(DenyReason::ModelMalformed),
            Place::Tools | Place::Tool | Place::Functions | Place::Function | Place::ToolName => self.tool(""),
            _ => {}
        }
    }

    pub(super) fn open_list(&mut self, place: Place) {
        match place {
            Place::Value(slot) => self.keep(slot, Texts::Many(Vec::new())),
            Place::Fallbacks | Place::FallbackTargets | Place::Tools | Place::Functions => {}
            _ => self.other(place),
        }
    }

    pub(super) fn open_object(&mut self, place: Place) -> Mark {
        match place {
            Place::Top | Place::Fallback | Place::FallbackTarget | Place::FallbackDict | Place::Function => {}
            Place::Tool => (self.tool_hint, self.hosted) = (None, false),
            _ => self.other(place),
        }
        Mark { tools: self.tools.len(), models: 0, foreign: 0 }
    }

    pub(super) fn close_object(&mut self, place: Place, mark: Mark) {
        if matches!(place, Place::Tool | Place::Function) && self.tools.len() == mark.tools {
            // Hosted tools have a type in place of a name, Google's only a member of that name.
            let hint = self.tool_hint.take().filter(|_| place == Place::Tool).unwrap_or_default();
            self.tool(&hint);
        } else if place == Place::Tool && self.hosted {
            // A name beside the type of a hosted tool is nobody's, but for Anthropic's dated types.
            let kind = self.tool_hint.take().unwrap_or_default();
            let named = self.tools.last().is_some_and(|name| is_dated(&kind, name));
            if !named {
                self.tool(&kind);
            }
        }
        // Either one model with parameters, or lists by model: in a mixture, readers differ (SEC-3).
        let ambiguous = match place {
            Place::Fallback => mark.models > 1 || (mark.models == 1) == (mark.foreign > 0),
            Place::FallbackTarget => mark.models != 1 || mark.foreign > 0,
            _ => false,
        };
        if ambiguous {
            self.object(DenyReason::FallbackMalformed);
        }
    }

    fn keep(&mut self, slot: Slot, value: Texts) {
        if let Texts::One(text) = &value {
            self.garbled(text);
        }
        // Two values in one place say nothing that could be relied on.
        let twice = self.slots.get(&slot).is_some_and(|earlier| *earlier != value);
        if twice && slot.is_end_user() {
            self.object(DenyReason::EndUserMalformed);
        }
        self.slots.insert(slot, if twice { Texts::Other } else { value });
    }

    fn also_model(&mut self, text: &str) {
        let name = text.trim();
        // A URL makes the upstream call it (S-158).
        let address = name.contains("://") || name.starts_with("//");
        let odd = |c: char| c.is_control() || c == ',';
        if name.is_empty() || name.len() > MAX_MODEL || name.chars().any(odd) || address {
            return self.object(DenyReason::FallbackMalformed);
        }
        self.garbled(name);
        if self.also_known.insert(name.to_owned()) {
            push(&mut self.also, name, &mut self.objection);
        }
    }

    fn tool(&mut self, name: &str) {
        self.garbled(name);
        push(&mut self.tools, name, &mut self.objection);
    }

    /// Refuses a text in which `!` may stand for a byte that was not UTF-8: it is not what the upstream reads.
    fn garbled(&mut self, text: &str) {
        if self.fidelity == Fidelity::Lossy && text.contains('!') {
            self.malformed();
        }
    }
}

/// Whether a type is a name and a date, such as `web_search_20250305`.
fn is_dated(kind: &str, name: &str) -> bool {
    let date = kind.strip_prefix(name).and_then(|rest| rest.strip_prefix('_'));
    date.is_some_and(|date| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Mark {
    /// Notes a member.
    pub(super) fn member(&mut self, place: Place, name: &str) {
        self.models += usize::from(name == "model");
        self.foreign += usize::from(place.is_foreign(name));
    }
}

fn push(names: &mut Vec<String>, name: &str, objection: &mut Option<DenyReason>) {
    if names.len() >= MAX_NAMES {
        objection.get_or_insert(DenyReason::BodyMalformed);
        return;
    }
    names.push(name.trim().to_owned());
}
