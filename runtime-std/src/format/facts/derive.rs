//! Values that are worked out of an event.

use std::fmt::Write;
use std::net::IpAddr;

use super::{Facts, community_id, ecs, ocsf};
use crate::format::event::Value;
use crate::format::json;
use crate::format::table::{Derived, Known};
use crate::utc;

/// Indices write integers with 64 bits and a sign.
const MAX_INTEGER: u64 = i64::MAX as u64;

/// The addresses of an event, in the order of the list.
const IPS: [Known; 5] = [
    Known::InitiatorIp,
    Known::ResponderIp,
    Known::OriginalClientIp,
    Known::NatInitiatorIp,
    Known::NatResponderIp,
];
/// The names of hosts of an event, in the order of the list.
const HOSTS: [Known; 4] = [
    Known::HttpHostname,
    Known::ReferencedHost,
    Known::SslServerName,
    Known::DnsQuery,
];

impl<'a> Facts<'a> {
    /// Works out a value; `None` if the event has none. `buffer` holds it if it is new.
    pub(in crate::format) fn derive<'b>(
        &self,
        derived: Derived,
        buffer: &'b mut String,
    ) -> Option<Value<'b>>
    where
        'a: 'b,
    {
        buffer.clear();
        // Writing to a String cannot fail.
        match derived {
            Derived::Code => return self.code().map(Value::Text),
            Derived::EcsKind => return Some(Value::Text(ecs::kind(self))),
            Derived::EcsCategory => return ecs::category(self).map(Value::Json),
            Derived::EcsOutcome => return ecs::outcome(self).map(Value::Text),
            Derived::NetworkType => {
                return Some(Value::Text(match self.ip(Known::InitiatorIp)? {
                    IpAddr::V4(_) => "ipv4",
                    IpAddr::V6(_) => "ipv6",
                }));
            }
            Derived::Timestamp => {
                utc::append_micros(self.time()?.micros(), buffer)?;
                return Some(Value::Text(buffer));
            }
            Derived::CommunityId => {
                self.community_id(buffer)?;
                return Some(Value::Text(buffer));
            }
            Derived::EcsType => {
                ecs::types(self, buffer)?;
                return Some(Value::Json(buffer));
            }
            Derived::RelatedIps => {
                return self.list(&IPS, |known| self.ip(known).and(self.string(known)), buffer);
            }
            Derived::RelatedHosts => return self.list(&HOSTS, |known| self.string(known), buffer),
            Derived::RelatedHashes => {
                return self.list(&[Known::FileSha256], |known| self.string(known), buffer);
            }
            Derived::RelatedUsers => {
                // An escaped backslash ends the domain.
                let name = |user: &'a str| user.split_once("\\\\").map_or(user, |(_, name)| name);
                return self.list(&[Known::User], |known| self.string(known).map(name), buffer);
            }
            Derived::TlsVersion => {
                let others = [Known::SslCipherSuite, Known::SslServerName];
                let unknown = || {
                    let is_there = others.iter().any(|known| self.value(*known).is_some());
                    is_there.then_some(Value::Text("Unknown"))
                };
                return match self.value(Known::SslVersion) {
                    Some(version @ (Value::Text(_) | Value::Escaped(_))) => {
                        Some(Value::Text(version.text(buffer)))
                    }
                    _ => unknown(),
                };
            }
            Derived::FindingTitle => return Some(Value::Text(ocsf::title(self, buffer))),
            Derived::FindingUid => {
                ocsf::finding_uid(self, buffer);
                return Some(Value::Text(buffer));
            }
            Derived::ProtocolNumber => push(self.protocol()?.into(), buffer),
            Derived::IpVersion => push(
                match self.ip(Known::InitiatorIp)? {
                    IpAddr::V4(_) => 4,
                    IpAddr::V6(_) => 6,
                },
                buffer,
            ),
            Derived::OcsfClass => push(ocsf::class(self), buffer),
            Derived::OcsfCategory => push(ocsf::class(self) / 1000, buffer),
            Derived::OcsfActivity => push(ocsf::activity(self), buffer),
            Derived::OcsfType => push(ocsf::class(self) * 100 + ocsf::activity(self), buffer),
            Derived::OcsfSeverity => push(ocsf::severity(self), buffer),
            Derived::OcsfTime => push(self.time().map_or(0, |time| time.micros() / 1000), buffer),
            Derived::OcsfAction | Derived::OcsfDisposition => push(ocsf::action(self)?, buffer),
            Derived::Archival => push(self.archival?.into(), buffer),
            Derived::Severity => push(self.severity().into(), buffer),
            Derived::TotalBytes => push(
                self.total(Known::InitiatorBytes, Known::ResponderBytes)?,
                buffer,
            ),
            Derived::TotalPackets => push(
                self.total(Known::InitiatorPackets, Known::ResponderPackets)?,
                buffer,
            ),
            Derived::TimeMilliseconds => push(self.time()?.micros() / 1000, buffer),
        }
        Some(Value::Number(buffer))
    }

    fn ip(&self, known: Known) -> Option<IpAddr> {
        let parse = |known| match self.value(known)? {
            Value::Text(text) => text.parse().ok(),
            _ => None,
        };
        let ends = || {
            let ends = [Known::InitiatorIp, Known::ResponderIp];
            self.ends.get_or_init(|| ends.map(parse))
        };
        match known {
            Known::InitiatorIp => ends()[0],
            Known::ResponderIp => ends()[1],
            other => parse(other),
        }
    }

    /// Returns the sum of two numbers; an absent one counts as 0. `None` if both are absent,
    /// or one is not a number.
    fn total(&self, one: Known, other: Known) -> Option<u64> {
        let number = |known| match self.value(known) {
            None => Some(0),
            Some(value) => value.number(),
        };
        let total = number(one)?.checked_add(number(other)?)?;
        let is_present = self.value(one).or(self.value(other)).is_some();
        (is_present && total <= MAX_INTEGER).then_some(total)
    }

    /// Returns the number of the protocol over IP.
    pub(super) fn protocol(&self) -> Option<u8> {
        const NAMES: [(&str, u8); 12] = [
            ("tcp", 6),
            ("udp", 17),
            ("icmp", 1),
            ("ipv6-icmp", 58),
            ("icmp6", 58),
            ("icmpv6", 58),
            ("sctp", 132),
            ("gre", 47),
            ("esp", 50),
            ("ah", 51),
            ("igmp", 2),
            ("ospf", 89),
        ];
        let number = self.number(Known::ProtocolId);
        let number = number.and_then(|number| u8::try_from(number).ok());
        number.or_else(|| match self.value(Known::Protocol)? {
            Value::Text(name) => {
                let mut names = NAMES.iter();
                let found = names.find(|(other, _)| other.eq_ignore_ascii_case(name));
                found.map(|(_, number)| *number)
            }
            _ => None,
        })
    }

    fn community_id(&self, buffer: &mut String) -> Option<()> {
        let addresses = [self.ip(Known::InitiatorIp)?, self.ip(Known::ResponderIp)?];
        if addresses[0].is_ipv4() != addresses[1].is_ipv4() {
            return None;
        }
        let protocol = self.protocol()?;
        let both = |one, other| {
            let number = |known| u16::try_from(self.number(known)?).ok();
            Some([number(one)?, number(other)?])
        };
        let ports = match community_id::is_icmp(protocol) {
            true => both(Known::IcmpType, Known::IcmpCode),
            false => both(Known::InitiatorPort, Known::ResponderPort),
        };
        let flow = community_id::Flow {
            protocol,
            addresses,
            ports,
        };
        community_id::append(&flow, buffer)
    }

    /// Returns a text of JSON, without its quotes, that is not empty.
    fn string(&self, known: Known) -> Option<&'a str> {
        match self.value(known) {
            Some(Value::Text(text) | Value::Escaped(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// Returns the different texts of fields as a JSON array; `None` if there are none.
    fn list<'b>(
        &self,
        fields: &[Known],
        text: impl Fn(Known) -> Option<&'a str>,
        buffer: &'b mut String,
    ) -> Option<Value<'b>> {
        // Allocates only for escapes with numbers, which are rare.
        let mut decoded = String::new();
        for (number, known) in fields.iter().enumerate() {
            let Some(value) = text(*known) else {
                continue;
            };
            let mut before = fields[..number].iter();
            if before.any(|other| text(*other) == Some(value)) {
                continue;
            }
            buffer.push_str(if buffer.is_empty() { "[\"" } else { ",\"" });
            json::append_escaped(value, &mut decoded, buffer);
            buffer.push('"');
        }
        if buffer.is_empty() {
            return None;
        }
        buffer.push(']');
        Some(Value::Json(buffer))
    }
}

fn push(number: u64, buffer: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(buffer, "{number}");
}
