//! Times in claims (RFC 7519 section 2, `NumericDate`), and whether they have come.

use serde_json::{Map, Value};

use super::Refusal;

/// A whole second since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub i64);

/// How times are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRules {
    /// How far clocks may differ, in seconds.
    pub leeway: u32,
    /// Whether a token may live for ever (W09). LiteLLM says yes.
    pub expiry_optional: bool,
    /// How far `exp` may be away, in seconds. Leeway is added.
    pub max_lifetime: Option<u32>,
}

impl Default for TimeRules {
    /// No leeway (S-113), and `exp` is required (S-112).
    fn default() -> Self {
        Self { leeway: 0, expiry_optional: false, max_lifetime: None }
    }
}

/// A number of seconds, a fraction is cut off. Texts, booleans, `null` and negative numbers are refused
/// (S-111, S-114); what is beyond the range is far away.
pub(super) fn claim(claims: &Map<String, Value>, name: &'static str) -> Result<Option<Seconds>, Refusal> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let Value::Number(number) = value else {
        return Err(Refusal::ClaimType(name));
    };
    if let Some(seconds) = number.as_u64() {
        return Ok(Some(Seconds(i64::try_from(seconds).unwrap_or(i64::MAX))));
    }
    match number.as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "a fraction is cut off; casts from floats saturate")]
        Some(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(Some(Seconds(seconds as i64))),
        _ => Err(Refusal::ClaimType(name)),
    }
}

/// Judges `exp`, `nbf` and `iat`. Tells when the token expires.
pub(crate) fn judge(claims: &Map<String, Value>, rules: &TimeRules, now: Seconds) -> Result<Option<Seconds>, Refusal> {
    let (exp, nbf, iat) = (claim(claims, "exp")?, claim(claims, "nbf")?, claim(claims, "iat")?);
    let leeway = i64::from(rules.leeway);
    let (earliest, latest) = (now.0.saturating_sub(leeway), now.0.saturating_add(leeway));
    match exp {
        None if !rules.expiry_optional => return Err(Refusal::NoExpiry),
        Some(Seconds(exp)) if exp <= earliest => return Err(Refusal::Expired),
        None | Some(_) => {}
    }
    if nbf.is_some_and(|nbf| nbf.0 > latest) {
        return Err(Refusal::NotYet);
    }
    if iat.is_some_and(|iat| iat.0 > latest) {
        return Err(Refusal::IssuedLater);
    }
    if let Some(most) = rules.max_lifetime {
        // A token that never expires lives longest.
        let exp = exp.map_or(i64::MAX, |exp| exp.0);
        if exp > latest.saturating_add(i64::from(most)) {
            return Err(Refusal::Lifetime);
        }
    }
    Ok(exp)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::jwt::json;

    const NOW: Seconds = Seconds(1_000_000);

    fn judged(claims: &str, rules: TimeRules) -> Result<Option<Seconds>, Refusal> {
        judge(&json::object(claims.as_bytes()).unwrap(), &rules, NOW)
    }

    fn strict(claims: &str) -> Result<Option<Seconds>, Refusal> {
        judged(claims, TimeRules::default())
    }

    #[test]
    fn types_of_exp_s111() {
        for exp in ["\"1234\"", "\"2000000\"", "-1", "-0.5", "true", "null", "[2000000]", "{}", "-1e300"] {
            assert_eq!(strict(&format!("{{\"exp\":{exp}}}")), Err(Refusal::ClaimType("exp")), "{exp}");
        }
        for exp in ["0", "1.5", "1e5", "0.0"] {
            assert_eq!(strict(&format!("{{\"exp\":{exp}}}")), Err(Refusal::Expired), "{exp}");
        }
        for exp in ["1000001", "1000001.5", "1e19", "1e300", "18446744073709551615", "9223372036854775807"] {
            assert!(strict(&format!("{{\"exp\":{exp}}}")).is_ok(), "{exp}");
            let limited = TimeRules { max_lifetime: Some(0), leeway: u32::MAX, ..TimeRules::default() };
            let seen = judged(&format!("{{\"exp\":{exp}}}"), limited);
            assert_eq!(seen.is_ok(), exp.starts_with("10"), "{exp}: {seen:?}");
        }
    }

    #[test]
    fn exp_is_required_s112_v043() {
        assert_eq!(strict("{}"), Err(Refusal::NoExpiry));
        let optional = TimeRules { expiry_optional: true, ..TimeRules::default() };
        assert_eq!(judged("{}", optional), Ok(None));
        assert_eq!(judged("{}", TimeRules { max_lifetime: Some(60), ..optional }), Err(Refusal::Lifetime));
    }

    #[test]
    fn the_edges_of_expiry_and_leeway_s113_v044() {
        assert_eq!(strict("{\"exp\":999970}"), Err(Refusal::Expired), "30 s ago");
        assert_eq!(strict("{\"exp\":1000000}"), Err(Refusal::Expired), "now");
        assert_eq!(strict("{\"exp\":1000001}"), Ok(Some(Seconds(1_000_001))));
        let lenient = TimeRules { leeway: 30, ..TimeRules::default() };
        assert_eq!(judged("{\"exp\":999970}", lenient), Err(Refusal::Expired));
        assert!(judged("{\"exp\":999971}", lenient).is_ok());
    }

    #[test]
    fn the_future_is_refused_s114_v045_v046() {
        for (name, refusal) in [("nbf", Refusal::NotYet), ("iat", Refusal::IssuedLater)] {
            let at = |value: &str| strict(&format!("{{\"exp\":2000000,\"{name}\":{value}}}"));
            assert_eq!(at("1000060"), Err(refusal));
            assert_eq!(at("1000001"), Err(refusal));
            assert_eq!(at("1e300"), Err(refusal));
            assert!(at("1000000").is_ok());
            for odd in ["\"99999999999\"", "\"x\"", "null", "true", "-1"] {
                assert_eq!(at(odd), Err(Refusal::ClaimType(name)), "{name} {odd}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_clock_overflows_s115(exp in any::<u64>(), nbf in any::<u64>(), now in any::<i64>(), leeway in any::<u32>(), life in any::<Option<u32>>()) {
            let claims = json::object(format!("{{\"exp\":{exp},\"nbf\":{nbf}}}").as_bytes()).unwrap();
            let rules = TimeRules { leeway, expiry_optional: false, max_lifetime: life };
            let wide = (i128::from(now), i128::from(leeway));
            if judge(&claims, &rules, Seconds(now)).is_ok() {
                prop_assert!(i128::from(exp) > wide.0 - wide.1);
                prop_assert!(i128::from(nbf) <= wide.0 + wide.1 || nbf > i64::MAX as u64);
            }
        }
    }
}
