//! Times as people and databases write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// What is wrong with a text that [`parse`] refuses.
pub const NO_TIME: &str = "it is no time; write it like `2027-01-31T12:00:00Z`";

/// RFC 3339, or the same without an offset, which is UTC (LiteLLM DB-7). A date alone is refused: it
/// leaves open whether the day still counts.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    if !text.contains(':') {
        return None;
    }
    text.parse::<Timestamp>().ok().or_else(|| {
        let naive: DateTime = text.parse().ok()?;
        naive.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_offset_is_utc_s083() {
        let at = |text| parse(text).map(|time| time.to_string());
        assert_eq!(at("2027-01-31T12:00:00Z").unwrap(), "2027-01-31T12:00:00Z");
        assert_eq!(at("2027-01-31T12:00:00+05:30").unwrap(), "2027-01-31T06:30:00Z");
        assert_eq!(at("2027-01-31T12:00:00").unwrap(), "2027-01-31T12:00:00Z");
        assert_eq!(at("2027-01-31 12:00:00.123").unwrap(), "2027-01-31T12:00:00.123Z");
        for text in ["", "tomorrow", "2027-01-31", "31.01.2027 12:00", "infinity", "1798761600", "2027-02-30T00:00:00Z"]
        {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
