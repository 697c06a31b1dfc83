//! Deviations of a server from the request or the guide. Each is reported once per source
//! and counted in the summary.

use estreamer_core::quirk::Quirk;

/// A deviation and its report.
pub(super) struct Deviation {
    /// The deviation.
    pub(super) quirk: Quirk,
    /// What happened and what to do. The name of the source precedes it.
    pub(super) text: &'static str,
}

pub(super) const DEVIATIONS: [Deviation; 4] = [
    Deviation {
        quirk: Quirk::RecordCoversExtension,
        text: "the record length of this server includes archival timestamp and reserved word. The \
               events are decoded correctly; nothing to do",
    },
    Deviation {
        quirk: Quirk::RecordCoversHeader,
        text: "the record length of this server includes the record header. The events are decoded \
               correctly; nothing to do",
    },
    Deviation {
        quirk: Quirk::NoExtension,
        text: "the server sends records without archival time, although the request asks for it. They \
               are delivered; after a restart they may be delivered again",
    },
    Deviation {
        quirk: Quirk::DataNotJson,
        text: "the server sends events that are not JSON, although the request asks for JSON. They \
               are delivered unchanged. Look at one: if bytes precede the brace, set what \
               the record length counts; otherwise request the transform that the server sends",
    },
];
