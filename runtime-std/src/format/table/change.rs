//! How a value is changed on its way.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use time::OffsetDateTime;

use crate::format::event::{Value, decode};
use crate::format::json;
use crate::utc::{self, MONTHS};

/// A change of a value. One that it does not fit leaves it to the place for unknown fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::format) enum Change {
    /// Nothing: as it is.
    Unchanged,
    /// `milliseconds`: of seconds.
    Milliseconds,
    /// `time`: RFC 3339 in UTC, of seconds since 1970; 0 is no time.
    Time,
    /// `nanoseconds`: of seconds.
    Nanoseconds,
    /// `time in milliseconds`: of seconds since 1970; 0 is no time.
    TimeMilliseconds,
    /// `list`: a text as the only element of a list.
    List,
    /// `SHA-256 fingerprint`: a list with the fingerprint object of OCSF.
    Fingerprint,
    /// `integer`: a whole number of at most 63 bits, also if it is written as a string.
    Integer,
    /// `port`: a whole number up to 65535.
    Port,
    /// `LEEF time`: of milliseconds, such as `Jun 06 2015 02:07:36.300 GMT`.
    LeefTime,
    /// `lower case`: text in lower case (ASCII).
    LowerCase,
    /// `upper case`: text in upper case (ASCII).
    UpperCase,
    /// `if IP address`: only an address.
    IfIp,
    /// `if IPv4`: only an IPv4 address.
    IfIpv4,
    /// `if IPv6`: only an IPv6 address.
    IfIpv6,
    /// `domain of user`: the part before a backslash.
    UserDomain,
    /// `name of user`: the part after a backslash, or all of it.
    UserName,
    /// `host of URL`: its host, without user and port.
    UrlHost,
    /// `number of TLS version`: `1.3` of `TLSv1.3`.
    TlsNumber,
    /// `protocol of TLS version`: `tls` of `TLSv1.3`, `ssl` of `SSLv3`.
    TlsProtocol,
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
                "nanoseconds" => Self::Nanoseconds,
                "time in milliseconds" => Self::TimeMilliseconds,
                "list" => Self::List,
                "SHA-256 fingerprint" => Self::Fingerprint,
                "integer" => Self::Integer,
                "port" => Self::Port,
                "time" => Self::Time,
                "LEEF time" => Self::LeefTime,
                "lower case" => Self::LowerCase,
                "upper case" => Self::UpperCase,
                "domain of user" => Self::UserDomain,
                "name of user" => Self::UserName,
                "host of URL" => Self::UrlHost,
                "number of TLS version" => Self::TlsNumber,
                "protocol of TLS version" => Self::TlsProtocol,
                "if IP address" => Self::IfIp,
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
            Self::IfIp => return is_ip::<IpAddr>(value).then_some(value),
            Self::IfIpv4 => return is_ip::<Ipv4Addr>(value).then_some(value),
            Self::IfIpv6 => return is_ip::<Ipv6Addr>(value).then_some(value),
            Self::Integer => return integer(value).map(|(_, text)| Value::Number(text)),
            Self::Port => {
                let (number, text) = integer(value)?;
                return (number <= u16::MAX.into()).then_some(Value::Number(text));
            }
            Self::Words(words) => {
                let (Value::Text(text) | Value::Number(text)) = value else {
                    return None;
                };
                let (_, word) = words.iter().find(|(from, _)| *from == text)?;
                return Some(Value::Text(word));
            }
            _ => buffer.clear(),
        }
        match self {
            Self::Milliseconds | Self::TimeMilliseconds | Self::Nanoseconds => {
                let number = value.number()?;
                let number = match self {
                    Self::TimeMilliseconds if number == 0 => return None,
                    Self::Nanoseconds => number.checked_mul(1_000_000_000)?,
                    _ => number.checked_mul(1000)?,
                };
                // Writing to a String cannot fail.
                let _ = write!(buffer, "{number}");
                return (number <= i64::MAX as u64).then_some(Value::Number(buffer));
            }
            Self::Time => utc::append(value.number().filter(|second| *second > 0)?, buffer)?,
            Self::LeefTime => leef_time(value.number()?, buffer)?,
            Self::Fingerprint => {
                let Value::Text(digest) = value else {
                    return None;
                };
                if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return None;
                }
                let _ = write!(
                    buffer,
                    r#"[{{"algorithm":"SHA-256","algorithm_id":3,"value":"{digest}"}}]"#
                );
                return Some(Value::Json(buffer));
            }
            Self::List => {
                let (Value::Text(text) | Value::Escaped(text)) = value else {
                    return None;
                };
                buffer.push_str("[\"");
                json::append_escaped(text, &mut String::new(), buffer);
                buffer.push_str("\"]");
                return Some(Value::Json(buffer));
            }
            Self::UpperCase | Self::LowerCase => return self.in_case(value, buffer),
            _ => {
                let text = text(value, buffer)?;
                return Some(Value::Text(match self {
                    Self::UserDomain => text.split_once('\\')?.0,
                    Self::UserName => text.split_once('\\').map_or(text, |(_, name)| name),
                    Self::UrlHost => host(text)?,
                    Self::TlsNumber => tls_version(text)?.1,
                    _ => tls_version(text)?.0,
                }));
            }
        }
        Some(Value::Text(buffer))
    }

    /// Changes the case of a text.
    fn in_case<'b>(&self, value: Value<'b>, buffer: &'b mut String) -> Option<Value<'b>> {
        match value {
            Value::Text(text) => buffer.push_str(text),
            Value::Escaped(text) => decode(text, buffer),
            _ => return None,
        }
        match self {
            Self::UpperCase => buffer.make_ascii_uppercase(),
            _ => buffer.make_ascii_lowercase(),
        }
        Some(Value::Text(buffer))
    }
}

fn is_ip<A: std::str::FromStr>(value: Value<'_>) -> bool {
    matches!(value, Value::Text(text) if text.parse::<A>().is_ok())
}

fn text<'b>(value: Value<'b>, buffer: &'b mut String) -> Option<&'b str> {
    matches!(value, Value::Text(_) | Value::Escaped(_)).then(|| value.text(buffer))
}

/// Returns the whole number of a number or of a string; `None` if it has a sign, a fraction or
/// zeros before it, or more than 63 bits.
fn integer(value: Value<'_>) -> Option<(u64, &str)> {
    let (Value::Number(text) | Value::Text(text)) = value else {
        return None;
    };
    let is_plain = match text.as_bytes() {
        [b'0', _, ..] | [] => false,
        digits => digits.iter().all(u8::is_ascii_digit),
    };
    let number = text.parse().ok().filter(|_| is_plain)?;
    (number <= i64::MAX as u64).then_some((number, text))
}

/// Returns the host in a URL with a scheme, without user and port.
fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

/// Returns protocol and number of a version such as `TLSv1.3`.
fn tls_version(text: &str) -> Option<(&'static str, &str)> {
    let (protocol, version) = match text.strip_prefix("TLSv") {
        Some(version) => ("tls", version),
        None => ("ssl", text.strip_prefix("SSLv")?),
    };
    let is_number = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    (!version.is_empty() && is_number(version)).then_some((protocol, version))
}

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
