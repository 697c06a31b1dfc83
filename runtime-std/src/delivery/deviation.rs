//! What a server does otherwise than it was asked, or than the guide says: reported
//! once for each source, when it is seen first; the summary counts it.

use super::counts::Counts;

/// A deviation, and what is reported of it.
pub(super) struct Deviation {
    /// How many records showed it.
    pub(super) of: fn(&Counts) -> u64,
    /// What happened, and what to do; its source stands before it.
    pub(super) text: &'static str,
}

pub(super) const DEVIATIONS: [Deviation; 4] = [
    Deviation {
        of: |counts| counts.covers_extension,
        text: "the server counts the record length as archival timestamp, reserved word and data: \
               decoded; nothing to do",
    },
    Deviation {
        of: |counts| counts.covers_header,
        text: "the server counts the record length as record header and data: decoded; nothing to \
               do",
    },
    Deviation {
        of: |counts| counts.no_extension,
        text: "the server sends records without archival time, although the request asks for it: \
               delivered; a restart may bring them again",
    },
    Deviation {
        of: |counts| counts.not_json,
        text: "the server sends events that are not JSON, although the request asks for JSON: \
               delivered as they came. Look at one: if bytes stand before the brace, set \
               record_length; otherwise ask for the form that comes",
    },
];
