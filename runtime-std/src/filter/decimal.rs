//! Decimal numbers of any length, compared exactly.

use std::cmp::Ordering;

/// A number as JSON writes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal<'a> {
    is_negative: bool,
    /// The digits before and after the point. The first one is not 0, unless all are.
    whole: &'a [u8],
    fraction: &'a [u8],
    /// The power of ten of the first digit, plus 1.
    exponent: i64,
}

impl<'a> Decimal<'a> {
    /// Returns the number that a text is; `None` if it is not a number of JSON.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let (is_negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest.as_bytes()),
            None => (false, text.as_bytes()),
        };
        let (whole, rest) = digits(rest);
        if whole.is_empty() || whole.len() > 1 && whole[0] == b'0' {
            return None;
        }
        let (fraction, rest) = match rest.strip_prefix(b".") {
            None => (&[][..], rest),
            Some(rest) => digits(rest),
        };
        if fraction.is_empty() && text.contains('.') {
            return None;
        }
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', exponent @ ..] => power(exponent)?,
            _ => return None,
        };
        Some(Self::normal(is_negative, whole, fraction, exponent))
    }

    fn normal(is_negative: bool, whole: &'a [u8], fraction: &'a [u8], exponent: i64) -> Self {
        let is_zero = |digit: &&u8| **digit == b'0';
        if whole != b"0" {
            let exponent = exponent.saturating_add(whole.len() as i64);
            return Self {
                is_negative,
                whole,
                fraction,
                exponent,
            };
        }
        let zeros = fraction.iter().take_while(is_zero).count();
        let fraction = &fraction[zeros..];
        Self {
            is_negative: is_negative && !fraction.is_empty(),
            whole: &[],
            fraction,
            exponent: match fraction {
                [] => i64::MIN,
                _ => exponent.saturating_sub(zeros as i64),
            },
        }
    }

    /// Returns the first digits; one that is missing is 0.
    fn digits(&self, count: usize) -> impl Iterator<Item = u8> {
        let digits = self.whole.iter().chain(self.fraction).copied();
        digits.chain(std::iter::repeat(b'0')).take(count)
    }

    fn cmp_size(&self, other: &Self) -> Ordering {
        let length = |of: &Self| of.whole.len() + of.fraction.len();
        let count = length(self).max(length(other));
        let exponents = self.exponent.cmp(&other.exponent);
        exponents.then_with(|| self.digits(count).cmp(other.digits(count)))
    }

    /// Compares two numbers.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.cmp_size(other),
            (true, true) => other.cmp_size(self),
        }
    }
}

/// Splits a text after its digits.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at(count)
}

/// Returns the power of ten after the `e`. One that no event means is limited.
fn power(text: &[u8]) -> Option<i64> {
    let (is_negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (all, rest) = digits(text);
    if all.is_empty() || !rest.is_empty() {
        return None;
    }
    let add = |sum: i64, digit: &u8| sum.saturating_mul(10).saturating_add((digit - b'0').into());
    let power = all.iter().fold(0, add).min(i64::MAX / 4);
    Some(if is_negative { -power } else { power })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_exactly_whatever_their_length() {
        let ascending = [
            "-1e400",
            "-123456789012345678901234567890",
            "-2",
            "-1.5",
            "-0.001",
            "0",
            "1e-400",
            "0.000999",
            "0.001",
            "0.1",
            "0.11",
            "1",
            "9.99",
            "10",
            "9007199254740992",
            "9007199254740993",
            "9007199254740993.1",
            "18446744073709551616",
            "123456789012345678901234567890",
            "123456789012345678901234567891",
            "1e400",
            "1e99999999999999999999",
        ];
        for (place, one) in ascending.iter().enumerate() {
            for (other_place, other) in ascending.iter().enumerate() {
                let compared = Decimal::of(one)
                    .unwrap()
                    .compare(&Decimal::of(other).unwrap());
                assert_eq!(compared, place.cmp(&other_place), "{one} and {other}");
            }
        }
    }

    #[test]
    fn a_number_has_several_forms() {
        for same in [
            ["0", "-0"],
            ["0", "0.00e5"],
            ["1", "1.000"],
            ["1", "10e-1"],
            ["100", "1e2"],
            ["100", "1E+02"],
            ["0.012", "12e-3"],
            ["-1.50", "-15e-1"],
        ] {
            let [one, other] = same.map(|text| Decimal::of(text).unwrap());
            assert_eq!(one.compare(&other), Ordering::Equal, "{same:?}");
        }
    }

    #[test]
    fn what_json_does_not_take_for_a_number_is_none() {
        for text in [
            "", "-", "01", "-01", "1.", ".5", "1e", "1e+", "+1", "1.e2", "0x1", "1 ", "1,5",
            "1.2.3",
        ] {
            assert!(Decimal::of(text).is_none(), "{text}");
        }
    }
}
