//! The stages of a served connection.

use estreamer_core::session::{End, Instant, ServerSession};

/// The stage of a served connection.
pub(super) enum ServerStage {
    Handshake {
        deadline: Instant,
    },
    Session(ServerSession),
    /// The last message is being sent.
    Closing {
        session: ServerSession,
        deadline: Instant,
    },
    /// The client has closed; this side closes at the deadline.
    Lingering {
        session: ServerSession,
        end: End,
        deadline: Instant,
    },
    /// Nothing more is sent until the client closes.
    Silent(ServerSession),
    Ended,
}
