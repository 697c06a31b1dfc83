//! The time, the device and the connection of an event.

use std::borrow::Cow;

use memchr::memmem;

use super::table::Known;

/// The time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventTime {
    /// UNIX seconds.
    pub(super) second: u64,
    /// 0 to 999,999.
    pub(super) microsecond: u32,
}

/// Larger seconds are not times: ten digits reach the year 2286.
const SECONDS: u64 = 10_000_000_000;

impl EventTime {
    /// Returns when an event happened: its packet, the last packet, the event, else the first
    /// packet. `number` returns the number of a field. A second 0 counts as absent.
    pub(super) fn of(number: impl Fn(Known) -> Option<u64>) -> Option<Self> {
        let seconds = |known| number(known).filter(|second| (1..SECONDS).contains(second));
        let exact = |second, microsecond| {
            Some(Self {
                second: seconds(second)?,
                microsecond: number(microsecond)
                    .and_then(|micros| u32::try_from(micros).ok())
                    .filter(|micros| *micros < 1_000_000)
                    .unwrap_or(0),
            })
        };
        exact(Known::PacketSecond, Known::PacketMicrosecond)
            .or_else(|| seconds(Known::LastPacketSecond).map(Self::whole))
            .or_else(|| exact(Known::EventSecond, Known::EventMicrosecond))
            .or_else(|| seconds(Known::FirstPacketSecond).map(Self::whole))
    }

    /// Returns the start of a second.
    pub(super) fn whole(second: u64) -> Self {
        Self {
            second,
            microsecond: 0,
        }
    }

    /// Returns it in microseconds since 1970.
    pub(super) fn micros(self) -> u64 {
        self.second * 1_000_000 + u64::from(self.microsecond)
    }
}

/// Returns the time of a JSON event in microseconds since 1970, found without parsing all of
/// it. `None` if it has no time.
pub fn micros(event: &[u8]) -> Option<u64> {
    EventTime::of(|known| number(event, known.name())).map(EventTime::micros)
}

/// Returns the device of a JSON event: its name, otherwise its UUID.
pub fn device(event: &[u8]) -> Option<Cow<'_, str>> {
    text(event, Known::Device).or_else(|| text(event, Known::DeviceUuid))
}

/// Returns the connection of a JSON event: device, instance, first packet and number, as in
/// `UUID/1/1743500734/17`. Its start, its end, its files and its intrusions have the same.
/// `None` if one of them is absent.
pub fn connection(event: &[u8]) -> Option<String> {
    let uuid = text(event, Known::DeviceUuid)?;
    let [instance, second, number] = [
        number(event, Known::InstanceId.name())?,
        number(event, Known::FirstPacketSecond.name())?,
        number(event, Known::ConnectionId.name())?,
    ];
    Some(format!("{uuid}/{instance}/{second}/{number}"))
}

/// Returns the text of a member, if it is one and not empty.
fn text(event: &[u8], known: Known) -> Option<Cow<'_, str>> {
    let quoted = value(event, known.name())?;
    let text = quoted.strip_prefix(b"\"")?;
    let mut end = memchr::memchr2(b'"', b'\\', text)?;
    if text[end] == b'"' {
        let text = std::str::from_utf8(&text[..end]).ok()?;
        return (!text.is_empty()).then_some(text.into());
    }
    while *text.get(end)? != b'"' {
        end += match text[end] {
            b'\\' => 2,
            _ => 1,
        };
    }
    let text: String = serde_json::from_slice(quoted.get(..end + 2)?).ok()?;
    Some(text.into())
}

/// Returns the integer of a member; a string of digits counts as one. At most 10 digits.
fn number(event: &[u8], name: &str) -> Option<u64> {
    let value = value(event, name)?;
    let digits = value.strip_prefix(b"\"").unwrap_or(value);
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let digits = digits.get(..length.count())?;
    let text = std::str::from_utf8(digits.get(..digits.len().min(11))?).ok()?;
    text.parse().ok().filter(|&number| number < SECONDS)
}

/// Returns the bytes from the value of a member on. Text between quotes cannot look like the
/// name of a member: its own quotes are escaped.
fn value<'e>(event: &'e [u8], name: &str) -> Option<&'e [u8]> {
    let mut rest = event;
    loop {
        let at = memmem::find(rest, name.as_bytes())?;
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        if before.ends_with(b"\"")
            && let Some(value) = after.strip_prefix(b"\"")
            && let Some(value) = value.trim_ascii_start().strip_prefix(b":")
        {
            return Some(value.trim_ascii_start());
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_an_event_is_its_end_or_its_own_second_or_its_start() {
        for (event, expected) in [
            (
                r#"{"FirstPacketSecond":5, "LastPacketSecond": 7}"#,
                Some(7_000_000),
            ),
            (
                r#"{"EventSecond":5,"EventMicrosecond":9,"FirstPacketSecond":1}"#,
                Some(5_000_009),
            ),
            (
                r#"{"LastPacketSecond":0,"FirstPacketSecond":"4"}"#,
                Some(4_000_000),
            ),
            (r#"{"URL":"\"EventSecond\":1","x":"EventSecond"}"#, None),
            (r#"{"LastEventSecond":1}"#, None),
            (r#"{"EventSecond":99999999999}"#, None),
            (r#"{"EventSecond":}"#, None),
            (r#"{"EventSecond""#, None),
            ("", None),
        ] {
            assert_eq!(micros(event.as_bytes()), expected, "{event}");
        }
    }

    #[test]
    fn the_device_is_named_by_the_event() {
        let named = br#"{"DeviceUUID":"u","Device":"ftd-1"}"#;
        assert_eq!(device(named).as_deref(), Some("ftd-1"));
        assert_eq!(device(br#"{"DeviceUUID":"u"}"#).as_deref(), Some("u"));
        assert_eq!(device(br#"{"Device":7,"x":"y"}"#), None);
        let escaped = br#"{"Device":"M\u00fcnchen \"east\"","x":"y"}"#;
        assert_eq!(device(escaped).as_deref(), Some("M\u{fc}nchen \"east\""));
        for torn in [
            &br#"{"Device":"a\"#[..],
            br#"{"Device":"a\""#,
            br#"{"Device":"\q"}"#,
        ] {
            assert_eq!(device(torn), None);
        }
    }

    #[test]
    fn the_connection_is_named_by_device_instance_second_and_number() {
        let members = [
            r#""DeviceUUID":"u""#,
            r#""InstanceID":2"#,
            r#""FirstPacketSecond":5"#,
            r#""ConnectionID":"7""#,
        ];
        let event = format!("{{{}}}", members.join(","));
        assert_eq!(connection(event.as_bytes()).as_deref(), Some("u/2/5/7"));
        for left_out in members {
            let event = event.replace(left_out, r#""x":1"#);
            assert_eq!(connection(event.as_bytes()), None, "{event}");
        }
    }
}
