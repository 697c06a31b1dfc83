//! Fields that dialects look at, and values that are worked out of them.

macro_rules! known {
    ($($variant:ident = $name:literal,)*) => {
        /// A field that code looks at, beyond moving it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate::format) enum Known {
            $($variant,)*
        }

        impl Known {
            /// All of them, in their order.
            pub(in crate::format) const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Returns the name of the member.
            pub(in crate::format) const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

known! {
    EventType = "EventType",
    FirstPacketSecond = "FirstPacketSecond",
    LastPacketSecond = "LastPacketSecond",
    ConnectionDuration = "ConnectionDuration",
    EventSecond = "EventSecond",
    EventMicrosecond = "EventMicrosecond",
    PacketSecond = "PacketSecond",
    PacketMicrosecond = "PacketMicrosecond",
    PriorityId = "PriorityID",
    Impact = "Impact",
    IntrusionRuleMessage = "IntrusionRuleMessage",
    RuleAction = "AC_RuleAction",
    InlineResult = "InlineResult",
    FileAction = "FileAction",
    ShaDisposition = "SHA_Disposition",
    ThreatName = "ThreatName",
    ThreatScore = "ThreatScore",
    Device = "Device",
    DeviceIp = "DeviceIP",
    DeviceUuid = "DeviceUUID",
    InstanceId = "InstanceID",
    ConnectionId = "ConnectionID",
    EventId = "EventID",
    InitiatorIp = "InitiatorIP",
    ResponderIp = "ResponderIP",
    InitiatorPort = "InitiatorPort",
    ResponderPort = "ResponderPort",
    Protocol = "Protocol",
    ProtocolId = "ProtocolID",
    IcmpType = "ICMP_Type",
    IcmpCode = "ICMP_Code",
    InitiatorBytes = "InitiatorBytes",
    ResponderBytes = "ResponderBytes",
    InitiatorPackets = "InitiatorPackets",
    ResponderPackets = "ResponderPackets",
    NatInitiatorIp = "NAT_InitiatorIP",
    NatResponderIp = "NAT_ResponderIP",
    OriginalClientIp = "OriginalClientIP",
    User = "User",
    FileSha256 = "FileSHA256",
    Url = "URL",
    HttpHostname = "HTTP_Hostname",
    ReferencedHost = "ReferencedHost",
    DnsQuery = "DNS_Query",
    SslServerName = "SSL_ServerName",
    SslVersion = "SSL_Version",
    SslCipherSuite = "SSL_CipherSuite",
    FileDirection = "FileDirection",
}

macro_rules! derived {
    ($($variant:ident = $name:literal, $what:literal;)*) => {
        /// A value that is worked out.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate::format) enum Derived {
            $(#[doc = $what] $variant,)*
        }

        impl Derived {
            /// All of them, with their names and what they are, for the pages.
            const ALL: &[(Self, &'static str, &'static str)] = &[
                $((Self::$variant, $name, $what),)*
            ];

            /// Returns what the value is, for the pages.
            pub(in crate::format) fn sentence(self) -> &'static str {
                match self {
                    $(Self::$variant => $what,)*
                }
            }
        }
    };
}

derived! {
    Archival = "archival", "the second at which the Management Center archived the event";
    Code = "code", "the number of the device's syslog message for such an event";
    Severity = "severity", "the severity, 0 to 10";
    TimeMilliseconds = "time", "the time of the event, in milliseconds since 1970";
    Timestamp = "timestamp", "the time of the event, as RFC 3339 in UTC";
    EcsKind = "ecs kind", "`alert` for an intrusion and malware, else `event`";
    EcsCategory = "ecs category", "the categories of the event type";
    EcsType = "ecs type", "`connection`, `start`, `end`, `info`, `allowed`, `denied`: what applies";
    EcsOutcome = "ecs outcome", "`failure` for what was blocked, `success` for another action";
    NetworkType = "network type", "`ipv4` or `ipv6`, by `InitiatorIP`";
    TotalBytes = "total bytes", "the sum of `InitiatorBytes` and `ResponderBytes`";
    TotalPackets = "total packets", "the sum of `InitiatorPackets` and `ResponderPackets`";
    CommunityId = "community id", "the Community ID, version 1, of addresses, ports and protocol";
    RelatedIps = "related ips", "each address of the event once";
    RelatedHosts = "related hosts", "each name of a host in the event once";
    RelatedHashes = "related hashes", "the digest of the file, in a list";
    RelatedUsers = "related users", "the user without domain, in a list";
    ProtocolNumber = "protocol number", "the number of the protocol, by `ProtocolID` or `Protocol`";
    IpVersion = "ip version", "4 or 6, by `InitiatorIP`";
    TlsVersion = "tls version", "`SSL_Version`; `Unknown` if only the cipher suite or the server name is there";
    OcsfClass = "ocsf class", "the number of the class";
    OcsfCategory = "ocsf category", "the number of the category of the class";
    OcsfActivity = "ocsf activity", "the number of the activity";
    OcsfType = "ocsf type", "class × 100 + activity";
    OcsfSeverity = "ocsf severity", "1 (informational) to 4 (high), by the severity of the other formats";
    OcsfTime = "ocsf time", "the time of the event, in milliseconds since 1970; 0 if it has none";
    OcsfAction = "ocsf action", "2 (denied) for what was blocked, 1 (allowed) for another action";
    OcsfDisposition = "ocsf disposition", "2 (blocked) for what was blocked, 1 (allowed) for another action";
    FindingUid = "finding uid", "device, second and number of the event, or of the connection, and the digest of the file";
    FindingTitle = "finding title", "the message of the rule, the name of the malware, or the event type in words";
}

impl Derived {
    /// Returns the value with this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, other, _)| *other == name);
        found.map(|(derived, _, _)| *derived)
    }
}
