//! Every field the generator can emit, in its order, and the field sets.
//!
//! Names and order follow real events. Where they are silent (all of
//! IntrusionPacket, the exact contents of the sets) they follow the binary
//! records and the guide's example request.

use super::EventKind;

/// The names of one event type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldNames {
    /// All fields, in the order events have them.
    pub all: &'static [&'static str],
    /// `HeaderFieldSet`: what and when.
    pub header: &'static [&'static str],
    /// `ConnectionKeySet`: which connection.
    pub key: &'static [&'static str],
    /// `DetailFieldSet`: the rest of interest. Not everything: `Impact` for
    /// one is asked for by its own name, as the guide's example does.
    pub detail: &'static [&'static str],
}

/// The names of that event type.
pub fn field_names(kind: EventKind) -> FieldNames {
    match kind {
        EventKind::Connection => FieldNames {
            all: CONNECTION,
            header: CONNECTION.split_at(4).0,
            key: KEY,
            detail: CONNECTION.split_at(7).1,
        },
        EventKind::Intrusion => FieldNames {
            all: INTRUSION,
            header: INTRUSION.split_at(3).0,
            key: KEY,
            detail: INTRUSION_DETAIL,
        },
        EventKind::Packet => FieldNames {
            all: PACKET,
            // The guide asks packets for no key set, so that what tells whose
            // packet it is must be in the header.
            header: &[
                "EventType",
                "EventSecond",
                "EventMicrosecond",
                "DeviceUUID",
                "EventID",
            ],
            key: KEY,
            detail: PACKET.split_at(8).1,
        },
        EventKind::File => FieldNames {
            all: FILE,
            header: FILE.split_at(2).0,
            key: KEY,
            detail: FILE.split_at(6).1,
        },
    }
}

const KEY: &[&str] = &[
    "DeviceUUID",
    "InstanceID",
    "FirstPacketSecond",
    "ConnectionID",
];

#[rustfmt::skip]
const CONNECTION: &[&str] = &[
    "EventType", "FirstPacketSecond", "LastPacketSecond", "ConnectionDuration",
    "DeviceUUID", "InstanceID", "ConnectionID",
    "AC_RuleAction", "InitiatorIP", "ResponderIP", "InitiatorPort", "ResponderPort", "Protocol",
    "ICMP_Type", "ICMP_Code", "IngressInterface", "EgressInterface", "IngressZone", "EgressZone",
    "IngressVRF", "EgressVRF", "FirewallPolicy", "FirewallRule", "PrefilterPolicy",
    "TunnelOrPrefilterRule", "User", "ClientApplication", "Application", "WebApplication",
    "InitiatorPackets", "ResponderPackets", "InitiatorBytes", "ResponderBytes", "NAP_Policy",
    "DNS_Query", "DNS_RecordType", "DNS_ResponseType", "SSL_Policy", "SSL_FlowStatus",
    "SSL_CipherSuite", "SSL_CertFingerprint", "SSL_Version", "SSL_ServerCertStatus",
    "SSL_ActualAction", "SSL_ExpectedAction", "URL", "URLCategory", "URLReputation",
    "HTTP_Referrer", "UserAgent", "NAT_InitiatorPort", "NAT_ResponderPort", "NAT_InitiatorIP",
    "NAT_ResponderIP", "EVE_Fingerprint", "EVE_Process", "EVE_ProcessConfidencePct",
    "EVE_ThreatConfidencePct", "EVE_ThreatConfidenceIndex", "ClientAppDetector",
];

#[rustfmt::skip]
const INTRUSION: &[&str] = &[
    "EventType", "EventSecond", "EventMicrosecond",
    "DeviceUUID", "InstanceID", "FirstPacketSecond", "ConnectionID",
    "InitiatorIP", "ResponderIP", "InitiatorPort", "ResponderPort", "ICMP_Type", "ICMP_Code",
    "Protocol", "IngressInterface", "EgressInterface", "IngressZone", "EgressZone", "PriorityID",
    "GeneratorID", "SignatureID", "SignatureRevision", "Impact", "IntrusionRuleMessage",
    "Classification", "WebApplication", "ClientApplication", "Application", "IntrusionPolicy",
    "FirewallPolicy", "FirewallRule", "NAP_Policy", "InlineResult", "InlineResultReason",
    "IngressVRF", "EgressVRF", "HTTP_Hostname", "HTTP_URI", "SSL_FlowStatus", "SSL_ActualAction",
    "SnortRuleGroups", "MitreAttackGroups", "ApplicationID", "ApplicationProductivityIndex",
    "ApplicationRiskIndex", "Device", "DeviceIP", "DeviceSerialNumber", "EgressInterfaceUUID",
    "EgressZoneUUID", "EventID", "FirewallPolicyUUID", "FirewallRuleID", "Hostname",
    "IngressInterfaceUUID", "IngressZoneUUID", "InlineResultID", "IntrusionPolicyUUID",
    "NAP_PolicyUUID", "ProtocolID", "RealmID", "RealmName", "ResponderContinent",
    "ResponderContinentCode", "ResponderCountry", "ResponderCountryCode", "ResponderCountryID",
    "SensorID", "SnortVersionID", "UserID",
];

#[rustfmt::skip]
const INTRUSION_DETAIL: &[&str] = &[
    "InitiatorIP", "ResponderIP", "InitiatorPort", "ResponderPort", "ICMP_Type", "ICMP_Code",
    "Protocol", "IngressInterface", "EgressInterface", "IngressZone", "EgressZone", "PriorityID",
    "GeneratorID", "SignatureID", "SignatureRevision", "IntrusionRuleMessage", "Classification",
    "WebApplication", "ClientApplication", "Application", "IntrusionPolicy", "FirewallPolicy",
    "FirewallRule", "NAP_Policy", "InlineResult", "InlineResultReason", "IngressVRF", "EgressVRF",
    "HTTP_Hostname", "HTTP_URI", "SSL_FlowStatus", "SSL_ActualAction", "SnortRuleGroups",
    "MitreAttackGroups", "EventID",
];

#[rustfmt::skip]
const PACKET: &[&str] = &[
    "EventType", "EventSecond", "EventMicrosecond",
    "DeviceUUID", "InstanceID", "FirstPacketSecond", "ConnectionID", "EventID",
    "PacketSecond", "PacketMicrosecond", "LinkType", "PacketLength", "PacketData",
];

#[rustfmt::skip]
const FILE: &[&str] = &[
    "EventType", "EventSecond",
    "DeviceUUID", "InstanceID", "FirstPacketSecond", "ConnectionID",
    "InitiatorIP", "ResponderIP", "InitiatorPort", "ResponderPort", "Protocol", "FileDirection",
    "FileAction", "FileSHA256", "SHA_Disposition", "SperoDisposition", "ThreatName",
    "ThreatScore", "FileName", "FileType", "FileSize", "Application", "ClientApplication",
    "WebApplication", "FilePolicy", "FileStorageStatus", "FileSandboxStatus", "URI", "IngressVRF",
    "EgressVRF", "Device", "DeviceIP", "DeviceSerialNumber",
];
