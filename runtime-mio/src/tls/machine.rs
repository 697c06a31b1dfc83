//! The TLS library's state machine of either end, over buffers of ours.

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use rustls::{CommonState, Error};

use crate::buffer::ByteBuffer;

/// The state machine of either end.
pub(super) enum Machine {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// What to send when the machine takes something to send.
#[derive(Clone, Copy)]
pub(super) enum Say<'a> {
    Nothing,
    /// This plaintext.
    Data(&'a [u8]),
    /// Goodbye (close_notify).
    Goodbye,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something was done, and there may be more.
    Again,
    /// A record's plaintext came out.
    Received,
    /// The peer closed the session.
    Closed,
    /// Nothing to send; needs more input from the peer.
    Rest,
}

impl Machine {
    /// Takes one step on the records of `incoming` and returns how many bytes of
    /// it are done with. Plaintext goes to `received`, records to `outgoing`.
    ///
    /// `incoming` has to begin where the last step was done, and to hold at least
    /// what that step has seen.
    pub(super) fn step(
        &mut self,
        incoming: &mut [u8],
        outgoing: &mut ByteBuffer,
        say: Say<'_>,
        received: impl FnMut(&[u8]),
    ) -> (usize, Result<Step, Error>) {
        match self {
            Self::Client(client) => take(
                client.process_tls_records(incoming),
                outgoing,
                say,
                received,
            ),
            Self::Server(server) => take(
                server.process_tls_records(incoming),
                outgoing,
                say,
                received,
            ),
        }
    }

    /// What both ends know of a connection.
    pub(super) fn common(&self) -> &CommonState {
        match self {
            Self::Client(client) => client,
            Self::Server(server) => server,
        }
    }
}

fn take<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    outgoing: &mut ByteBuffer,
    say: Say<'_>,
    mut received: impl FnMut(&[u8]),
) -> (usize, Result<Step, Error>) {
    let mut done = status.discard;
    let state = match status.state {
        Ok(state) => state,
        Err(error) => return (done, Err(error)),
    };
    let step = match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        done += record.discard;
                        received(record.payload);
                    }
                    Err(error) => return (done, Err(error)),
                }
            }
            Step::Received
        }
        ConnectionState::EncodeTlsData(mut message) => {
            put(outgoing, 0, |room| {
                message.encode(room).map_err(|error| match error {
                    EncodeError::InsufficientSize(size) => Some(size),
                    EncodeError::AlreadyEncoded => None,
                })
            });
            Step::Again
        }
        // As good as sent: all that goes out is in this one buffer.
        ConnectionState::TransmitTlsData(transmit) => {
            transmit.done();
            Step::Again
        }
        ConnectionState::PeerClosed => Step::Closed,
        ConnectionState::WriteTraffic(mut traffic) => {
            match say {
                Say::Nothing => {}
                Say::Data(data) => put(outgoing, data.len() + OVERHEAD, |room| {
                    traffic.encrypt(data, room).map_err(too_small)
                }),
                Say::Goodbye => put(outgoing, OVERHEAD, |room| {
                    traffic.queue_close_notify(room).map_err(too_small)
                }),
            }
            Step::Rest
        }
        // Data before the handshake is never asked for, so there is nothing else.
        _ => Step::Rest,
    };
    (done, Ok(step))
}

/// Appends what `write` makes, in a room of the size it asks for. Keys that are
/// used up make nothing; the library then ends the connection.
fn put(
    outgoing: &mut ByteBuffer,
    size: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<InsufficientSizeError>>,
) {
    let written = match write(outgoing.room_for(size)) {
        Err(Some(small)) => write(outgoing.room_for(small.required_size)),
        other => other,
    };
    outgoing.filled(written.unwrap_or(0));
}

fn too_small(error: EncryptError) -> Option<InsufficientSizeError> {
    match error {
        EncryptError::InsufficientSize(size) => Some(size),
        EncryptError::EncryptExhausted => None,
    }
}

/// Bytes by which the few records of one call grow at most.
const OVERHEAD: usize = 256;
