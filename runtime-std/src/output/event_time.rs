//! The time, the device and the connection in an event, found without parsing all of it.

use memchr::memmem;

/// Returns the time of a JSON event in microseconds since 1970: that of its packet, its end
/// or the time when it happened, otherwise its start. `None` if it has no time. The order is
/// that of the dialects, see `Facts::time`.
pub fn micros(event: &[u8]) -> Option<u64> {
    let seconds = |member: &[u8]| number(event, member).filter(|&seconds| seconds > 0);
    let part = |member: &[u8]| number(event, member).filter(|&part| part < 1_000_000);
    let (seconds, part) = if let Some(packet) = seconds(b"\"PacketSecond\"") {
        (packet, part(b"\"PacketMicrosecond\""))
    } else if let Some(last) = seconds(b"\"LastPacketSecond\"") {
        (last, None)
    } else if let Some(event) = seconds(b"\"EventSecond\"") {
        (event, part(b"\"EventMicrosecond\""))
    } else {
        (seconds(b"\"FirstPacketSecond\"")?, None)
    };
    Some(seconds * 1_000_000 + part.unwrap_or(0))
}

/// Returns the device of a JSON event: its name, otherwise its UUID.
pub fn device(event: &[u8]) -> Option<String> {
    let text = |member: &[u8]| {
        let text = value(event, member)?.strip_prefix(b"\"")?;
        let text = &text[..memchr::memchr2(b'"', b'\\', text)?];
        let text = std::str::from_utf8(text).ok()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    text(b"\"Device\"").or_else(|| text(b"\"DeviceUUID\""))
}

/// Returns the connection of a JSON event: device, instance, first packet and number, as in
/// `UUID/1/1743500734/17`. Its start, its end, its files and its intrusions have the same.
/// `None` if one of them is absent.
pub fn connection(event: &[u8]) -> Option<String> {
    let uuid = value(event, b"\"DeviceUUID\"")?.strip_prefix(b"\"")?;
    let uuid = &uuid[..memchr::memchr2(b'"', b'\\', uuid)?];
    let uuid = std::str::from_utf8(uuid).ok()?;
    let [instance, second, number] = [
        number(event, b"\"InstanceID\"")?,
        number(event, b"\"FirstPacketSecond\"")?,
        number(event, b"\"ConnectionID\"")?,
    ];
    (!uuid.is_empty()).then(|| format!("{uuid}/{instance}/{second}/{number}"))
}

/// Returns the integer of a member; a string of digits counts as one. At most 10 digits.
fn number(event: &[u8], member: &[u8]) -> Option<u64> {
    let value = value(event, member)?;
    let digits = value.strip_prefix(b"\"").unwrap_or(value);
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let digits = digits.get(..length.count())?;
    let text = std::str::from_utf8(digits.get(..digits.len().min(11))?).ok()?;
    text.parse().ok().filter(|&number| number < 10_000_000_000)
}

/// Returns the bytes from the value of a member on. `member` is its name in quotes. Text
/// between quotes cannot look like it: its own quotes are escaped.
fn value<'e>(event: &'e [u8], member: &[u8]) -> Option<&'e [u8]> {
    let mut rest = event;
    loop {
        rest = &rest[memmem::find(rest, member)? + member.len()..];
        if let Some(value) = rest.trim_ascii_start().strip_prefix(b":") {
            return Some(value.trim_ascii_start());
        }
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
