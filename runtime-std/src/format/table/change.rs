//! How a value is changed on its way.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use time::OffsetDateTime;

use crate::event::Value;

/// A change of a value. One that it does not fit leaves it to the place for unknown fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::format) enum Change {
    /// Nothing: as it is.
    Unchanged,
    /// `milliseconds`: of seconds.
    Milliseconds,
    /// `time`: RFC 3339 in UTC, of seconds since 1970.
    Time,
    /// `LEEF time`: of milliseconds, such as `Jun 06 2015 02:07:36.300 GMT`.
    LeefTime,
    /// `lower case`: text in lower case (ASCII).
    LowerCase,
    /// `if IPv4`: only an IPv4 address.
    IfIpv4,
    /// `if IPv6`: only an IPv6 address.
    IfIpv6,
    /// `1=High, 2=Low`: these values in other words, and no others.
    Words(Vec<(&'static str, &'static str)>),
}

impl Change {
    /// Reads the column *Written as*: the change and the label.
    pub(super) fn parse(text: &'static str) -> Result<(Self, Option<&'static str>), String> {
        let (mut change, mut label) = (Self::Unchanged, None);
        for step in text
            .split(',')
            .map(str::trim)
            .filter(|step| !step.is_empty())
        {
            let next = match step {
                "milliseconds" => Self::Milliseconds,
                "time" => Self::Time,
                "LEEF time" => Self::LeefTime,
                "lower case" => Self::LowerCase,
                "if IPv4" => Self::IfIpv4,
                "if IPv6" => Self::IfIpv6,
                _ => {
                    if let Some(text) = step.strip_prefix("label ") {
                        label = Some(text);
                        continue;
                    }
                    let word = step.split_once('=').ok_or(format!("what is {step:?}?"))?;
                    match &mut change {
                        Self::Words(words) => {
                            words.push(word);
                            continue;
                        }
                        _ => Self::Words(vec![word]),
                    }
                }
            };
            if change != Self::Unchanged {
                return Err(format!("{step:?} is one change too many"));
            }
            change = next;
        }
        Ok((change, label))
    }

    /// Returns the changed value; `None` if the value does not fit. `buffer` holds it if it
    /// is new.
    pub(in crate::format) fn apply<'b>(
        &'b self,
        value: Value<'b>,
        buffer: &'b mut String,
    ) -> Option<Value<'b>> {
        match self {
            Self::Unchanged => return Some(value),
            Self::IfIpv4 => return is_ip::<Ipv4Addr>(value).then_some(value),
            Self::IfIpv6 => return is_ip::<Ipv6Addr>(value).then_some(value),
            Self::Words(words) => {
                let (Value::Text(text) | Value::Number(text)) = value else {
                    return None;
                };
                let (_, word) = words.iter().find(|(from, _)| *from == text)?;
                return Some(Value::Text(word));
            }
            Self::Milliseconds | Self::Time | Self::LeefTime | Self::LowerCase => buffer.clear(),
        }
        match (self, value) {
            (Self::Milliseconds, _) => {
                let second = value.number()?;
                // Writing to a String cannot fail.
                let _ = match second {
                    0 => write!(buffer, "0"),
                    _ => write!(buffer, "{second}000"),
                };
                Some(Value::Number(buffer))
            }
            (Self::Time, _) => {
                time(value.number()?, buffer)?;
                Some(Value::Text(buffer))
            }
            (Self::LeefTime, _) => {
                leef_time(value.number()?, buffer)?;
                Some(Value::Text(buffer))
            }
            (_, Value::Text(text)) => {
                buffer.push_str(text);
                buffer.make_ascii_lowercase();
                Some(Value::Text(buffer))
            }
            _ => None,
        }
    }
}

fn is_ip<A: std::str::FromStr>(value: Value<'_>) -> bool {
    matches!(value, Value::Text(text) if text.parse::<A>().is_ok())
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Appends milliseconds since 1970 as `Jun 06 2015 02:07:36.300 GMT`.
fn leef_time(milliseconds: u64, buffer: &mut String) -> Option<()> {
    let second = i64::try_from(milliseconds / 1000).ok()?;
    let time = OffsetDateTime::from_unix_timestamp(second).ok()?;
    let month = MONTHS[usize::from(u8::from(time.month())) - 1];
    let (day, year) = (time.day(), time.year());
    let (hour, minute, second) = time.to_hms();
    let _ = write!(
        buffer,
        "{month} {day:02} {year:04} {hour:02}:{minute:02}:{second:02}.{:03} GMT",
        milliseconds % 1000
    );
    Some(())
}

/// Appends seconds since 1970 as RFC 3339.
pub(in crate::format) fn time(second: u64, buffer: &mut String) -> Option<()> {
    let time = OffsetDateTime::from_unix_timestamp(i64::try_from(second).ok()?).ok()?;
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = time.to_hms();
    let _ = write!(
        buffer,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
    );
    (year <= 9999).then_some(())
}
