//! The time from which to request events.

use std::time::{SystemTime, UNIX_EPOCH};

use estreamer_core::wire::InitialTimestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::certificate;

/// Parses `oldest`, `now`, UNIX seconds, RFC 3339, or a time ago such as `-1h`.
///
/// # Errors
/// The accepted values.
pub fn parse(text: &str) -> Result<InitialTimestamp, String> {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_secs());
    parse_at(text, seconds)
}

/// Returns the time in words, to be followed by “on”: `the oldest`, `now`, or RFC 3339.
pub fn in_words(from: InitialTimestamp) -> String {
    match from {
        InitialTimestamp::OLDEST => "the oldest".into(),
        InitialTimestamp::NOW => "now".into(),
        InitialTimestamp(seconds) => certificate::utc(i64::from(seconds)),
    }
}

/// Returns what is unusual about a start that is more than a day ahead of this machine's
/// clock: no event can be that new.
pub fn is_ahead(from: InitialTimestamp) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |age| age.as_secs());
    let fixed = from != InitialTimestamp::NOW && from != InitialTimestamp::OLDEST;
    (fixed && u64::from(from.0) > now + 86_400).then(|| {
        let from = in_words(from);
        format!("{from} is in the future by this machine's clock: no event is that new")
    })
}

fn parse_at(text: &str, now: u64) -> Result<InitialTimestamp, String> {
    let seconds = match text {
        "oldest" => return Ok(InitialTimestamp::OLDEST),
        "now" => return Ok(InitialTimestamp::NOW),
        _ if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => match text.strip_prefix('-') {
            Some(ago) => ago_seconds(ago).map(|ago| now.saturating_sub(ago)),
            None => OffsetDateTime::parse(text, &Rfc3339)
                .ok()
                .and_then(|time| u64::try_from(time.unix_timestamp()).ok()),
        },
    };
    let Some(seconds) = seconds else {
        return Err(
            "use oldest, now, UNIX seconds, 2026-01-31T12:00:00Z, or a time ago like -90s, -30m, -1h, -7d"
                .into(),
        );
    };
    // 0 and ffffffff mean `oldest` and `now` on the wire.
    match u32::try_from(seconds) {
        Ok(seconds) if seconds != 0 && seconds != u32::MAX => Ok(InitialTimestamp(seconds)),
        _ => Err("the time is outside 1970-01-01T00:00:01Z to 2106-02-07T06:28:14Z".into()),
    }
}

/// Parses `90s`, `30m`, `1h` or `7d` as seconds.
fn ago_seconds(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accepted_time_is_parsed() {
        for (text, expected) in [
            ("oldest", 0),
            ("now", u32::MAX),
            ("1700000000", 1_700_000_000),
            ("2023-11-14T22:13:20Z", 1_700_000_000),
            ("2023-11-14T23:13:20+01:00", 1_700_000_000),
            ("-90s", 9_910),
            ("-1h", 6_400),
        ] {
            assert_eq!(
                parse_at(text, 10_000),
                Ok(InitialTimestamp(expected)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_time_that_would_mean_oldest_or_now_on_the_wire_is_refused() {
        for text in [
            "0",
            "4294967295",
            "99999999999999999999",
            "1969-01-01T00:00:00Z",
            "-7d",
        ] {
            assert!(parse_at(text, 10_000).is_err(), "{text}");
        }
    }

    #[test]
    fn an_invalid_time_lists_the_accepted_values() {
        for text in ["", "-", "yesterday", "-5", "-xh", "2023-11-14", "-é"] {
            let error = parse_at(text, 10_000).unwrap_err();
            assert!(error.contains("oldest"), "{text}: {error}");
        }
    }
}
