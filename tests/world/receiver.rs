//! A receiver of a bulk API, which keeps what it is sent.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use estreamer::fuzzing::{Output, bulk_output};
use serde_json::{Value, json};

/// How a receiver behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    /// It stores what it is sent.
    #[default]
    Up,
    /// It does not answer.
    Down,
    /// It stores what it is sent, and its answer is lost.
    Forgets,
    /// It asks to try again later.
    Busy,
    /// It stores some events, and asks to try the others again later.
    PartlyBusy,
    /// It refuses events of one kind for good.
    Refuses,
}

impl Mood {
    pub(crate) const ALL: [Self; 6] = [
        Self::Up,
        Self::Down,
        Self::Forgets,
        Self::Busy,
        Self::PartlyBusy,
        Self::Refuses,
    ];
}

/// What a receiver has.
#[derive(Default)]
struct Store {
    mood: Mood,
    /// By identifier.
    documents: BTreeMap<String, String>,
    /// The texts of events that were refused, by identifier.
    refused: BTreeMap<String, String>,
    /// The number of requests.
    requests: usize,
}

/// A receiver; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Receiver(Arc<Mutex<Store>>);

impl Receiver {
    /// Returns an output to this receiver.
    pub(crate) fn output(&self) -> Box<dyn Output> {
        let receiver = self.clone();
        bulk_output(3, Box::new(move |body| receiver.exchange(body)))
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.store().mood = mood;
    }

    pub(crate) fn mood(&self) -> Mood {
        self.store().mood
    }

    /// Returns how often each text is stored, or was refused.
    pub(crate) fn texts(&self) -> BTreeMap<String, usize> {
        let store = self.store();
        let mut texts = BTreeMap::new();
        let refused = store.refused.iter();
        let refused = refused.filter(|(id, _)| !store.documents.contains_key(*id));
        let texts_of = store.documents.values();
        for text in texts_of.chain(refused.map(|(_, text)| text)) {
            *texts.entry(text.clone()).or_default() += 1;
        }
        texts
    }

    fn store(&self) -> std::sync::MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exchange(&self, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let mut store = self.store();
        store.requests += 1;
        match store.mood {
            Mood::Down => return Err(io::ErrorKind::ConnectionRefused.into()),
            Mood::Busy => return Ok((429, b"later".to_vec())),
            _ => {}
        }
        let mood = store.mood;
        let mut items = Vec::new();
        let lines: Vec<Value> = body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("each line is JSON"))
            .collect();
        for (number, pair) in lines.chunks(2).enumerate() {
            let id = pair[0]["create"]["_id"].as_str().expect("an identifier");
            let text = pair[1]["e"].as_str().expect("the event").to_owned();
            let status = match mood {
                Mood::PartlyBusy if (number + store.requests).is_multiple_of(2) => 503,
                Mood::Refuses if text.ends_with('y') => {
                    store.refused.insert(id.into(), text);
                    400
                }
                _ => match store.documents.insert(id.into(), text) {
                    Some(_) => 409,
                    None => 201,
                },
            };
            items.push(json!({ "create": { "status": status } }));
        }
        match mood {
            Mood::Forgets => Err(io::ErrorKind::ConnectionReset.into()),
            _ => Ok((200, json!({ "items": items }).to_string().into_bytes())),
        }
    }
}
