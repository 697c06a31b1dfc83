//! The smallest client: a blocking loop over rustls that reads bundles and answers
//! each with a null message. `cargo xtask bench` compares the collector with it.
//!
//! ```text
//! drain ADDR CERT KEY REQUEST.json BUNDLES [FILE]
//! ```
//!
//! With FILE, a second thread writes all bytes there, and a third one syncs the file
//! as often as the collector does.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Error, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use estreamer_core::wire::{
    EventStreamRequest, HEADER_LEN, Header, InitialTimestamp, Message, MessageType, Null,
    RequestFlags,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

/// Bytes read and written at once.
const READ: usize = 64 << 10;
const WRITE: usize = 256 << 10;
/// Blocks that wait to be written, at most: 32 MiB as in the collector.
const UNDER_WAY: usize = 128;
/// When the file is synced, as in the collector: every second, or after so many bytes.
const EVERY: Duration = Duration::from_secs(1);
const VOLUME: u64 = 64 << 20;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (given, file) = match &arguments[..] {
        [given @ .., file] if given.len() == 5 => (given, Some(file)),
        given => (given, None),
    };
    let [address, certificate, key, request, bundles] = given else {
        return Err(Error::other(
            "give ADDR CERT KEY REQUEST.json BUNDLES [FILE]",
        ));
    };
    let bundles = bundles.parse().map_err(Error::other)?;
    let mut stream = BufReader::with_capacity(READ, connect(address, certificate, key)?);
    ask(stream.get_mut(), &fs::read(request)?)?;
    let bytes = match file {
        None => drain(&mut stream, bundles, |_| Ok(()))?,
        Some(path) => {
            let disk = Disk::start(File::create(path)?)?;
            let mut block = Vec::with_capacity(WRITE);
            let bytes = drain(&mut stream, bundles, |bytes| disk.write(&mut block, bytes))?;
            disk.finish(block)?;
            bytes
        }
    };
    println!("{bundles} bundles, {bytes} bytes");
    Ok(())
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn connect(address: &str, certificate: &str, key: &str) -> io::Result<Tls> {
    let provider = Arc::new(ring::default_provider());
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(Error::other)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(Error::other)?;
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        .with_client_auth_cert(chain, key)
        .map_err(Error::other)?;
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    let nobody = ServerName::from(socket.peer_addr()?.ip());
    let tls = ClientConnection::new(Arc::new(config), nobody).map_err(Error::other)?;
    Ok(StreamOwned::new(tls, socket))
}

fn ask(stream: &mut Tls, block: &[u8]) -> io::Result<()> {
    let request = Message::Request(EventStreamRequest {
        from: InitialTimestamp::OLDEST,
        flags: RequestFlags::EXTENDED_HEADER,
        block: block.trim_ascii(),
    });
    let mut message = vec![0; request.encoded_len()];
    request.emit(&mut message).map_err(Error::other)?;
    stream.write_all(&message)
}

/// Reads so many bundles and returns their bytes.
fn drain(
    stream: &mut BufReader<Tls>,
    mut bundles: u64,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<u64> {
    let mut bytes = 0;
    while bundles > 0 {
        let mut header = [0; HEADER_LEN];
        stream.read_exact(&mut header)?;
        take(&header)?;
        let (parsed, _) = Header::parse(&header).map_err(Error::other)?;
        let mut left = parsed.length as usize;
        bytes += (HEADER_LEN + left) as u64;
        while left > 0 {
            let some = stream.fill_buf()?;
            if some.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let count = some.len().min(left);
            take(&some[..count])?;
            stream.consume(count);
            left -= count;
        }
        if parsed.message_type == MessageType::BUNDLE {
            stream.get_mut().write_all(&Null::BYTES)?;
            bundles -= 1;
        }
    }
    Ok(bytes)
}

/// The threads that write and sync.
struct Disk {
    full: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
    writer: thread::JoinHandle<io::Result<()>>,
}

impl Disk {
    fn start(file: File) -> io::Result<Self> {
        let (full, to_write) = mpsc::sync_channel::<Vec<u8>>(UNDER_WAY);
        let (written, empty) = mpsc::channel();
        let (told, due) = mpsc::channel::<u64>();
        let mut output = file.try_clone()?;
        let syncer = thread::spawn(move || sync(&file, &due));
        let writer = thread::spawn(move || {
            for mut block in to_write {
                output.write_all(&block)?;
                // After an error the receivers are gone.
                let _ = told.send(block.len() as u64);
                block.clear();
                let _ = written.send(block);
            }
            drop(told);
            syncer.join().map_err(|_| Error::other("a panic"))?
        });
        Ok(Self {
            full,
            empty,
            writer,
        })
    }

    /// Collects bytes in `block`, and passes it on when it is full.
    fn write(&self, block: &mut Vec<u8>, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = bytes.len().min(WRITE - block.len());
            block.extend_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            if block.len() == WRITE {
                let next = self.empty.try_recv();
                let next = next.unwrap_or_else(|_| Vec::with_capacity(WRITE));
                self.full
                    .send(std::mem::replace(block, next))
                    .map_err(Error::other)?;
            }
        }
        Ok(())
    }

    fn finish(self, block: Vec<u8>) -> io::Result<()> {
        // If the writer has failed, joining it returns the error.
        let _ = self.full.send(block);
        drop(self.full);
        self.writer.join().map_err(|_| Error::other("a panic"))?
    }
}

/// Syncs what was written, as often as the collector and at the end.
fn sync(file: &File, due: &Receiver<u64>) -> io::Result<()> {
    let mut volume = 0;
    loop {
        let told = due.recv_timeout(EVERY);
        volume += told.unwrap_or(0);
        let over = told == Err(RecvTimeoutError::Disconnected);
        if over || volume >= VOLUME {
            file.sync_data()?;
            volume = 0;
        }
        if over {
            return Ok(());
        }
    }
}

/// Accepts every server, because the handshake is not measured.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
