//! What a source is asked for, and the message that asks it.

use std::fmt;

use crate::format::Data;
use estreamer_core::ResourceError;
use estreamer_core::fqe::{self, EventKind, Request, RequestError};
use estreamer_core::quirk::Quirks;
use estreamer_core::wire::{
    EventStreamRequest, Expected, HEADER_LEN, InitialTimestamp, Message, RequestFlags,
};

/// What a source is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The JSON block of the request.
    pub json: Vec<u8>,
    /// The form the events' data comes in.
    pub data: Data,
    /// The event types it asks for, in the order of [`EventKind::ALL`].
    pub kinds: Vec<EventKind>,
}

/// An event type, and the fields and field sets asked of it.
pub type Fields = (EventKind, Vec<String>);

impl Ask {
    /// All event types as JSON, with the field sets of the guide's example.
    pub fn everything() -> Self {
        let all = EventKind::ALL.map(|kind| (kind, default_fields(kind)));
        // The guide's own request is without mistake.
        Self::events(&all, Data::Json).unwrap_or_else(|_| Self {
            json: Vec::new(),
            data: Data::Json,
            kinds: Vec::new(),
        })
    }

    /// These event types with these fields.
    ///
    /// # Errors
    /// The first thing to change, as a server sees it.
    pub fn events(events: &[Fields], data: Data) -> Result<Self, RequestError> {
        let names: Vec<(EventKind, Vec<&str>)> = events
            .iter()
            .map(|(kind, fields)| (*kind, fields.iter().map(String::as_str).collect()))
            .collect();
        let mut request = Request::new(InitialTimestamp::NOW).transform(data.transform());
        for kind in EventKind::ALL {
            for (_, fields) in names.iter().filter(|(asked, _)| *asked == kind) {
                request = request.event(kind, fields);
            }
        }
        let mut json = Vec::new();
        if let Err(RequestError::Resource(ResourceError::BufferTooSmall { needed })) =
            request.emit_json(&mut json)
        {
            json.resize(needed, 0);
        }
        request.emit_json(&mut json)?;
        Self::block(json)
    }

    /// A ready-made JSON block, sent as it is.
    ///
    /// # Errors
    /// The first thing to change, as a server sees it.
    pub fn block(json: Vec<u8>) -> Result<Self, RequestError> {
        let asked = fqe::parse(json.strip_suffix(&[0]).unwrap_or(&json))?;
        Ok(Self {
            data: Data::from(asked.transform),
            kinds: EventKind::ALL
                .into_iter()
                .filter(|&kind| asked.has(kind))
                .collect(),
            json,
        })
    }

    /// What it asks records to be.
    pub fn expected(&self) -> Expected {
        Expected {
            extended: FLAGS.contains(RequestFlags::EXTENDED_HEADER),
            form: self.data.transform().into(),
        }
    }

    /// The whole request message, which starts at `from` and shows those of
    /// `quirks` that concern a request.
    pub fn message(&self, from: InitialTimestamp, quirks: Quirks) -> Vec<u8> {
        let request = EventStreamRequest {
            from,
            flags: FLAGS,
            block: &self.json,
        };
        // With a NUL and a null message, should they be wanted.
        let mut message = vec![0; Message::Request(request).encoded_len() + 1 + HEADER_LEN];
        let length = fqe::emit(&request, quirks, &mut message).map_or(0, <[u8]>::len);
        debug_assert!(length > 0, "there is room");
        message.truncate(length);
        message
    }
}

/// Resuming needs the archival timestamp.
const FLAGS: RequestFlags = RequestFlags::EXTENDED_HEADER;

/// `ConnectionEvent and FileEvent as JSON`.
impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, kind) in self.kinds.iter().enumerate() {
            let separator = match place {
                0 => "",
                _ if place + 1 == self.kinds.len() => " and ",
                _ => ", ",
            };
            write!(f, "{separator}{kind}")?;
        }
        write!(f, " as {}", self.data)
    }
}

/// The field sets of the guide's example.
pub fn default_fields(kind: EventKind) -> Vec<String> {
    let names = kind.default_fields().iter();
    names.map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use estreamer_core::quirk::Quirk;

    #[test]
    fn the_last_word_on_an_event_type_counts_and_their_order_does_not() {
        let fields = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let ask = Ask::events(
            &[
                (EventKind::File, fields(&["FileName"])),
                (EventKind::Connection, fields(&["URL"])),
                (EventKind::File, fields(&["FileSize"])),
            ],
            Data::Other("FlatBuffer".into()),
        )
        .unwrap();
        let json = String::from_utf8(ask.json.clone()).unwrap();
        assert!(
            !json.contains("FileName") && json.contains("FileSize"),
            "{json}"
        );
        assert_eq!(
            ask.to_string(),
            "ConnectionEvent and FileEvent as FlatBuffer"
        );
    }

    #[test]
    fn a_block_goes_out_as_it_is_whatever_the_quirks() {
        let block = [&Ask::everything().json[..], b"\n\0"].concat();
        let ask = Ask::block(block.clone()).unwrap();
        assert_eq!(ask.kinds, EventKind::ALL);
        let quirks = Quirks::NONE.with(Quirk::RequestNul);
        for quirks in [Quirks::NONE, quirks] {
            let message = ask.message(InitialTimestamp::OLDEST, quirks);
            assert_eq!(message[16..], block);
        }
        let message = Ask::everything().message(InitialTimestamp::OLDEST, quirks);
        assert!(message.ends_with(b"}\0"));
    }

    #[test]
    fn what_a_server_would_refuse_is_refused_before() {
        let sets = (EventKind::File, default_fields(EventKind::File));
        assert_eq!(
            Ask::events(&[sets], Data::Csv),
            Err(RequestError::FieldSetInCsv(EventKind::File))
        );
        assert_eq!(
            Ask::block(b"{}".to_vec()),
            Err(RequestError::NothingRequested)
        );
    }
}
