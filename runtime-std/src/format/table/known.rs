//! Fields that dialects look at, and values that are worked out of them.

/// A field that code looks at, beyond moving it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::format) enum Known {
    EventType,
    FirstPacketSecond,
    LastPacketSecond,
    ConnectionDuration,
    EventSecond,
    EventMicrosecond,
    PacketSecond,
    PacketMicrosecond,
    PriorityId,
    Impact,
    IntrusionRuleMessage,
    RuleAction,
    InlineResult,
    FileAction,
    ShaDisposition,
    ThreatName,
    ThreatScore,
    Device,
    DeviceIp,
    DeviceUuid,
}

impl Known {
    /// All of them, in their order.
    pub(in crate::format) const ALL: [Self; 20] = [
        Self::EventType,
        Self::FirstPacketSecond,
        Self::LastPacketSecond,
        Self::ConnectionDuration,
        Self::EventSecond,
        Self::EventMicrosecond,
        Self::PacketSecond,
        Self::PacketMicrosecond,
        Self::PriorityId,
        Self::Impact,
        Self::IntrusionRuleMessage,
        Self::RuleAction,
        Self::InlineResult,
        Self::FileAction,
        Self::ShaDisposition,
        Self::ThreatName,
        Self::ThreatScore,
        Self::Device,
        Self::DeviceIp,
        Self::DeviceUuid,
    ];

    /// Returns the name of the member.
    pub(in crate::format) const fn name(self) -> &'static str {
        match self {
            Self::EventType => "EventType",
            Self::FirstPacketSecond => "FirstPacketSecond",
            Self::LastPacketSecond => "LastPacketSecond",
            Self::ConnectionDuration => "ConnectionDuration",
            Self::EventSecond => "EventSecond",
            Self::EventMicrosecond => "EventMicrosecond",
            Self::PacketSecond => "PacketSecond",
            Self::PacketMicrosecond => "PacketMicrosecond",
            Self::PriorityId => "PriorityID",
            Self::Impact => "Impact",
            Self::IntrusionRuleMessage => "IntrusionRuleMessage",
            Self::RuleAction => "AC_RuleAction",
            Self::InlineResult => "InlineResult",
            Self::FileAction => "FileAction",
            Self::ShaDisposition => "SHA_Disposition",
            Self::ThreatName => "ThreatName",
            Self::ThreatScore => "ThreatScore",
            Self::Device => "Device",
            Self::DeviceIp => "DeviceIP",
            Self::DeviceUuid => "DeviceUUID",
        }
    }
}

impl Known {
    /// Returns whether dialects work something out of the field (the time, the class and the
    /// severity of the event), also where an output does not write the field itself. They
    /// write no value of such a field as it is.
    pub(in crate::format) const fn is_always_read(self) -> bool {
        matches!(
            self,
            Self::EventType
                | Self::FirstPacketSecond
                | Self::LastPacketSecond
                | Self::ConnectionDuration
                | Self::EventSecond
                | Self::EventMicrosecond
                | Self::PacketSecond
                | Self::PacketMicrosecond
                | Self::PriorityId
                | Self::Impact
                | Self::RuleAction
                | Self::InlineResult
                | Self::FileAction
                | Self::ShaDisposition
                | Self::ThreatName
                | Self::ThreatScore
        )
    }
}

/// A value that is worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::format) enum Derived {
    /// `@archival`: the second at which the server archived the event.
    Archival,
    /// `@code`: the message number of the device's syslog for such an event.
    Code,
    /// `@severity`: 0 to 10.
    Severity,
    /// `@time`: when it happened, in milliseconds since 1970.
    TimeMilliseconds,
}

impl Derived {
    /// All of them, with their names and what they are, for the pages.
    pub(in crate::format) const ALL: [(Self, &'static str, &'static str); 4] = [
        (
            Self::Archival,
            "archival",
            "the second at which the Management Center archived the event",
        ),
        (
            Self::Code,
            "code",
            "the number of the device's syslog message for such an event",
        ),
        (Self::Severity, "severity", "the severity, 0 to 10"),
        (
            Self::TimeMilliseconds,
            "time",
            "the time of the event, in milliseconds since 1970",
        ),
    ];

    /// Returns the value with this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, other, _)| *other == name);
        found.map(|(derived, _, _)| *derived)
    }

    /// Returns what the value is, for the pages.
    pub(in crate::format) fn sentence(self) -> &'static str {
        let found = Self::ALL.iter().find(|(derived, _, _)| *derived == self);
        found.map_or("", |(_, _, sentence)| sentence)
    }
}
