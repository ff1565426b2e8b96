//! The facts that rules look at, in words.

use crate::core::budget::Budget;
use crate::core::identity::Identity;
use crate::core::models::ModelMap;
use crate::core::record::Role;
use crate::core::response_id::Guarded;
use crate::engine::Explanation;
use crate::telemetry;

/// Labels and facts.
pub(super) type Lines = Vec<(&'static str, String)>;

/// The facts about a caller that rules look at.
pub(super) fn of_caller(identity: &Identity) -> Lines {
    let mut lines = vec![("caller", identity.method().to_owned())];
    let Some(key) = identity.record() else {
        return lines;
    };
    let expires = key.expires.map_or("never".to_owned(), |expires| expires.to_string());
    let alias = key.alias.as_deref().unwrap_or("without alias");
    let models = key.terms.models.describe();
    let spent: String = [key.budget].iter().chain(&key.windows).map(spent_of).collect();
    let state = either(key.blocked, "blocked", "not blocked");
    if let Some(hash) = identity.key_hash_prefix() {
        lines.push(("key", format!("{hash} {alias}; {state}; expires: {expires}; models: {models}{spent}")));
    }
    if let Some(bearer) = identity.bearer() {
        let issuer = bearer.issuer.as_deref().unwrap_or("nobody in particular");
        let role = bearer.role.map_or("no role", Role::as_str);
        let models = bearer.models.as_ref().map_or("not restricted".to_owned(), |models| models.join(", "));
        let expires = bearer.expires.map_or("never".to_owned(), |expires| expires.to_string());
        lines.push(("token", format!("of {issuer}; {role} here; models: {models}; expires: {expires}")));
        if let (None, Some(user)) = (&key.user, &bearer.user_id) {
            lines.push(("user", format!("{user}; not in the store")));
        }
    }
    if let Some(user) = &key.user {
        let role = user.role.map_or("no role", Role::as_str);
        let state = either(user.active, "active", "deactivated");
        let models = user.models.describe();
        lines.push(("user", format!("{}; {role}; {state}; models: {models}{}", user.id, spent_of(&user.budget))));
    }
    if let Some(team) = &key.team {
        let state = either(team.blocked, "blocked", "not blocked");
        let spent: String = [team.budget].iter().chain(&team.windows).map(spent_of).collect();
        lines.push(("team", format!("{}; {state}; models: {}{spent}", team.id, team.models.describe())));
    }
    if let Some(member) = &key.member {
        lines.push(("member", format!("models: {}{}", member.models.describe(), spent_of(&member.budget))));
    }
    if let Some(project) = &key.project {
        let state = either(project.blocked, "blocked", "not blocked");
        let models = project.models.describe();
        lines.push(("project", format!("{}; {state}; models: {models}{}", project.id, spent_of(&project.budget))));
    }
    if let Some(organization) = &key.organization {
        let spent = spent_of(&organization.budget);
        lines.push(("org", format!("{}; models: {}{spent}", organization.id, organization.models.describe())));
    }
    if let Some(agent) = &key.agent {
        let trace = either(agent.needs_trace_id, "; must send a trace id", "");
        lines.push(("agent", format!("{}{trace}", agent.id)));
    }
    lines
}

/// The facts about a request that rules look at.
pub(super) fn of_request(explanation: &Explanation, models: &ModelMap, identity: &Identity) -> Lines {
    let ask = match &explanation.ask {
        Ok(ask) => ask,
        Err(reason) => return vec![("names", format!("not readable: {}", reason.refusal().label))],
    };
    let served = |model| {
        let chain = models.chain(model, identity.record());
        let names: Vec<_> = chain.names().collect();
        names.join(" -> ")
    };
    let reachable: Vec<_> = ask.reachable().map(served).collect();
    let unread = ask.unread.map(|reason| format!("; in part not readable: {}", reason.refusal().label));
    let named = either(reachable.is_empty(), "no model".to_owned(), reachable.join(", "));
    let mut lines = vec![("names", named + &unread.unwrap_or_default())];
    lines.extend(of_responses(&explanation.responses).map(|text| ("responses", text)));
    if let Some(id) = &ask.end_user {
        let record = explanation.named.end_user.as_ref();
        let known = record.map_or("; not known".to_owned(), |record| {
            format!("; {}{}", either(record.blocked, "blocked", "not blocked"), spent_of(&record.budget))
        });
        lines.push(("end user", format!("{id}{known}")));
    }
    let spent: String = explanation.named.tags.iter().map(|tag| spent_of(&tag.budget)).collect();
    for (label, names, more) in [
        ("tags", &ask.tags, spent.as_str()),
        ("tools", &ask.tools, ""),
        ("stores", &ask.vector_stores, ""),
        ("agents", &ask.agents, ""),
        ("searches", &ask.search_tools, ""),
        ("servers", &ask.mcp_servers, ""),
    ] {
        if !names.is_empty() || !more.is_empty() {
            lines.push((label, names.join(", ") + more));
        }
    }
    lines
}

/// Whose responses the request may name. The ids themselves say nothing to an operator.
fn of_responses(guarded: &Guarded) -> Option<String> {
    let admission = match guarded {
        Guarded::Unconcerned => return None,
        Guarded::Unprotected => return Some("not protected".to_owned()),
        Guarded::Protected(admission) => admission,
    };
    let caller = &admission.caller;
    let whose = match (caller.user(), caller.team()) {
        (Some(user), Some(team)) => format!("the user {} in the team {}", user.as_str(), team.as_str()),
        (Some(user), None) => format!("the user {}", user.as_str()),
        (None, Some(team)) => format!("the team {}", team.as_str()),
        (None, None) => "the key".to_owned(),
    };
    let about = either(admission.subject.is_some(), "; the path names one", "");
    let named = either(admission.previous.is_empty(), "", "; the body names one");
    Some(format!("those of {whose}{about}{named}"))
}

fn either<T>(which: bool, yes: T, no: T) -> T {
    if which { yes } else { no }
}

/// What was spent, where there is a limit.
fn spent_of(budget: &Budget) -> String {
    let max = budget.max_at(telemetry::now());
    max.map(|max| format!("; spent {} of {} USD", budget.spend.dollars(), max.dollars())).unwrap_or_default()
}
