//! Events with their own memory.

use estreamer_core::wire::RecordType;
use estreamer_mio::buffer::{EventRecord, RecordKind};

/// An owned event, as the iterator returns it.
///
/// ```
/// use estreamer::client::{Client, InitialTimestamp, OwnedEvent, RecordKind};
///
/// # let directory = tempfile::tempdir()?;
/// # let pki = estreamer_simulate::pki::Pki::generate()?;
/// # pki.write_to(directory.path())?;
/// # let server = estreamer_simulate::Simulator::builder(&pki)?.count(3).spawn()?;
/// # let address = server.address().to_string();
/// # let file = directory.path().join("client.p12");
/// # let builder = Client::builder(&address).pkcs12(file, "estreamer");
/// let mut client = builder.from(InitialTimestamp::OLDEST).connect()?;
/// let record = client.receive(None)?;
/// let event = record.map(OwnedEvent::from).ok_or("no timeout was set")?;
/// assert_eq!(event.kind, RecordKind::Event);
/// assert_eq!(event.length as usize, event.data.len());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedEvent {
    /// Whether it is an event, or why it is not.
    pub kind: RecordKind,
    /// The record type; 0 if it could not be read.
    pub record_type: RecordType,
    /// When the server stored it, in UNIX seconds.
    pub archival: Option<u32>,
    /// The number of bytes sent; more than the length of the data if the event exceeded
    /// the limit.
    pub length: u32,
    /// The event in the requested format.
    pub data: Vec<u8>,
}

impl From<EventRecord<'_>> for OwnedEvent {
    fn from(record: EventRecord<'_>) -> Self {
        Self {
            kind: record.kind,
            record_type: record.record_type,
            archival: record.archival,
            length: record.length,
            data: record.data.into(),
        }
    }
}
