//! Collects events on a board, and connects again when a connection ends.

use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};
use estreamer_core::decode::{Frame, Kind, Oversize};
use estreamer_core::fqe::{EventKind, Request, Transform};
use estreamer_core::io::AsyncClient;
use estreamer_core::session::{ClientConfig, Instant};
use estreamer_core::wire::InitialTimestamp;

/// What the board brings along.
#[allow(async_fn_in_trait, reason = "one board has one executor")]
pub trait Board {
    /// A connection whose TLS handshake is complete.
    type Stream: Read + Write;

    /// Connects TCP and TLS. Returns `None` if that fails.
    async fn connect(&mut self) -> Option<Self::Stream>;

    /// Waits.
    async fn wait(&self, milliseconds: u32);

    /// Returns the time since the start of the board.
    fn now(&self) -> Instant;

    /// Stores an event. When this returns, the event is acknowledged.
    fn store(&mut self, event: &[u8]);

    /// Stores the second at which the server archived an event, to go on from there after
    /// a restart.
    fn store_position(&mut self, second: u32);
}

/// Milliseconds before the next attempt: the first wait, and the longest.
const WAITS: (u32, u32) = (1_000, 60_000);
/// Milliseconds after which the deadlines of the session are checked.
const CHECK: u32 = 5_000;

/// Collects events for ever. `window` is the memory for received data: a larger event is
/// skipped. It also has to hold the request.
pub async fn collect(board: &mut impl Board, mut from: InitialTimestamp, window: &mut [u8]) -> ! {
    let mut wait = WAITS.0;
    loop {
        if let Some(stream) = board.connect().await
            && receive(board, stream, &mut from, window).await
        {
            wait = WAITS.0;
        }
        board.wait(wait).await;
        wait = (2 * wait).min(WAITS.1);
    }
}

/// Receives events until the connection ends. Returns whether any arrived.
async fn receive<B: Board>(
    board: &mut B,
    stream: B::Stream,
    from: &mut InitialTimestamp,
    window: &mut [u8],
) -> bool {
    let request = Request::new(*from)
        .event(EventKind::Intrusion, EventKind::Intrusion.default_fields())
        .transform(Transform::Json);
    let mut config = ClientConfig::default();
    // Each bundle is acknowledged after its events are stored.
    config.ahead = 0;
    config.oversize = Oversize::Skip;
    let client = AsyncClient::start_with(stream, &request, window, config, board.now()).await;
    let Ok(mut client) = client else {
        return false;
    };
    let mut has_events = false;
    loop {
        let now = board.now();
        let received = match select(client.next(now), board.wait(CHECK)).await {
            Either::First(Ok(received)) => received,
            // The connection has ended.
            Either::First(Err(_)) => return has_events,
            // Nothing came: the next call checks the deadlines.
            Either::Second(()) => continue,
        };
        match received.frame {
            Frame::Message { head, .. } => {
                if let Kind::Event { record, .. } = head.kind {
                    board.store(received.bytes);
                    if let Some(second) = record.archival() {
                        *from = InitialTimestamp(second);
                        board.store_position(second);
                    }
                    has_events = true;
                }
            }
            Frame::BundleEnd => client.delivered(),
            _ => {}
        }
    }
}
