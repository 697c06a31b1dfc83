//! The structures C fills in and reads.

/// Ask from the oldest event in the server's archive.
pub const EST_FROM_OLDEST: u32 = 0;
/// Ask for what comes from now on.
pub const EST_FROM_NOW: u32 = 0xffff_ffff;

/// Ask for connection events.
pub const EST_CONNECTION_EVENTS: u32 = 1;
/// Ask for intrusion events.
pub const EST_INTRUSION_EVENTS: u32 = 2;
/// Ask for the packets of intrusion events.
pub const EST_PACKET_EVENTS: u32 = 4;
/// Ask for file events.
pub const EST_FILE_EVENTS: u32 = 8;
/// Ask for all four.
pub const EST_ALL_EVENTS: u32 = 15;

/// What the record length counts: each record tells by itself.
pub const EST_RECORD_LENGTH_AUTO: u32 = 0;
/// It counts the data.
pub const EST_RECORD_LENGTH_DATA: u32 = 1;
/// It counts archival timestamp, reserved word and data.
pub const EST_RECORD_LENGTH_EXTENSION: u32 = 2;
/// It counts the whole record header and the data.
pub const EST_RECORD_LENGTH_ALL: u32 = 3;

/// No deadline; and no limit to a wait.
pub const EST_FOREVER: u64 = u64::MAX;

/// How a session behaves. Begin with EST_CONFIG_DEFAULT.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct est_config {
    /// Bytes of the window that est_buffer() hands out, at least 64. A record
    /// that fits comes whole.
    pub window: usize,
    /// Bytes for what is to be sent, at least 128: the request has to fit.
    pub output: usize,
    /// Bundles acknowledged before est_ack() says so; 0 is strict.
    pub ahead: u32,
    /// After so many milliseconds of silence a null message is sent, to see
    /// whether the connection still stands; 0: never.
    pub probe_after: u32,
    /// After so many milliseconds of silence the server counts as dead; be
    /// generous. 0: never.
    pub dead_after: u32,
    /// Bytes of a record's data, at most; a longer one comes as EST_SKIPPED.
    pub record_limit: u32,
    /// A record larger than the window: 0, it comes as EST_SKIPPED; 1, it comes
    /// in pieces, see est_event.
    pub pieces: u32,
    /// What this server's record length counts, if that is known; otherwise
    /// EST_RECORD_LENGTH_AUTO.
    pub record_length: u32,
    /// Must be 0.
    pub reserved: [u32; 4],
}

impl Default for est_config {
    fn default() -> Self {
        Self {
            window: 256 << 10,
            output: 16 << 10,
            ahead: 16,
            probe_after: 60_000,
            dead_after: 600_000,
            record_limit: 16 << 20,
            pieces: 0,
            record_length: EST_RECORD_LENGTH_AUTO,
            reserved: [0; 4],
        }
    }
}

/// What a record is.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum est_kind {
    /// An event.
    EST_EVENT = 0,
    /// A record that contradicts its own lengths; the data is its raw body.
    EST_MALFORMED = 1,
    /// A record over the limit, or larger than the window: `length` says how
    /// large it was, and there is no data.
    EST_SKIPPED = 2,
}

/// A record, looked at where it was received. `data` is valid until the next
/// call with the same handle.
///
/// With `pieces` set in est_config, a record larger than the window comes as
/// several of these in a row: `offset` counts up, and it is complete when
/// `offset + data_length == length`. Without, `offset` is 0.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct est_event {
    /// The event, in the format that was asked for; no NUL behind it.
    pub data: *const u8,
    /// Bytes of data.
    pub data_length: usize,
    /// Bytes of the whole record.
    pub length: u32,
    /// Bytes of it that came before these.
    pub offset: u32,
    /// When the server stored it, UNIX seconds; 0 if it does not say.
    pub archival: u32,
    /// 71 connection, 400 intrusion, 2 intrusion packet, 500 and 502 file;
    /// others as the server sends them.
    pub record_type: u16,
    /// The Netmap ID; 0 in a single-domain server, and always with est_client.
    pub netmap: u16,
    /// What it is.
    pub kind: est_kind,
}

/// What was counted on a connection so far.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct est_statistics {
    /// Bytes received, TLS taken off.
    pub bytes: u64,
    /// Records received, those that came in place of an event included.
    pub records: u64,
    /// Records that contradict their own lengths.
    pub malformed: u64,
    /// Records without data, because they were too large.
    pub skipped: u64,
    /// Bundles received, and records outside of any.
    pub bundles: u64,
    /// Of these, how many were acknowledged.
    pub acknowledged: u64,
    /// Records left out because they were acknowledged before (with a bookmark).
    pub duplicates: u64,
    /// Records whose length counts archival timestamp, reserved word and data.
    pub record_covers_extension: u64,
    /// Records whose length counts the record header and the data.
    pub record_covers_header: u64,
    /// Records without archival timestamp, although the request asked for it.
    pub no_extension: u64,
    /// Events that are not the JSON the request asked for.
    pub data_not_json: u64,
    /// 0.
    pub reserved: u64,
}
