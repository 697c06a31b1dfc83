//! A server that sends recorded bytes.

use std::fs::File;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use estreamer_core::session::{Instant, Statistics};
use estreamer_core::wire::{EventStreamRequest, RecordType, Services};
use estreamer_mio::event_loop::Handle;
use estreamer_mio::server::{
    Answer, Feed, Outgoing, RequestRefusal, ServerEnd, ServerLoop, ServerOptions, SuppliedRecord,
    Supply, Tampered,
};
use estreamer_mio::tls::{ClientRules, Identity, ServerTls};

use super::count::counted;
use super::service::ServiceError;

/// The settings of a server that sends recorded bytes.
pub struct RecordingOptions {
    /// The address to listen on; port 0 selects a free port. Default: port 0 on loopback.
    pub listen: SocketAddr,
    /// The certificate and key of the server, and the CA that verifies clients.
    pub identity: Identity,
    /// The rules for clients besides the chain to that CA.
    pub clients: ClientRules,
    /// What a server sent: one direction of a connection, without TLS.
    pub recording: PathBuf,
    /// Whether the connection is closed after the last byte.
    pub close: bool,
    /// Called with one line for each connection that ends.
    pub log: Option<fn(&str)>,
}

impl RecordingOptions {
    /// Returns settings that listen on a free port on loopback.
    pub fn new(identity: Identity, recording: &Path) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            identity,
            clients: ClientRules::default(),
            recording: recording.into(),
            close: false,
            log: None,
        }
    }
}

/// A server that accepts any request and sends the same recorded bytes to each client: as fast
/// as the client reads, without waiting for null messages, which it counts.
pub struct Recording {
    server: ServerLoop<RecordingFeed>,
    path: PathBuf,
    close: bool,
    log: Option<fn(&str)>,
}

impl Recording {
    /// Starts listening. Connections are accepted when it runs.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn new(options: RecordingOptions) -> Result<Self, ServiceError> {
        let tls = ServerTls::new(&options.identity).map_err(ServiceError::Tls)?;
        let mut server = ServerOptions::new(tls);
        server.clients = options.clients;
        server.session.unacknowledged = u32::MAX;
        // A null message in the middle of a recorded one would break it.
        server.session.keep_alive = 0;
        server.session.limits.message = server.session.limits.request;
        // One placeholder for each chunk.
        server.bundle = 1;
        Ok(Self {
            server: ServerLoop::bind(options.listen, server)
                .map_err(|error| ServiceError::Listen(options.listen, error))?,
            path: options.recording,
            close: options.close,
            log: options.log,
        })
    }

    /// Returns the address to connect to.
    pub fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Returns a handle that stops the server from another thread.
    pub fn handle(&self) -> Handle {
        self.server.handle()
    }

    /// Serves until stopped.
    ///
    /// # Errors
    /// Those of the system if polling fails.
    pub fn run(self) -> io::Result<()> {
        self.server.run(|peer| RecordingFeed {
            path: self.path.clone(),
            peer,
            close: self.close,
            log: self.log,
            chunks: None,
            sent: 0,
            nulls: 0,
            failed: None,
        })
    }
}

/// The bytes of one connection. The session sends a bundle with a placeholder for each chunk;
/// the chunk takes its place.
struct RecordingFeed {
    path: PathBuf,
    peer: SocketAddr,
    close: bool,
    log: Option<fn(&str)>,
    /// What is not sent, once the client has sent its request.
    chunks: Option<Chunks>,
    /// Bytes sent.
    sent: u64,
    /// Null messages received.
    nulls: u64,
    /// Why the recording cannot be read on.
    failed: Option<io::Error>,
}

struct Chunks {
    file: File,
    /// The next bytes; empty at the end.
    next: Vec<u8>,
}

impl Chunks {
    fn read(&mut self) -> io::Result<()> {
        self.next.clear();
        let mut part = (&mut self.file).take(CHUNK);
        part.read_to_end(&mut self.next).map(drop)
    }
}

/// The maximum number of bytes in a chunk.
const CHUNK: u64 = 64 << 10;

impl RecordingFeed {
    fn begin(&mut self) -> Result<Answer, RequestRefusal> {
        let open = || {
            let mut chunks = Chunks {
                file: File::open(&self.path)?,
                next: Vec::new(),
            };
            chunks.read()?;
            Ok(chunks)
        };
        match open() {
            Ok(chunks) => {
                self.chunks = Some(chunks);
                Ok(Answer::Stream)
            }
            Err(error) => {
                let error: io::Error = error;
                let text = format!("the recording cannot be read: {error}");
                self.failed = Some(error);
                Err(RequestRefusal { code: -1, text })
            }
        }
    }

    fn has_more(&self) -> bool {
        let next = self.chunks.as_ref();
        next.is_some_and(|chunks| !chunks.next.is_empty())
    }
}

impl Feed for RecordingFeed {
    fn request(&mut self, request: &EventStreamRequest<'_>) -> Result<Answer, RequestRefusal> {
        let _ = request;
        self.begin()
    }

    fn choice(&mut self, chosen: &Services<'_>) -> Result<(), RequestRefusal> {
        let _ = chosen;
        Ok(())
    }

    fn peek(&mut self, now: Instant) -> Supply<'_> {
        let _ = now;
        match self.has_more() {
            true => Supply::Record(SuppliedRecord {
                record_type: RecordType(0),
                archival: None,
                data: &[],
            }),
            false => Supply::Finished,
        }
    }

    fn take(&mut self) {}

    fn tamper(&mut self, outgoing: Outgoing, message: &[u8]) -> Option<Tampered> {
        let _ = message;
        let (Outgoing::Bundle(_), Some(chunks)) = (outgoing, &mut self.chunks) else {
            return None;
        };
        let bytes = std::mem::take(&mut chunks.next);
        if let Err(error) = chunks.read() {
            self.failed = Some(error);
            chunks.next.clear();
        }
        self.sent += bytes.len() as u64;
        Some(Tampered {
            bytes,
            close: self.close && !self.has_more(),
            ..Tampered::default()
        })
    }

    fn progress(&mut self, statistics: &Statistics) {
        self.nulls = statistics.nulls;
    }

    fn ended(&mut self, end: &ServerEnd, statistics: Option<&Statistics>) {
        if let Some(statistics) = statistics {
            self.progress(statistics);
        }
        let Some(log) = self.log else {
            return;
        };
        let (bytes, nulls) = (counted(self.sent, "byte"), counted(self.nulls, "null"));
        let what = match (&self.failed, self.has_more()) {
            (Some(error), _) => format!("; the recording cannot be read: {error}"),
            (None, true) => ", not the whole recording".to_owned(),
            (None, false) => String::new(),
        };
        log(&format!(
            "{}: {bytes} sent{what}, {nulls} received; {end}",
            self.peer
        ));
    }
}
