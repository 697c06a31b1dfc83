//! The constants and structures of the C interface.

/// Start with the oldest event in the server's archive.
pub const EST_FROM_OLDEST: u32 = 0;
/// Start with the events that arrive from now on.
pub const EST_FROM_NOW: u32 = 0xffff_ffff;

/// Request connection events.
pub const EST_CONNECTION_EVENTS: u32 = 1;
/// Request intrusion events.
pub const EST_INTRUSION_EVENTS: u32 = 2;
/// Request the packets of intrusion events.
pub const EST_PACKET_EVENTS: u32 = 4;
/// Request file events.
pub const EST_FILE_EVENTS: u32 = 8;
/// Request all four event types.
pub const EST_ALL_EVENTS: u32 = 15;

/// Detect for each record which bytes the record length counts.
pub const EST_RECORD_LENGTH_AUTO: u32 = 0;
/// The record length counts the data.
pub const EST_RECORD_LENGTH_DATA: u32 = 1;
/// The record length counts archival timestamp, reserved word and data.
pub const EST_RECORD_LENGTH_EXTENSION: u32 = 2;
/// The record length counts the whole record header and the data.
pub const EST_RECORD_LENGTH_ALL: u32 = 3;

/// No deadline, or a wait without time limit.
pub const EST_FOREVER: u64 = u64::MAX;

/// The settings of a session. Initialise with EST_CONFIG_DEFAULT.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct est_config {
    /// Bytes of the window that est_buffer() hands out, at least 64. A record
    /// that fits into the window is returned whole.
    pub window: usize,
    /// Bytes of the output buffer, at least 128. The request must fit.
    pub output: usize,
    /// Bundles that are acknowledged before est_ack() is called. With 0, every
    /// acknowledgement follows est_ack().
    pub ahead: u32,
    /// Milliseconds of silence after which a null message is sent to test the
    /// connection. 0: never.
    pub probe_after: u32,
    /// Milliseconds of silence after which the session ends with EST_SILENT.
    /// The keep-alive period of servers is unpublished, so choose a long time.
    /// 0: never.
    pub dead_after: u32,
    /// Largest record to accept, in bytes of data. Larger ones are returned as
    /// EST_SKIPPED.
    pub record_limit: u32,
    /// How to return a record that is larger than the window. 0: as EST_SKIPPED.
    /// 1: in pieces, see est_event.
    pub pieces: u32,
    /// Which bytes this server's record length counts, if known; otherwise
    /// EST_RECORD_LENGTH_AUTO.
    pub record_length: u32,
    /// Null messages to send ahead of need after the first acknowledgement, 0 by
    /// default. A server far away that counts them sends so many more bundles
    /// before it waits. Others ignore them; one that objects ends the connection.
    pub prepaid: u32,
    /// Must be 0.
    pub reserved: [u32; 3],
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
            prepaid: 0,
            reserved: [0; 3],
        }
    }
}

/// The kind of a record.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum est_kind {
    /// An event.
    EST_EVENT = 0,
    /// A record with contradictory lengths. The data is its raw body.
    EST_MALFORMED = 1,
    /// A record above the limit or larger than the window. `length` is its size;
    /// there is no data.
    EST_SKIPPED = 2,
}

/// A record. `data` points into the receive buffer and is valid until the next
/// call with the same handle.
///
/// With `pieces` set in est_config, a record larger than the window is returned
/// as several est_event in a row. `offset` increases, and the record is complete
/// when `offset + data_length == length`. Without `pieces`, `offset` is 0.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct est_event {
    /// The event in the requested format. Not terminated by NUL.
    pub data: *const u8,
    /// Bytes at `data`.
    pub data_length: usize,
    /// Bytes of the whole record.
    pub length: u32,
    /// Bytes of the record before this piece.
    pub offset: u32,
    /// Archival timestamp in UNIX seconds; 0 if the record has none.
    pub archival: u32,
    /// 71 connection, 400 intrusion, 2 intrusion packet, 500 and 502 file.
    /// Other numbers are passed through.
    pub record_type: u16,
    /// The Netmap ID. 0 on a server with one domain, and always with est_client.
    pub netmap: u16,
    /// The kind of the record.
    pub kind: est_kind,
}

/// Counters of a connection since its start.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct est_statistics {
    /// Bytes received, without TLS.
    pub bytes: u64,
    /// Records received, including malformed and skipped ones.
    pub records: u64,
    /// Records with contradictory lengths.
    pub malformed: u64,
    /// Records skipped because of their size.
    pub skipped: u64,
    /// Bundles received. A record outside a bundle counts as one.
    pub bundles: u64,
    /// Bundles acknowledged.
    pub acknowledged: u64,
    /// Records left out because an earlier connection acknowledged them (with a
    /// bookmark).
    pub duplicates: u64,
    /// Records whose length counts archival timestamp, reserved word and data.
    pub record_covers_extension: u64,
    /// Records whose length counts the record header and the data.
    pub record_covers_header: u64,
    /// Records without the archival timestamp that the request asked for.
    pub no_extension: u64,
    /// Events that are not the JSON that the request asked for.
    pub data_not_json: u64,
    /// 0.
    pub reserved: u64,
}
