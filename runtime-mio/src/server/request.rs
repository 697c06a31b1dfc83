//! Requests: collected from frames, and the offer that answers one.

use estreamer_core::decode::{Frame, Head, Kind};
use estreamer_core::wire::{
    ESTREAMER_SERVICE, HEADER_LEN, Message, MessageType, ServiceEntry, Services,
};

/// Collects the request or streaming request that a client sends, which may come in
/// pieces.
#[derive(Default)]
pub(super) struct RequestReader {
    head: Option<Head>,
    block: Vec<u8>,
}

/// The request that a frame completes.
pub(super) enum CompletedRequest {
    /// No request.
    Nothing,
    /// A request with this head; see [`RequestReader::block`].
    Request(Head),
    /// A request over the limit, which was skipped.
    TooLarge,
}

impl RequestReader {
    /// Takes a frame found in `input`.
    pub(super) fn take(&mut self, frame: &Frame, input: &[u8]) -> CompletedRequest {
        match frame {
            Frame::Message { head, body } if is_request(head) => {
                self.block.clear();
                self.block.extend_from_slice(body.of(input));
                return CompletedRequest::Request(*head);
            }
            Frame::Begin { head, .. } if is_request(head) => {
                self.block.clear();
                self.head = Some(*head);
            }
            Frame::Chunk { body } if self.head.is_some() => {
                self.block.extend_from_slice(body.of(input));
            }
            Frame::End => {
                if let Some(head) = self.head.take() {
                    return CompletedRequest::Request(head);
                }
            }
            Frame::Skipped { head, .. } if is_request(head) => return CompletedRequest::TooLarge,
            _ => {}
        }
        CompletedRequest::Nothing
    }

    /// Returns the variable part of the request.
    pub(super) fn block(&self) -> &[u8] {
        &self.block
    }
}

/// Whether a message is a request.
fn is_request(head: &Head) -> bool {
    let streaming = head.header.message_type == MessageType::STREAMING_REQUEST;
    !head.nested && (matches!(head.kind, Kind::Request { .. }) || streaming)
}

/// Returns the message that offers the eStreamer service.
pub(super) fn offer() -> Option<[u8; HEADER_LEN + SERVICE_LEN]> {
    let entry = ServiceEntry {
        service: ESTREAMER_SERVICE,
        flags: 0,
        timestamp: 0,
        events: None,
    };
    let (mut body, mut message) = ([0; SERVICE_LEN], [0; HEADER_LEN + SERVICE_LEN]);
    entry.emit(&mut body).ok()?;
    let information = Message::StreamingInformation(Services { body: &body });
    let length = information.emit(&mut message).ok()?;
    (length == message.len()).then_some(message)
}

/// Bytes of a service entry.
const SERVICE_LEN: usize = 16;
