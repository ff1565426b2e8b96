//! Money: what was spent, and how much may be.
//!
//! One rule for every level: refused once `spend >= max_budget`; no limit is none, a limit of zero refuses
//! at once (LiteLLM BUD-1 has five rules, SEC-26).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::models::ModelMap;

/// US dollars: finite and not negative. LiteLLM reads NaN and infinity as "no limit" (B07b, SEC-32).
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub struct Amount(f64);

impl Amount {
    /// `None` for what is no amount of money.
    #[must_use]
    pub fn new(dollars: f64) -> Option<Self> {
        (dollars.is_finite() && dollars >= 0.0).then_some(Self(dollars))
    }

    /// The amount in US dollars.
    #[must_use]
    pub fn dollars(self) -> f64 {
        self.0
    }
}

/// A limit and what was spent of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budget {
    /// The limit; without one nothing is refused.
    pub max: Option<Amount>,
    /// Spent since the budget last began anew.
    pub spend: Amount,
    /// When it begins anew, as far as that is known.
    pub resets_at: Option<Timestamp>,
    /// What was granted on top for a time.
    pub increase: Option<Increase>,
}

/// A temporary increase (LiteLLM KEY-10), asked anew for each request (SEC-25).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Increase {
    /// By how much.
    pub amount: Amount,
    /// Until when.
    pub until: Timestamp,
}

impl Budget {
    /// The limit at this moment.
    #[must_use]
    pub fn max_at(&self, now: Timestamp) -> Option<Amount> {
        let max = self.max?;
        let more = self.increase.filter(|increase| now < increase.until);
        // A sum beyond all numbers would be no limit at all.
        Some(more.and_then(|more| Amount::new(max.0 + more.amount.0)).unwrap_or(max))
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_exhausted(&self, now: Timestamp) -> bool {
        self.max_at(now).is_some_and(|max| self.spend >= max)
    }
}

/// Budgets of single models (LiteLLM KEY-11).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelBudgets(BTreeMap<Box<str>, Budget>);

impl ModelBudgets {
    /// The budget of a model: by its name, else by what follows the last `/` (MB4), else by its provider and name.
    #[must_use]
    pub fn of(&self, model: &str, models: &ModelMap) -> Option<&Budget> {
        let short = || self.0.get(model.rsplit_once('/')?.1);
        let qualified = || self.0.get(models.qualified(model)?.as_str());
        self.0.get(model).or_else(short).or_else(qualified)
    }

    /// Every budget.
    pub fn all(&self) -> impl Iterator<Item = &Budget> {
        self.0.values()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Box<str>, Budget)> for ModelBudgets {
    fn from_iter<I: IntoIterator<Item = (Box<str>, Budget)>>(budgets: I) -> Self {
        Self(budgets.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::models::Model;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn dollars(dollars: f64) -> Amount {
        Amount::new(dollars).unwrap()
    }

    fn budget(max: Option<f64>, spend: f64) -> Budget {
        Budget { max: max.map(dollars), spend: dollars(spend), ..Budget::default() }
    }

    #[test]
    fn one_rule_for_every_level_sec26() {
        assert!(!budget(None, 1e9).is_exhausted(NOW));
        assert!(!budget(Some(10.0), 9.99).is_exhausted(NOW), "B01");
        assert!(budget(Some(10.0), 10.0).is_exhausted(NOW), "B02");
        assert!(budget(Some(0.0), 0.0).is_exhausted(NOW), "B03, B22");
    }

    #[test]
    fn what_is_no_amount_is_refused_b07b_sec32() {
        for dollars in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.01] {
            assert_eq!(Amount::new(dollars), None, "{dollars}");
        }
        assert_eq!(Amount::new(0.0), Some(Amount::default()));
    }

    #[test]
    fn an_increase_ends_by_itself_b11_b12() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let increase = Some(Increase { amount: dollars(5.0), until: second(10) });
        let raised = Budget { increase, ..budget(Some(10.0), 11.0) };
        assert!(!raised.is_exhausted(second(9)), "B11");
        assert!(raised.is_exhausted(second(10)), "B12");
        assert_eq!(Budget { max: None, ..raised }.max_at(NOW), None, "it does not make a limit");
        let endless = Budget { increase: Some(Increase { amount: dollars(f64::MAX), until: second(10) }), ..raised };
        assert!(Budget { max: Some(dollars(f64::MAX)), spend: dollars(f64::MAX), ..endless }.is_exhausted(NOW));
    }

    #[test]
    fn a_model_is_found_by_its_short_name_mb4() {
        let budgets: ModelBudgets = [("gpt-4o", 1.0), ("azure/gpt-4o", 2.0), ("openai/o3", 3.0)]
            .map(|(name, max)| (name.into(), budget(Some(max), 0.0)))
            .into_iter()
            .collect();
        let openai = Model { provider: Some("openai".into()), ..Model::default() };
        let map = ModelMap::new([("o3".into(), openai)], BTreeMap::new());
        let max = |model| budgets.of(model, &map).and_then(|budget| budget.max).map(Amount::dollars);
        assert_eq!(max("gpt-4o"), Some(1.0));
        assert_eq!(max("openai/gpt-4o"), Some(1.0));
        assert_eq!(max("azure/gpt-4o"), Some(2.0));
        assert_eq!(max("o3"), Some(3.0));
        assert_eq!(max("gpt-4o-mini"), None);
    }
}
