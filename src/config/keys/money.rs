//! Amounts, budgets and limits of the key file.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::Compiler;
use crate::config::raw::{RawBudget, RawModelBudget, RawWindow};
use crate::core::budget::{Amount, Budget, Increase, ModelBudgets};
use crate::core::limits::{Limits, ModelLimits};
use crate::core::model_list::ModelList;
use crate::core::time;

/// Entries of `budgets`, by their ids.
pub(super) type Rows = HashMap<String, Arc<Row>>;

/// Limits that others refer to.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) max: Option<Amount>,
    pub(super) resets_at: Option<Timestamp>,
    pub(super) allowed_models: ModelList,
    pub(super) limits: Limits,
    pub(super) models: BTreeMap<Box<str>, OneModel>,
}

/// What a row or a key says of one model.
#[derive(Debug, Clone, Copy)]
pub(super) struct OneModel {
    max: Option<Amount>,
    pub(super) limits: Limits,
}

/// A budget as a record has it.
pub(super) struct Written<'a> {
    pub(super) max: Option<f64>,
    pub(super) spend: f64,
    pub(super) reset_at: Option<&'a str>,
}

impl Compiler<'_> {
    pub(super) fn row(&mut self, place: &str, raw: &RawBudget) -> (String, Row) {
        let row = Row {
            max: self.max(place, raw.max_budget),
            resets_at: self.time(&format!("{place}.budget_reset_at"), raw.budget_reset_at.as_deref()),
            allowed_models: super::model_list(&raw.allowed_models),
            limits: limits(raw.rpm_limit, raw.tpm_limit, raw.max_parallel_requests),
            models: self.models(place, &raw.model_max_budget),
        };
        (raw.budget_id.clone(), row)
    }

    /// A record's own limit, else its row's (LiteLLM DB-2). An amount that cannot be read is a mistake, and
    /// never "no limit" (SEC-32).
    pub(super) fn budget(&mut self, place: &str, written: &Written<'_>, row: Option<&Row>) -> Budget {
        let own = self.max(place, written.max);
        let spend = self.amount(&format!("{place}.spend"), written.spend).unwrap_or_default();
        let resets_at = self.time(&format!("{place}.budget_reset_at"), written.reset_at);
        let of_row = row.and_then(|row| row.resets_at);
        Budget { max: own.or(row.and_then(|row| row.max)), spend, resets_at: resets_at.or(of_row), increase: None }
    }

    pub(super) fn windows(&mut self, place: &str, raw: &[RawWindow]) -> Vec<Budget> {
        let windows = raw.iter().enumerate().map(|(index, window)| {
            let place = format!("{place}.budget_limits[{index}]");
            Budget {
                max: self.max(&place, Some(window.max_budget)),
                spend: self.amount(&format!("{place}.spend"), window.spend).unwrap_or_default(),
                resets_at: self.time(&format!("{place}.reset_at"), window.reset_at.as_deref()),
                increase: None,
            }
        });
        windows.collect()
    }

    /// What is said of single models.
    pub(super) fn models(
        &mut self,
        place: &str,
        raw: &BTreeMap<String, RawModelBudget>,
    ) -> BTreeMap<Box<str>, OneModel> {
        let models = raw.iter().map(|(name, raw)| {
            let place = format!("{place}.model_max_budget.{name}");
            if name.contains('*') {
                self.problem(&place, "a budget is for one model; write its name");
            }
            if raw.budget_limit.is_some() && raw.max_budget.is_some() {
                self.problem(&place, "`budget_limit` and `max_budget` are one thing; keep one");
            }
            let max = raw.budget_limit.or(raw.max_budget).and_then(|max| self.amount(&place, max));
            (name.as_str().into(), OneModel { max, limits: limits(raw.rpm_limit, raw.tpm_limit, None) })
        });
        models.collect()
    }

    /// Limits of single models, with what was spent on each.
    pub(super) fn model_budgets(
        &mut self,
        place: &str,
        models: &BTreeMap<Box<str>, OneModel>,
        spend: &BTreeMap<String, f64>,
    ) -> ModelBudgets {
        let spend: BTreeMap<_, _> = spend
            .iter()
            .filter_map(|(name, spend)| {
                Some((name.as_str(), self.amount(&format!("{place}.model_spend.{name}"), *spend)?))
            })
            .collect();
        let budgets = models.iter().filter(|(_, model)| model.max.is_some()).map(|(name, model)| {
            // What was spent under a provider's name was spent on the model.
            let own = |spent: &str| {
                spent == name.as_ref() || spent.rsplit_once('/').is_some_and(|(_, short)| short == name.as_ref())
            };
            let sum: f64 = spend.iter().filter(|(spent, _)| own(spent)).map(|(_, amount)| amount.dollars()).sum();
            let spend = Amount::new(sum).unwrap_or_default();
            (name.clone(), Budget { max: model.max, spend, ..Budget::default() })
        });
        budgets.collect()
    }

    /// `metadata.temp_budget_increase` until `metadata.temp_budget_expiry` (LiteLLM KEY-10). What cannot be
    /// read raises nothing, and does not lock the key (B13, B14, SEC-25).
    pub(super) fn increase(&mut self, place: &str, metadata: &BTreeMap<String, Value>) -> Option<Increase> {
        let place = format!("{place}.metadata");
        let written = (metadata.get("temp_budget_increase"), metadata.get("temp_budget_expiry"));
        let (Some(amount), Some(until)) = written else {
            if written != (None, None) {
                self.warning(place, "`temp_budget_increase` and `temp_budget_expiry` belong together; ignored");
            }
            return None;
        };
        let amount = amount.as_f64().or_else(|| amount.as_str()?.trim().parse().ok()).and_then(Amount::new);
        if amount.is_none() {
            self.warning(format!("{place}.temp_budget_increase"), "it is no amount; ignored");
        }
        let until = until.as_str().and_then(time::parse);
        if until.is_none() {
            self.warning(format!("{place}.temp_budget_expiry"), "it is no time; ignored");
        }
        Some(Increase { amount: amount?, until: until? })
    }

    /// `metadata.model_rpm_limit` and `metadata.model_tpm_limit`: numbers by model.
    pub(super) fn model_limits(&mut self, place: &str, metadata: &BTreeMap<String, Value>) -> ModelLimits {
        let mut all = ModelLimits::new();
        for field in ["model_rpm_limit", "model_tpm_limit"] {
            let place = format!("{place}.metadata.{field}");
            let models = match metadata.get(field) {
                None | Some(Value::Null) => continue,
                Some(Value::Object(models)) => models,
                Some(_) => {
                    self.problem(place, "it must be a mapping of models to numbers");
                    continue;
                }
            };
            for (name, limit) in models {
                let Some(limit) = limit.as_u64() else {
                    self.problem(format!("{place}.{name}"), "it must be a whole number");
                    continue;
                };
                let limits = all.entry(name.as_str().into()).or_default();
                let field = if field == "model_rpm_limit" { &mut limits.requests } else { &mut limits.tokens };
                *field = Some(limit);
            }
        }
        all
    }

    fn max(&mut self, place: &str, written: Option<f64>) -> Option<Amount> {
        self.amount(&format!("{place}.max_budget"), written?)
    }

    pub(super) fn amount(&mut self, place: &str, written: f64) -> Option<Amount> {
        let amount = Amount::new(written);
        if amount.is_none() {
            self.problem(place, "it must be an amount: a number that is not negative");
        }
        amount
    }

    pub(super) fn time(&mut self, place: &str, written: Option<&str>) -> Option<Timestamp> {
        let time = time::parse(written?);
        if time.is_none() {
            self.problem(place, time::NO_TIME);
        }
        time
    }
}

/// Limits as written.
pub(super) fn limits(requests: Option<u64>, tokens: Option<u64>, parallel: Option<u64>) -> Limits {
    Limits { requests, tokens, parallel }
}
