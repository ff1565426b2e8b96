//! Rows of what requests name: end users and tags.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::columns::{Columns, NO_AMOUNT, Unreadable};
use super::money::{self, BudgetRow};
use super::people::referred;
use super::requests::restrictions;
use super::{Reader, Row, one, parse};
use crate::core::budget::Budget;
use crate::core::record::{EndUser, Tag};
use crate::store::sql::tables::{BUDGET, END_USER, OBJECT_PERMISSION, TAG};

/// The document of an end user.
#[derive(Debug, Deserialize)]
struct EndUserDocument<'a> {
    #[serde(borrow)]
    end_user: Row<'a>,
    objects: Row<'a>,
    budget: Row<'a>,
    default: Row<'a>,
}

/// The document of a tag.
#[derive(Debug, Deserialize)]
struct TagDocument<'a> {
    #[serde(borrow)]
    tag: Option<&'a RawValue>,
    budget: Row<'a>,
}

impl Reader {
    /// The end user of a document, else what holds for every unknown one. `None` when nothing is known.
    ///
    /// # Errors
    /// A column that cannot be believed, or a reference to a row that is missing; `default` says that there
    /// must be a default budget.
    pub fn end_user(&self, document: &str, default: bool) -> Result<Option<EndUser>, Unreadable> {
        let rows: EndUserDocument<'_> = serde_json::from_str(document).map_err(|_| no_document(END_USER.name))?;
        let of_all = parse(&BUDGET, rows.default)?;
        if default && of_all.is_none() {
            let problem = "the default budget of end users is missing";
            return Err(Unreadable { table: BUDGET.name, column: "budget_id", problem });
        }
        let of_all = of_all.as_ref().map(BudgetRow::read).transpose()?;
        match parse(&END_USER, rows.end_user)? {
            Some(row) => {
                let objects = restrictions(&row, parse(&OBJECT_PERMISSION, rows.objects)?.as_ref())?;
                let end_user = known(&row, parse(&BUDGET, rows.budget)?.as_ref(), of_all)?;
                Ok(Some(EndUser { objects, ..end_user }))
            }
            None => of_all.as_ref().map(unknown).transpose(),
        }
    }

    /// The tag of a document.
    ///
    /// # Errors
    /// A column that cannot be believed, or a reference to a row that is missing.
    pub fn tag(&self, document: &str) -> Result<Tag, Unreadable> {
        let rows: TagDocument<'_> = serde_json::from_str(document).map_err(|_| no_document(TAG.name))?;
        let row = one(&TAG, rows.tag)?;
        let budget = referred(&row, "budget_id", parse(&BUDGET, rows.budget)?.as_ref())?;
        Ok(Tag { budget: money::or_budget(money::spent(&row)?, budget.as_ref()) })
    }
}

fn known(row: &Columns, budget: Option<&Columns>, default: Option<BudgetRow>) -> Result<EndUser, Unreadable> {
    let own = referred(row, "budget_id", budget)?;
    let spent = money::or_budget(money::or_budget(money::spent(row)?, own.as_ref()), default.as_ref());
    let blocked = row.is_true("blocked")?;
    let region = row.text("allowed_model_region")?.map(str::to_owned);
    let row = own.or(default).unwrap_or_default();
    Ok(EndUser {
        blocked,
        region,
        budget: spent,
        limits: row.limits,
        model_budgets: model_budgets(&row)?,
        ..EndUser::default()
    })
}

fn unknown(row: &BudgetRow) -> Result<EndUser, Unreadable> {
    let budget = money::or_budget(Budget::default(), Some(row));
    Ok(EndUser { budget, limits: row.limits, model_budgets: model_budgets(row)?, ..EndUser::default() })
}

fn model_budgets(row: &BudgetRow) -> Result<crate::core::budget::ModelBudgets, Unreadable> {
    let error = Unreadable { table: BUDGET.name, column: "model_max_budget", problem: NO_AMOUNT };
    money::model_budgets(&row.models, None, error)
}

fn no_document(table: &'static str) -> Unreadable {
    Unreadable { table, column: "*", problem: "the answer is no document" }
}
