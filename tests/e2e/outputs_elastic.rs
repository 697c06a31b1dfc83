//! Documents in Elasticsearch and OpenSearch: each event is one, whatever breaks.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use estreamer_simulate::archive::{Archive, ArchiveOptions, Live, Oddities};
use estreamer_simulate::generator::GeneratorOptions;
use estreamer_tests::bulk;
use estreamer_tests::http_server::{HttpReply, HttpRequest, serve};
use estreamer_tests::{Fleet, Running, counted, lines, stored, wait_until};
use serde_json::{Value, json};

use crate::outputs_http::{
    EVENTS, Store, collect, configure, expected_documents, is_done, text_lines,
};

/// A bulk API that is as strict as the real one: `create` fails for an identifier that is
/// there.
fn answer(request: &HttpRequest, store: &Store<BTreeMap<String, Value>>) -> HttpReply {
    let items = bulk::items(request).into_iter().map(|(id, document)| {
        let mut store = store.lock().unwrap();
        let status = match store.contains_key(&id) {
            true => 409,
            false => {
                store.insert(id, document);
                201
            }
        };
        json!({ "create": { "status": status } })
    });
    HttpReply::json(
        200,
        &json!({ "errors": true, "items": items.collect::<Vec<_>>() }),
    )
}

/// The documents without what the output adds, as they were stored by the server.
fn documents(store: &BTreeMap<String, Value>) -> Vec<String> {
    let mut documents: Vec<String> = store.values().cloned().map(bulk::plain).collect();
    documents.sort();
    documents
}

#[test]
fn a_document_is_stored_once_whatever_breaks() {
    let fleet = Fleet::new();
    let server = fleet.server(1, EVENTS, |builder| builder.unacknowledged(16));
    let store = Store::<BTreeMap<String, Value>>::default();
    let calls = Arc::new(AtomicUsize::new(0));
    let (kept, called) = (store.clone(), calls.clone());
    let address = serve(None, move |request| {
        let call = called.fetch_add(1, Ordering::Relaxed);
        match call % 4 {
            // It stores everything, and nobody hears of it.
            1 => {
                answer(request, &kept);
                HttpReply::Close
            }
            2 => HttpReply::status(503),
            _ => answer(request, &kept),
        }
    });
    let keys = "index = \"events\"\nbatch = { events = 200 }\n";
    let url = format!("elastic+http://{address}");
    configure(&fleet, &server, &url, keys);
    // Killed again and again, at any moment.
    for kill_at in [2, 5, 9, 14] {
        let running = Running::start(&mut fleet.collect());
        wait_until(|| calls.load(Ordering::Relaxed) >= kill_at);
        running.kill();
    }
    let running = Running::start(&mut fleet.collect());
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let found = documents(&store.lock().unwrap());
    assert_eq!(found.len(), EVENTS as usize, "{}", ended.stderr);
    assert!(found == expected_documents(&server), "{}", ended.stderr);
}

#[test]
fn documents_of_the_common_schema_are_sent_as_they_are() {
    let fleet = Fleet::new();
    let server = fleet.server(1, EVENTS, |builder| builder);
    let store = Store::<BTreeMap<String, Value>>::default();
    let kept = store.clone();
    let address = serve(None, move |request| answer(request, &kept));
    let keys = "index = \"events\"\nformat = \"ecs\"";
    let url = format!("elastic+http://{address}");
    let running = collect(&fleet, &server, &url, keys);
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let store = store.lock().unwrap();
    assert_eq!(store.len(), EVENTS as usize, "{}", ended.stderr);
    for document in store.values() {
        assert_eq!(document["ecs"]["version"], "8.11.0", "{document}");
        assert_eq!(document["event"]["module"], "cisco_ftd", "{document}");
        let text = document["@timestamp"].as_str().unwrap();
        assert_eq!(
            text.len(),
            "2025-06-15T15:06:38.000000Z".len(),
            "{document}"
        );
    }
}

#[test]
fn equal_events_of_one_second_are_two_documents_after_a_restart_too() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 0, |builder| {
        builder.archive(Archive::new(ArchiveOptions {
            live: Live::ByHand,
            oddities: Oddities {
                twins: 20,
                ..Oddities::default()
            },
            ..ArchiveOptions::generated(GeneratorOptions::default(), EVENTS)
        }))
    });
    let all = stored([&server]);
    let mut single = all.clone();
    single.dedup();
    assert!(single.len() < all.len(), "there are twins");
    let store = Store::<BTreeMap<String, Value>>::default();
    let kept = store.clone();
    let calls = Arc::new(AtomicUsize::new(0));
    let called = calls.clone();
    let address = serve(None, move |request| {
        called.fetch_add(1, Ordering::Relaxed);
        answer(request, &kept)
    });
    let keys = "index = \"events\"\nbatch = { events = 100 }\n";
    configure(&fleet, &server, &format!("elastic+http://{address}"), keys);
    let running = Running::start(&mut fleet.collect());
    wait_until(|| calls.load(Ordering::Relaxed) >= 7);
    running.kill();
    let running = Running::start(&mut fleet.collect());
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let found = documents(&store.lock().unwrap());
    assert!(found == expected_documents(&server), "{}", ended.stderr);
}

#[test]
fn items_of_a_bulk_request_are_retried_or_refused_one_by_one() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 500, |builder| builder);
    let store = Store::<BTreeMap<String, Value>>::default();
    let busy = Store::<HashSet<String>>::default();
    let kept = store.clone();
    let address = serve(None, move |request| {
        let items = bulk::items(request).into_iter().map(|(id, document)| {
            let number = id.bytes().next().unwrap();
            // Some are never taken, some only the second time.
            let result = match number {
                b'0' => json!({ "status": 400, "error": {
                    "type": "document_parsing_exception", "reason": "failed to parse field" } }),
                b'1' if busy.lock().unwrap().insert(id.clone()) => json!({ "status": 429,
                    "error": { "type": "es_rejected_execution_exception", "reason": "full" } }),
                _ => {
                    let before = kept.lock().unwrap().insert(id, document);
                    assert!(before.is_none(), "accepted items are not sent again");
                    json!({ "status": 201 })
                }
            };
            json!({ "create": result })
        });
        HttpReply::json(
            200,
            &json!({ "errors": true, "items": items.collect::<Vec<_>>() }),
        )
    });
    let keys = "index = \"events\"\n";
    let running = collect(&fleet, &server, &format!("elastic+http://{address}"), keys);
    let file = fleet.path("state/refused-siem.ndjson");
    wait_until(|| {
        let refused = std::fs::read(&file).unwrap_or_default();
        store.lock().unwrap().len() + text_lines(&refused).len() == 500
    });
    let ended = running.stop().success();
    let refused = lines(&file);
    assert_eq!(
        counted(&ended.stderr, "refused by receivers"),
        refused.len() as u64
    );
    let line = String::from_utf8(refused[0].clone()).unwrap();
    assert!(
        line.contains("document_parsing_exception: failed to parse field"),
        "{line}"
    );
}
