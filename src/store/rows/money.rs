//! Budgets and limits of rows.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Map, Value};

use super::columns::{Columns, Members, NO_AMOUNT, NO_COUNT, Unreadable, amount};
use crate::core::budget::{Amount, Budget, Increase, ModelBudgets};
use crate::core::limits::{Limits, ModelLimits};
use crate::core::model_list::ModelList;
use crate::core::time;

/// A row of `"LiteLLM_BudgetTable"`.
#[derive(Debug, Default)]
pub(super) struct BudgetRow {
    pub(super) max: Option<Amount>,
    pub(super) resets_at: Option<Timestamp>,
    pub(super) allowed_models: ModelList,
    pub(super) limits: Limits,
    pub(super) models: Vec<(Box<str>, OneModel)>,
}

/// What a row says of one model.
#[derive(Debug, Clone, Copy)]
pub(super) struct OneModel {
    max: Option<Amount>,
    limits: Limits,
}

impl BudgetRow {
    pub(super) fn read(row: &Columns) -> Result<Self, Unreadable> {
        Ok(Self {
            max: row.amount("max_budget")?,
            resets_at: row.time("budget_reset_at")?,
            allowed_models: ModelList::compile(row.texts("allowed_models")?.unwrap_or_default()),
            limits: limits(row)?,
            models: models(row)?,
        })
    }
}

/// What was spent of the row's own limit, else that of its budget row (LiteLLM DB-2).
pub(super) fn budget(row: &Columns, of_row: Option<&BudgetRow>) -> Result<Budget, Unreadable> {
    let (max, resets_at) = (row.amount("max_budget")?, row.time("budget_reset_at")?);
    let of_row = of_row.map(|row| (row.max, row.resets_at)).unwrap_or_default();
    Ok(Budget { max: max.or(of_row.0), resets_at: resets_at.or(of_row.1), ..spent(row)? })
}

/// What was spent, of a limit that is somewhere else.
pub(super) fn spent(row: &Columns) -> Result<Budget, Unreadable> {
    let spend = row.amount("spend")?.ok_or_else(|| row.error("spend", "it must not be NULL"))?;
    Ok(Budget { spend, ..Budget::default() })
}

/// The budget; where it has no limit, that of the row.
pub(super) fn or_budget(budget: Budget, row: Option<&BudgetRow>) -> Budget {
    let Some(row) = row.filter(|_| budget.max.is_none()) else {
        return budget;
    };
    Budget { max: row.max, resets_at: budget.resets_at.or(row.resets_at), ..budget }
}

/// The three limits every kind of row has.
pub(super) fn limits(row: &Columns) -> Result<Limits, Unreadable> {
    Ok(Limits {
        requests: row.count("rpm_limit")?,
        tokens: row.count("tpm_limit")?,
        parallel: row.count("max_parallel_requests")?,
    })
}

/// `model_max_budget` (LiteLLM KEY-11).
pub(super) fn models(row: &Columns) -> Result<Vec<(Box<str>, OneModel)>, Unreadable> {
    const COLUMN: &str = "model_max_budget";
    let one = |(name, value): (&String, &Value)| {
        let members = value.as_object().ok_or_else(|| row.error(COLUMN, "an entry is no object"))?;
        let member = |name: &str| members.get(name).filter(|value| !value.is_null());
        let count =
            |name| member(name).map(|value| value.as_u64().ok_or_else(|| row.error(COLUMN, NO_COUNT))).transpose();
        let max = member("budget_limit").or_else(|| member("max_budget"));
        let max = max.map(|value| money(value).ok_or_else(|| row.error(COLUMN, NO_AMOUNT))).transpose()?;
        let limits = Limits { requests: count("rpm_limit")?, tokens: count("tpm_limit")?, parallel: None };
        Ok((name.as_str().into(), OneModel { max, limits }))
    };
    row.object(COLUMN)?.into_iter().flatten().map(one).collect()
}

/// Budgets of single models, with what was spent on each.
pub(super) fn model_budgets(
    models: &[(Box<str>, OneModel)],
    spend: Option<&Map<String, Value>>,
    error: Unreadable,
) -> Result<ModelBudgets, Unreadable> {
    let budgets = models.iter().filter(|(_, model)| model.max.is_some()).map(|(name, model)| {
        let spend = spend.and_then(|spend| spend.get(name.as_ref()));
        let spend = spend.map(|spend| amount(spend).ok_or(error)).transpose()?.unwrap_or_default();
        Ok((name.clone(), Budget { max: model.max, spend, ..Budget::default() }))
    });
    budgets.collect()
}

/// Limits of single models beside their budgets.
pub(super) fn limits_of(models: &[(Box<str>, OneModel)]) -> ModelLimits {
    let limited = models.iter().filter(|(_, model)| !model.limits.is_empty());
    limited.map(|(name, model)| (name.clone(), model.limits)).collect()
}

