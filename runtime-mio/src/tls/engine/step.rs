//! One step of the state machine of rustls, on buffers of the caller.

use rustls::Error;
use rustls::client::UnbufferedClientConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, InsufficientSizeError};

use crate::buffer::ByteBuffer;

/// What to send when the connection can send something.
#[derive(Clone, Copy)]
pub(super) enum ToSend<'a> {
    Nothing,
    /// This plaintext.
    Data(&'a [u8]),
    /// close_notify.
    CloseNotify,
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsStep {
    /// It made progress; there may be more to do.
    Again,
    /// It decrypted a record.
    Received,
    /// The peer sent close_notify.
    Closed,
    /// Nothing to send; needs more input from the peer.
    Rest,
}

/// Takes one step on the records of `incoming` and returns how many of its bytes can
/// be removed. Plaintext goes to `received`, records to `outgoing`.
///
/// `incoming` has to begin where the last step ended, with at least the bytes that
/// the last step has seen.
pub(super) fn step(
    connection: &mut UnbufferedClientConnection,
    incoming: &mut [u8],
    outgoing: &mut ByteBuffer,
    to_send: ToSend<'_>,
    mut received: impl FnMut(&[u8]),
) -> (usize, Result<TlsStep, Error>) {
    let status = connection.process_tls_records(incoming);
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
            TlsStep::Received
        }
        ConnectionState::EncodeTlsData(mut message) => {
            put(outgoing, 0, |room| {
                message.encode(room).map_err(|error| match error {
                    EncodeError::InsufficientSize(size) => Some(size),
                    EncodeError::AlreadyEncoded => None,
                })
            });
            TlsStep::Again
        }
        // Everything to send is in this one buffer, in order.
        ConnectionState::TransmitTlsData(transmit) => {
            transmit.done();
            TlsStep::Again
        }
        ConnectionState::PeerClosed => TlsStep::Closed,
        ConnectionState::WriteTraffic(mut traffic) => {
            match to_send {
                ToSend::Nothing => {}
                ToSend::Data(data) => put(outgoing, data.len() + OVERHEAD, |room| {
                    traffic.encrypt(data, room).map_err(too_small)
                }),
                ToSend::CloseNotify => put(outgoing, OVERHEAD, |room| {
                    traffic.queue_close_notify(room).map_err(too_small)
                }),
            }
            TlsStep::Rest
        }
        // Early data is not enabled, so there is no other state.
        _ => TlsStep::Rest,
    };
    (done, Ok(step))
}

/// Appends what `write` writes, in a room of the size it asks for. Exhausted keys
/// write nothing; rustls then ends the connection.
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

/// Bytes that encryption adds to the records of one call, at most.
const OVERHEAD: usize = 256;
