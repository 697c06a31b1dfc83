//! Sizes and times with a unit, as users write them.

/// The units of a size, the largest first.
const SIZES: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];
/// The units of a time in seconds, the largest first.
const TIMES: [(&str, u64); 4] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

/// Parses a size such as `256MiB`; returns bytes, at least 1.
///
/// # Errors
/// The accepted values.
#[cfg(feature = "config")]
pub fn size(text: &str) -> Result<u64, &'static str> {
    parse(text, &SIZES).ok_or("use an integer with B, KiB, MiB, GiB or TiB, such as \"256MiB\"")
}

/// Parses a time such as `1h`; returns seconds, at least 1.
///
/// # Errors
/// The accepted values.
#[cfg(feature = "config")]
pub fn time(text: &str) -> Result<u64, &'static str> {
    parse(text, &TIMES).ok_or("use an integer with s, m, h or d, such as \"1h\"")
}

/// Shows bytes with their unit.
pub fn shown_size(bytes: u64) -> String {
    shown(bytes, &SIZES)
}

/// Shows seconds with their unit.
pub fn shown_time(seconds: u64) -> String {
    shown(seconds, &TIMES)
}

#[cfg(feature = "config")]
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    let value = count.parse::<u64>().ok()?.checked_mul(*factor)?;
    (value > 0).then_some(value)
}

fn shown(value: u64, units: &[(&str, u64)]) -> String {
    let mut fitting = units
        .iter()
        .filter(|(_, factor)| value.is_multiple_of(*factor));
    match fitting.next() {
        Some((name, factor)) => format!("{}{name}", value / factor),
        None => value.to_string(),
    }
}

#[cfg(all(test, feature = "config"))]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_a_unit() {
        for (text, expected) in [
            ("256MiB", Some(256 << 20)),
            ("1 GiB", Some(1 << 30)),
            ("5B", Some(5)),
            ("0B", None),
            ("5", None),
            ("MiB", None),
            ("5MB", None),
            ("99999999999999999TiB", None),
            ("-1B", None),
        ] {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
        assert_eq!(time("1h"), Ok(3600));
        assert_eq!(time("2s"), Ok(2));
        assert!(time("1 hour").is_err());
        assert_eq!(
            (shown_size(256 << 20), shown_time(5400)),
            ("256MiB".into(), "90m".into())
        );
    }
}
