//! Receivers that keep what they get, and are out of order when they are told to be.

use std::collections::HashMap;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{sleep, spawn};
use std::time::Duration;

use estreamer_tests::bulk;
use estreamer_tests::http_server::{HttpReply, HttpRequest, serve};
use estreamer_tests::receiver::{Peer, ReceiverPki, accept, octet_counted};
use serde_json::{Value, json};

use crate::account::Counts;
use estreamer_tests::random::Random;

/// Whether a receiver is told to be out of order.
pub(crate) type Switch = Arc<AtomicBool>;

/// Syslog over TLS. Out of order, it reads nothing.
pub(crate) struct Syslog {
    pub(crate) address: SocketAddr,
    pub(crate) paused: Switch,
    got: Arc<Mutex<Got>>,
}

/// Events of messages.
#[derive(Default)]
struct Got {
    events: Counts,
    /// Messages that were none, the first one as text.
    wrong: Option<String>,
}

impl Syslog {
    /// Starts one; its certificates go to this directory.
    pub(crate) fn start(directory: &Path) -> Self {
        let pki = ReceiverPki::new(&["127.0.0.1"], false);
        pki.write_to(directory);
        let tls = pki.tls(true);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let syslog = Self {
            address: listener.local_addr().expect("an address"),
            paused: Switch::default(),
            got: Arc::default(),
        };
        let (paused, got) = (syslog.paused.clone(), syslog.got.clone());
        spawn(move || {
            while let Ok(peer) = accept(&listener, Some(&tls)) {
                let (paused, got) = (paused.clone(), got.clone());
                spawn(move || receive(peer, &paused, &got));
            }
        });
        syslog
    }

    /// The `[[output]]` to it.
    pub(crate) fn output(&self) -> String {
        format!(
            "[[output]]\nname = \"syslog\"\nurl = \"syslog+tls://{}\"\n\
             tls = {{ ca = \"receiver-ca.pem\", cert = \"collector.pem\", \
             key = \"collector.key\" }}\n",
            self.address
        )
    }

    /// Looks at the events so far, or says which message was none.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Counts) -> T) -> Result<T, String> {
        let got = lock(&self.got);
        match &got.wrong {
            None => Ok(look(&got.events)),
            Some(message) => Err(format!("no syslog message: {message}")),
        }
    }
}

/// Keeps the events of one connection until it ends.
fn receive(mut peer: Box<dyn Peer>, paused: &AtomicBool, got: &Mutex<Got>) {
    let (mut stream, mut some) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        while paused.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(10));
        }
        // A client that is killed closes without saying so.
        let Ok(count @ 1..) = peer.read(&mut some) else {
            return;
        };
        stream.extend_from_slice(&some[..count]);
        let (messages, rest) = octet_counted(&stream);
        let mut got = lock(got);
        for message in messages {
            match event_of(&message) {
                Some(event) => got.events.add(event),
                None => got.wrong = Some(String::from_utf8_lossy(&message).into_owned()),
            }
        }
        stream = rest.to_vec();
    }
}

/// What is after the seven fields of the header of RFC 5424.
fn event_of(message: &[u8]) -> Option<&[u8]> {
    let mut fields = message.splitn(8, |&byte| byte == b' ');
    let is_header = fields.next()?.starts_with(b"<");
    fields.nth(6).filter(|_| is_header)
}

/// The bulk API: `create` fails for an identifier that is there. Out of order, it closes
/// every connection.
pub(crate) struct Bulk {
    pub(crate) address: SocketAddr,
    pub(crate) down: Switch,
    store: Arc<Mutex<HashMap<String, String>>>,
    /// A request that was none of the bulk API.
    wrong: Arc<Mutex<Option<String>>>,
}

