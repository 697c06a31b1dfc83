//! Deviations of a server from the request or the guide. Each is reported once per source
//! and counted in the summary.

use super::counts::Counts;

/// A deviation and its report.
pub(super) struct Deviation {
    /// Returns the number of records with the deviation.
    pub(super) of: fn(&Counts) -> u64,
    /// What happened and what to do. The name of the source precedes it.
    pub(super) text: &'static str,
}

pub(super) const DEVIATIONS: [Deviation; 4] = [
    Deviation {
        of: |counts| counts.covers_extension,
        text: "the record length of this server includes archival timestamp and reserved word. The \
               events are decoded correctly; nothing to do",
    },
    Deviation {
        of: |counts| counts.covers_header,
        text: "the record length of this server includes the record header. The events are decoded \
               correctly; nothing to do",
    },
    Deviation {
        of: |counts| counts.no_extension,
        text: "the server sends records without archival time, although the request asks for it. They \
               are delivered; after a restart they may be delivered again",
    },
    Deviation {
        of: |counts| counts.not_json,
        text: "the server sends events that are not JSON, although the request asks for JSON. They \
               are delivered unchanged. Look at one: if bytes precede the brace, set what \
               the record length counts; otherwise request the transform that the server sends",
    },
];
