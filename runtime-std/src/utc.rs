//! Times in UTC as text.

use time::OffsetDateTime;

/// The months as syslog and LEEF write them.
pub const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The length of `2026-01-31T12:00:00`.
const SECONDS: usize = 19;

/// Appends seconds since 1970 as RFC 3339, such as `2026-01-31T12:00:00Z`. `None` if the year
/// has more than four digits; nothing is appended then.
pub fn append(second: u64, out: &mut String) -> Option<()> {
    let text = &mut [b'Z'; SECONDS + 1];
    write(second, text)?;
    push(text, out)
}

/// Appends microseconds since 1970 as RFC 3339 with six digits after the point, as
/// [`append`] does.
pub fn append_micros(micros: u64, out: &mut String) -> Option<()> {
    let text = &mut [b'Z'; SECONDS + 8];
    write(micros / 1_000_000, text)?;
    text[SECONDS] = b'.';
    digits(micros % 1_000_000, &mut text[SECONDS + 1..SECONDS + 7]);
    push(text, out)
}

fn push(text: &[u8], out: &mut String) -> Option<()> {
    out.push_str(str::from_utf8(text).ok()?);
    Some(())
}

fn write(second: u64, text: &mut [u8]) -> Option<()> {
    let time = OffsetDateTime::from_unix_timestamp(i64::try_from(second).ok()?).ok()?;
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    let year = u64::try_from(year).ok().filter(|year| *year <= 9999)?;
    digits(year, &mut text[..4]);
    for (at, before, number) in [
        (5, b'-', u8::from(month)),
        (8, b'-', day),
        (11, b'T', hour),
        (14, b':', minute),
        (17, b':', second),
    ] {
        text[at - 1] = before;
        digits(number.into(), &mut text[at..at + 2]);
    }
    Some(())
}

/// Writes a number with leading zeros.
fn digits(mut number: u64, text: &mut [u8]) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_four_digits_for_the_year_and_six_after_the_point() {
        let text = |micros: u64| {
            let (mut whole, mut exact) = (String::new(), String::new());
            append(micros / 1_000_000, &mut whole)?;
            append_micros(micros, &mut exact)?;
            Some((whole, exact))
        };
        for (micros, whole, fraction) in [
            (0, "1970-01-01T00:00:00", ".000000Z"),
            (1_769_860_800_000_007, "2026-01-31T12:00:00", ".000007Z"),
            (951_868_799_999_999, "2000-02-29T23:59:59", ".999999Z"),
            (253_402_300_799_000_000, "9999-12-31T23:59:59", ".000000Z"),
        ] {
            let expected = (format!("{whole}Z"), format!("{whole}{fraction}"));
            assert_eq!(text(micros), Some(expected));
        }
        assert_eq!(text(253_402_300_800_000_000), None);
        assert_eq!(text(u64::MAX), None);
    }
}
