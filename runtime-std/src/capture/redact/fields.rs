//! What of an event is kept, because it says nothing about anybody. Everything else is
//! replaced, so a field that nobody knows yet cannot tell a secret.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::format::{Format, mapping};

/// Returns whether a number in this field is kept: it is a port, a time, a count, or a number
/// of a list that Cisco or a standard defines.
pub(super) fn keeps_number(field: &str, number: &str) -> bool {
    let known = NUMBERS.contains(&field) || UNITS.iter().any(|unit| field.ends_with(unit));
    known && number.len() <= LONGEST_NUMBER && !number.contains(['e', 'E'])
}

/// Returns whether this text in this field is kept: it is one of a list that Cisco or a
/// standard defines.
pub(super) fn keeps_text(field: &str, text: &str) -> bool {
    WORDS
        .iter()
        .any(|(fields, words)| fields.contains(&field) && words.contains(&text))
}

/// Returns whether the name of a field is kept. Names are made by the Management Center. Text
/// of another form is none of them.
pub(super) fn keeps_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.len() <= LONGEST_NAME
}

/// Returns whether a text in a request is kept: a word of its language, or the name of a
/// field that is in a mapping table.
pub(super) fn is_of_requests(text: &str) -> bool {
    static FIELDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        let rows = Format::ALL
            .iter()
            .filter_map(|(format, ..)| mapping(*format));
        rows.flatten().filter_map(|row| row.field).collect()
    });
    REQUEST.contains(&text) || FIELDS.contains(text)
}

/// The digits of a 64-bit number, a sign and a fraction.
const LONGEST_NUMBER: usize = 22;
const LONGEST_NAME: usize = 64;

/// How the names of fields end that hold a number of something.
const UNITS: [&str; 12] = [
    "Port",
    "Second",
    "Microsecond",
    "Duration",
    "Bytes",
    "Packets",
    "Pct",
    "Score",
    "Index",
    "Size",
    "Length",
    "Revision",
];

/// Other numbers.
const NUMBERS: [&str; 15] = [
    "InstanceID",
    "ConnectionID",
    "EventID",
    "GeneratorID",
    "SignatureID",
    "PriorityID",
    "Impact",
    "ProtocolID",
    "ICMP_Type",
    "ICMP_Code",
    "LinkType",
    "SnortVersionID",
    "InlineResultID",
    "InlineResultReasonID",
    "DNS_TTL",
];

/// Texts of lists, by field.
const WORDS: [(&[&str], &[&str]); 12] = [
    (
        &["EventType"],
        &[
            "ConnectionEvent",
            "IntrusionEvent",
            "IntrusionPacket",
            "FileEvent",
            "FileMalwareEvent",
        ],
    ),
    (
        &["Protocol"],
        &[
            "tcp",
            "udp",
            "icmp",
            "ipv6-icmp",
            "gre",
            "esp",
            "ah",
            "sctp",
            "igmp",
            "ospf",
        ],
    ),
    (
        &["AC_RuleAction"],
        &[
            "Allow",
            "Block",
            "Block with reset",
            "Trust",
            "Monitor",
            "Fastpath",
            "Interactive Block",
            "Interactive Block with reset",
        ],
    ),
    (
        &["InlineResult"],
        &[
            "Dropped",
            "Would block",
            "Would have dropped",
            "Partially dropped",
            "Blocked",
        ],
    ),
    (&["FileDirection"], &["Download", "Upload"]),
    (
        &["FileAction"],
        &[
            "Detect",
            "Block",
            "Malware Cloud Lookup",
            "Malware Block",
            "Cloud Lookup Timeout",
            "Custom Detection",
        ],
    ),
    (
        &["SHA_Disposition", "SperoDisposition"],
        &[
            "Malware",
            "Clean",
            "Unknown",
            "Neutral",
            "Unavailable",
            "Custom Detection",
            "Spero detection not performed on file",
            "Spero detection performed on file",
        ],
    ),
    (
        &["DNS_RecordType"],
        &["A", "AAAA", "MX", "TXT", "NS", "PTR", "SOA", "SRV", "CNAME"],
    ),
    (
        &["DNS_ResponseType"],
        &[
            "No Error",
            "Non-Existent Domain",
            "Server Failure",
            "Query Refused",
        ],
    ),
    (
        &["URLReputation"],
        &[
            "Trusted",
            "Favorable",
            "Neutral",
            "Questionable",
            "Untrusted",
            "Unknown",
        ],
    ),
    (
        &["SSL_Version", "SSL_FlowStatus", "SSL_ServerCertStatus"],
        &[
            "Unknown",
            "SSLv3.0",
            "TLSv1.0",
            "TLSv1.1",
            "TLSv1.2",
            "TLSv1.3",
            "Success",
            "Not Checked",
            "Valid",
        ],
    ),
    (
        &["SSL_ActualAction", "SSL_ExpectedAction"],
        &[
            "Unknown",
            "Do Not Decrypt",
            "Block",
            "Block With Reset",
            "Decrypt (Known Key)",
            "Decrypt (Resign)",
        ],
    ),
];

/// The words of a request.
const REQUEST: [&str; 18] = [
    "Events",
    "ConnectionEvent",
    "IntrusionEvent",
    "IntrusionPacket",
    "FileEvent",
    "FieldSetDef",
    "OutputFieldSet",
    "Fields",
    "HeaderFieldSet",
    "ConnectionKeySet",
    "DetailFieldSet",
    "OutputFormat",
    "Transform",
    "TransformConfig",
    "Text",
    "JSON",
    "CSV",
    "FlatBuffer",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_in_fields_of_numbers_alone() {
        for (field, number, kept) in [
            ("ResponderPort", "443", true),
            ("Future_Port", "1", true),
            ("FirstPacketSecond", "1743500734", true),
            ("UserID", "9999997", false),
            ("Future", "3232235777", false),
            ("ResponderPort", "1e9", false),
            ("ResponderPort", "31415926535897932384626433", false),
        ] {
            assert_eq!(keeps_number(field, number), kept, "{field} {number}");
        }
    }

    #[test]
    fn words_of_lists_are_kept_in_their_fields_alone() {
        assert!(keeps_text("AC_RuleAction", "Block"));
        assert!(!keeps_text("User", "Block"));
        assert!(!keeps_text("AC_RuleAction", "bob"));
        assert!(!keeps_text("EventType", "AcmeEvent"));
    }

    #[test]
    fn requests_keep_the_names_of_fields() {
        for (text, kept) in [
            ("OutputFieldSet", true),
            ("InitiatorIP", true),
            ("ResponderPort", true),
            ("AcmeSet", false),
        ] {
            assert_eq!(is_of_requests(text), kept, "{text}");
        }
    }
}
