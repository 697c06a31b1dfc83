//! The fields of fully-qualified events that this version knows.
//!
//! A Management Center says in its own catalogue which fields it has, and releases add some.
//! So a name that is not known is told and used all the same. The lists hold only what real
//! events have, because a request names them and a server may refuse others.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use estreamer_core::fqe::EventKind;

use super::suggest::nearest;
use crate::config::Format;
use crate::format::mapping;

/// Returns the known fields of an event type, in the order of events.
pub(super) fn of(kind: EventKind) -> &'static [&'static str] {
    match kind {
        EventKind::Connection => CONNECTION,
        EventKind::Intrusion => INTRUSION,
        EventKind::Packet => PACKET,
        EventKind::File => FILE,
    }
}

/// The known fields of all event types, and those that have a place in a dialect.
static ALL: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let own = EventKind::ALL.into_iter().flat_map(of).copied();
    let formats = Format::ALL.iter().filter_map(|format| mapping(format.0));
    let rows = formats.flatten().filter_map(|row| row.field);
    own.chain(rows).collect()
});

/// Returns whether an event type is known to have the field, or a dialect has a place for it.
pub(super) fn is_known(name: &str) -> bool {
    ALL.contains(name)
}

/// Returns the known field that is most similar.
pub(super) fn suggestion(name: &str) -> Option<String> {
    nearest(name, ALL.iter().copied())
}

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

#[cfg(test)]
mod tests {
    use estreamer_simulate::generator::field_names;

    use super::*;

    #[test]
    fn the_fields_are_those_of_simulated_events() {
        for kind in EventKind::ALL {
            assert_eq!(of(kind), field_names(kind).all, "{kind}");
        }
    }

    #[test]
    fn a_misspelled_field_has_a_suggestion_and_a_new_one_none() {
        assert!(is_known("URL") && is_known("SSL_ServerName"));
        assert!(!is_known("InitatorIP"));
        assert_eq!(suggestion("InitatorIP").as_deref(), Some("InitiatorIP"));
        assert_eq!(suggestion("Quantum_Flux_Level"), None);
    }
}
