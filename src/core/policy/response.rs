//! May the caller use the responses that the request names?

use super::Asked;
use crate::core::deny::DenyReason;

/// Found by [`Guard::judge`](crate::core::response_id::Guard::judge).
pub(super) fn owned(asked: &Asked<'_>) -> Result<(), DenyReason> {
    asked.responses.map(drop)
}