impl Bulk {
    /// Starts one; with `chaos`, it rejects requests and items for a while, and closes
    /// connections without an answer.
    pub(crate) fn start(seed: u64, chaos: bool) -> Self {
        let (down, store) = (Switch::default(), Arc::default());
        let wrong = Arc::<Mutex<Option<String>>>::default();
        let (is_down, kept, noted) = (down.clone(), Arc::clone(&store), Arc::clone(&wrong));
        let random = Mutex::new(Random::new(seed));
        let address = serve(None, move |request| {
            if catch_unwind(|| bulk::items(request)).is_err() {
                let body = String::from_utf8_lossy(&request.body).into_owned();
                lock(&noted).get_or_insert(body);
            }
            let mut random = lock(&random);
            match chaos.then(|| random.below(12)) {
                _ if is_down.load(Ordering::Relaxed) => HttpReply::Close,
                Some(0) => HttpReply::status(429),
                Some(1) => HttpReply::status(503),
                // It stores everything, and nobody hears of it.
                Some(2) => {
                    create(request, &kept, || false);
                    HttpReply::Close
                }
                Some(3) => create(request, &kept, || random.once_in(5)),
                _ => create(request, &kept, || false),
            }
        });
        Self {
            address,
            down,
            store,
            wrong,
        }
    }

    /// The `[[output]]` to it.
    pub(crate) fn output(&self) -> String {
        format!(
            "[[output]]\nname = \"bulk\"\nurl = \"elastic+http://{}\"\nindex = \"events\"\n\
             batch = {{ events = 200 }}\n",
            self.address
        )
    }

    pub(crate) fn total(&self) -> u64 {
        lock(&self.store).len() as u64
    }

    /// The documents, as [`document_of`] writes them, or a request that is none of this API.
    pub(crate) fn documents(&self) -> Result<Counts, String> {
        match &*lock(&self.wrong) {
            None => Ok(Counts::of(lock(&self.store).values())),
            Some(body) => Err(format!("no request of the bulk API: {body}")),
        }
    }
}

/// Creates each document that is not rejected.
fn create(
    request: &HttpRequest,
    store: &Mutex<HashMap<String, String>>,
    mut is_rejected: impl FnMut() -> bool,
) -> HttpReply {
    let mut store = lock(store);
    let items = bulk::items(request).into_iter().map(|(id, document)| {
        let status = match store.contains_key(&id) {
            _ if is_rejected() => 429,
            true => 409,
            false => {
                store.insert(id, bulk::plain(document));
                201
            }
        };
        json!({ "create": { "status": status } })
    });
    let items: Vec<Value> = items.collect();
    HttpReply::json(200, &json!({ "errors": true, "items": items }))
}

/// An event as a document, with its keys in order.
pub(crate) fn document_of(event: &[u8]) -> String {
    let event: Value = serde_json::from_slice(event).expect("an event in JSON");
    bulk::plain(event)
}

/// A receiver that panicked has said so.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_begins_after_the_header() {
        let message = b"<134>1 2025-06-15T15:06:38Z fmc estreamer - ConnectionEvent - {\"a\": 1}";
        assert_eq!(event_of(message), Some(&b"{\"a\": 1}"[..]));
        for wrong in [&b"<134>1 2025 fmc estreamer"[..], b"a b c d e f g {}", b""] {
            assert_eq!(event_of(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[test]
    fn an_identifier_is_created_once() {
        let line = "{\"create\":{\"_index\":\"events\",\"_id\":\"1\"}}\n\
                    {\"@timestamp\":\"2025-06-15T15:06:38Z\",\"b\":1,\"a\":2}\n";
        let request = HttpRequest {
            path: "/_bulk".into(),
            headers: [("content-type".into(), "application/x-ndjson".into())].into(),
            body: line.repeat(2).into(),
        };
        let store = Mutex::default();
        let HttpReply::Answer(200, _, body) = create(&request, &store, || false) else {
            panic!("no answer");
        };
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body["items"][0]["create"]["status"], 201);
        assert_eq!(body["items"][1]["create"]["status"], 409);
        let document = document_of(b"{\"a\": 2, \"b\": 1}");
        assert_eq!(lock(&store).get("1"), Some(&document));
        create(&request, &Mutex::default(), || true);
        assert_eq!(lock(&store).len(), 1);
    }
}
