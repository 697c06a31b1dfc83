//! Why attempts and connections end, as a short list of causes.

use std::io;

use estreamer_core::session::End;
use estreamer_mio::client::ClientEnd;

/// Declares the enum with the name of each variant.
macro_rules! causes {
    ($($variant:ident $name:literal $description:literal)*) => {
        /// Why an attempt or a connection ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum EndCause {
            $(#[doc = $description] $variant,)*
        }

        impl EndCause {
            /// All causes.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in the status and in metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

causes! {
    Refused "refused" "Nothing listens on the port."
    Unreachable "unreachable" "The name of the server has no address, or TCP cannot be connected."
    Timeout "timeout" "TCP or the TLS handshake was not complete in time."
    Tls "tls" "TLS failed, for example because of a certificate."
    Network "network" "The connection failed."
    Rejected "rejected" "The server closed the connection before its first byte."
    Error "error" "The server sent an error message."
    Silent "silent" "The server was silent for too long, or did not answer the request."
    Closed "closed" "The server closed the connection, between two messages or inside one."
    Protocol "protocol" "The server does not send eStreamer messages."
}

impl EndCause {
    /// Returns the cause of an end; `None` for an end that this side wanted.
    pub fn of(end: &ClientEnd) -> Option<Self> {
        Some(match end {
            ClientEnd::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                Self::Refused
            }
            ClientEnd::Connect(_) => Self::Unreachable,
            ClientEnd::ConnectTimeout(_) | ClientEnd::HandshakeTimeout(_) => Self::Timeout,
            ClientEnd::Tls(_) => Self::Tls,
            ClientEnd::Session(End::Closed, _) => return None,
            ClientEnd::Session(End::BeforeFirstByte, _) => Self::Rejected,
            ClientEnd::Session(End::PeerError { .. }, _) => Self::Error,
            ClientEnd::Session(End::Idle | End::MidMessage, _) => Self::Closed,
            ClientEnd::Session(End::PeerSilent, _) => Self::Silent,
            ClientEnd::Socket(_) => Self::Network,
            _ => Self::Protocol,
        })
    }
}
