//! Numbers: where they are on an axis, and how they are written.

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Number,
    /// Written in B, KiB and MiB.
    Bytes,
}

/// The values along one edge of a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    /// From zero on.
    Linear,
    /// Zero is one step to the left of the least other value.
    Logarithmic,
}

/// An axis for some values.
pub(super) struct Scale {
    axis: Axis,
    /// The ends, as logarithms if that is so.
    least: f64,
    most: f64,
    /// Where zero is.
    zero: f64,
}

impl Scale {
    /// For values along the lower edge, which are its ends.
    pub(super) fn of_values(axis: Axis, values: &[f64]) -> Self {
        let positive = values.iter().filter(|value| **value > 0.0);
        let (least, most) = positive.fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), value| {
            (least.min(*value), most.max(*value))
        });
        let (least, most) = match axis {
            Axis::Linear => (0.0, most),
            Axis::Logarithmic => (least.min(most).log10(), most.log10()),
        };
        let steps = values.iter().filter(|value| **value > 0.0).count().max(2) - 1;
        let zero = match axis {
            Axis::Linear => 0.0,
            Axis::Logarithmic => least - (most - least) / steps as f64,
        };
        let has_zero = values.contains(&0.0);
        Self {
            axis,
            least: if has_zero { zero } else { least },
            most,
            zero,
        }
    }

    /// For values along the left edge: the ends are ticks.
    pub(super) fn of_ticks(axis: Axis, ticks: &[f64]) -> Self {
        Self::of_values(axis, ticks)
    }

    /// From 0 at one end to 1 at the other.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = match self.axis {
            Axis::Linear => value,
            Axis::Logarithmic if value > 0.0 => value.log10(),
            Axis::Logarithmic => self.zero,
        };
        match self.most > self.least {
            true => (value - self.least) / (self.most - self.least),
            false => 0.5,
        }
    }
}

/// Round numbers that enclose the values.
pub(super) fn ticks(axis: Axis, values: &[f64]) -> Vec<f64> {
    let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    match axis {
        Axis::Linear => {
            let size = 10_f64.powf((most / 4.0).log10().floor());
            let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * size);
            let enough = |step: &&f64| **step * 5.0 >= most;
            let step = *steps.iter().find(enough).unwrap_or(&steps[4]);
            let count = (most / step).ceil() as u32;
            (0..=count).map(|tick| f64::from(tick) * step).collect()
        }
        Axis::Logarithmic => {
            let positive = values.iter().copied().filter(|value| *value > 0.0);
            let least = positive.fold(most, f64::min);
            let (first, last) = (least.log10().floor() as i32, most.log10().ceil() as i32);
            (first..=last.max(first + 1))
                .map(|power| 10_f64.powi(power))
                .collect()
        }
    }
}

/// A number as a label.
pub(super) fn label(unit: Unit, value: f64) -> String {
    let sizes = [(1_048_576.0, "MiB"), (1024.0, "KiB")];
    match unit {
        Unit::Number => grouped(&plain(value)),
        Unit::Bytes => match sizes.iter().find(|(size, _)| value >= *size) {
            Some((size, name)) => format!("{} {name}", plain(value / size)),
            None => format!("{} B", plain(value)),
        },
    }
}

/// Without digits that say nothing.
fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Puts a comma between thousands: 1234567.5 is `1,234,567.5`. Other texts stay as they are.
pub(crate) fn grouped(number: &str) -> String {
    let (whole, rest) = match number.split_once('.') {
        Some((whole, _)) => number.split_at(whole.len()),
        None => (number, ""),
    };
    if whole.is_empty() || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.to_owned();
    }
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        let linear = |most| ticks(Axis::Linear, &[most]);
        assert_eq!(linear(539_121.0), [0.0, 200_000.0, 400_000.0, 600_000.0]);
        assert_eq!(linear(7.95), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(
            ticks(Axis::Logarithmic, &[4_665.0, 453_716.0, 0.0]),
            [1e3, 1e4, 1e5, 1e6]
        );
        assert_eq!(ticks(Axis::Logarithmic, &[10.0]), [10.0, 100.0]);
    }

    #[test]
    fn equal_factors_are_equal_lengths_and_zero_has_a_place() {
        let scale = Scale::of_values(Axis::Logarithmic, &[0.0, 16.0, 64.0, 256.0]);
        let places = [0.0, 16.0, 64.0, 256.0].map(|value| scale.place(value));
        for (place, expected) in places.iter().zip([0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0]) {
            assert!((place - expected).abs() < 1e-9, "{places:?}");
        }
        assert_eq!(Scale::of_values(Axis::Linear, &[5.0]).place(2.5), 0.5);
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(grouped("1234567.5"), "1,234,567.5");
        assert_eq!(grouped("123"), "123");
        assert_eq!(grouped("44 %"), "44 %");
        assert_eq!(label(Unit::Bytes, 200.0), "200 B");
        assert_eq!(label(Unit::Bytes, 16_384.0), "16 KiB");
        assert_eq!(label(Unit::Bytes, 1_048_576.0), "1 MiB");
        assert_eq!(label(Unit::Number, 0.5), "0.5");
        assert_eq!(label(Unit::Number, 10_000.0), "10,000");
    }
}
