//! The header `litellm_user_api_key` on paths of provider pass-throughs (LiteLLM EXT-11). In LiteLLM it
//! overrides every other source; here it is off by default and must agree with them (SEC-16).

use super::{Extractor, Found, Input, OptionalSource, Source, raw};
use crate::core::path::is_below;
use crate::core::route::PASS_THROUGH_PREFIXES;

pub(super) const SOURCE: Source = Source { name: "litellm_user_api_key", read };

fn read<'a>(extractor: &Extractor, input: &Input<'a>) -> Found<'a> {
    let below = |prefix: &&str| is_below(input.path, prefix);
    if extractor.reads(OptionalSource::LitellmUserApiKey) && PASS_THROUGH_PREFIXES.iter().any(below) {
        return raw(input, "litellm_user_api_key");
    }
    Found::Absent
}
