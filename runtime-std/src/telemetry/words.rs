//! Numbers in words, for people.

/// Formats seconds with one unit.
pub fn period(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    match seconds as u64 {
        0..120 => format!("{seconds:.0} s"),
        120..7200 => format!("{:.0} min", seconds / 60.0),
        7200..172_800 => format!("{:.0} h", seconds / 3600.0),
        _ => format!("{:.0} d", seconds / 86_400.0),
    }
}

/// Formats bytes with one unit.
pub fn size(bytes: u64) -> String {
    let of = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", of / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", of / 1_048_576.0),
        _ => format!("{:.1} GiB", of / 1_073_741_824.0),
    }
}

/// Formats a count with a space between thousands.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index % 3 == first {
            // A narrow space at which no line is broken.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_unit() {
        assert_eq!(period(59.6), "60 s");
        assert_eq!(period(7300.0), "2 h");
        assert_eq!(period(-1.0), "0 s");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567).replace('\u{202f}', " "), "1 234 567");
        assert_eq!(count(123_456).replace('\u{202f}', " "), "123 456");
    }
}