/// Numbers by model, of requests and of tokens.
pub(super) fn model_limits(
    requests: Option<&Map<String, Value>>,
    tokens: Option<&Map<String, Value>>,
    error: Unreadable,
) -> Result<ModelLimits, Unreadable> {
    let mut all = ModelLimits::new();
    for (name, limit) in requests.into_iter().flatten().filter(|(_, limit)| !limit.is_null()) {
        all.entry(name.as_str().into()).or_default().requests = Some(limit.as_u64().ok_or(error)?);
    }
    for (name, limit) in tokens.into_iter().flatten().filter(|(_, limit)| !limit.is_null()) {
        all.entry(name.as_str().into()).or_default().tokens = Some(limit.as_u64().ok_or(error)?);
    }
    Ok(all)
}

/// `metadata.model_rpm_limit` and `metadata.model_tpm_limit`.
pub(super) fn metadata_limits(metadata: Members<'_>) -> Result<ModelLimits, Unreadable> {
    let requests = metadata.object("model_rpm_limit", "metadata.model_rpm_limit")?;
    let tokens = metadata.object("model_tpm_limit", "metadata.model_tpm_limit")?;
    model_limits(requests, tokens, metadata.error("metadata.model_rpm_limit", "it must hold whole numbers"))
}

/// `metadata.temp_budget_increase` until `metadata.temp_budget_expiry` (LiteLLM KEY-10). What cannot be read
/// raises nothing, and does not lock the key (B13, B14, SEC-25).
pub(super) fn increase(metadata: Members<'_>) -> Option<Increase> {
    let amount = money(metadata.get("temp_budget_increase")?)?;
    let until = time::parse(metadata.get("temp_budget_expiry")?.as_str()?)?;
    Some(Increase { amount, until })
}

/// A budget for a window of time, and when the window began (LiteLLM BUD-4).
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) budget: Budget,
    pub(super) since: Timestamp,
}

/// `budget_limits`. What a window has used up is in the log, not in the row (BUD-3).
pub(super) fn windows(row: &Columns, now: Timestamp) -> Result<Vec<Window>, Unreadable> {
    const COLUMN: &str = "budget_limits";
    let one = |value: &Value| {
        let member = |name: &str| value.get(name).filter(|value| !value.is_null());
        let max = member("max_budget").and_then(amount).ok_or_else(|| row.error(COLUMN, NO_AMOUNT))?;
        let length = member("budget_duration").and_then(Value::as_str).and_then(duration);
        let length =
            length.ok_or_else(|| row.error(COLUMN, "`budget_duration` must be like `30s`, `5m`, `1h`, `1d`, `1mo`"))?;
        let resets_at = member("reset_at").map(|value| value.as_str().and_then(time::parse));
        let resets_at =
            resets_at.map(|at| at.ok_or_else(|| row.error(COLUMN, "`reset_at` must be a time"))).transpose()?;
        let since =
            before(resets_at.unwrap_or(now), length).ok_or_else(|| row.error(COLUMN, "the window is too long"))?;
        Ok(Window { budget: Budget { max: Some(max), resets_at, ..Budget::default() }, since })
    };
    row.list(COLUMN)?.into_iter().flatten().map(one).collect()
}

/// LiteLLM's durations: a number and `s`, `m`, `h`, `d`, `w` or `mo`.
fn duration(text: &str) -> Option<Span> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
    match unit {
        "s" => Span::new().try_seconds(number).ok(),
        "m" => Span::new().try_minutes(number).ok(),
        "h" => Span::new().try_hours(number).ok(),
        "d" => Span::new().try_days(number).ok(),
        "w" => Span::new().try_weeks(number).ok(),
        "mo" => Span::new().try_months(number).ok(),
        _ => None,
    }
}

fn before(at: Timestamp, length: Span) -> Option<Timestamp> {
    let at: DateTime = at.to_zoned(TimeZone::UTC).datetime();
    let since = at.checked_sub(length).ok()?;
    since.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// A number, or a text that is one.
fn money(value: &Value) -> Option<Amount> {
    amount(value).or_else(|| value.as_str()?.trim().parse().ok().and_then(Amount::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_begin_a_duration_before_they_end() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let end = at("2026-03-31T12:00:00Z");
        for (length, begin) in [
            ("30s", "2026-03-31T11:59:30Z"),
            ("5m", "2026-03-31T11:55:00Z"),
            ("1h", "2026-03-31T11:00:00Z"),
            ("7d", "2026-03-24T12:00:00Z"),
            ("1mo", "2026-02-28T12:00:00Z"),
        ] {
            assert_eq!(before(end, duration(length).unwrap()), Some(at(begin)), "{length}");
        }
        for text in ["", "d", "0d", "-1d", "1", "1y", "1 d", "999999999999999999999d", "99999999999999s"] {
            assert!(duration(text).is_none(), "{text}");
        }
    }
}
