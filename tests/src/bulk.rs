//! What a server with a bulk API of Elasticsearch reads.

use serde_json::Value;

use crate::http_server::HttpRequest;
use crate::json_lines;

/// Identifier and document of each item of a request for the index `events`.
///
/// # Panics
/// When it is no bulk request of items to create, each with a time.
pub fn items(request: &HttpRequest) -> Vec<(String, Value)> {
    assert!(request.path.starts_with("/_bulk"), "{}", request.path);
    assert_eq!(request.headers["content-type"], "application/x-ndjson");
    assert!(request.body.ends_with(b"\n"));
    let mut lines = json_lines(&request.body).into_iter();
    let mut items = Vec::new();
    while let (Some(action), Some(document)) = (lines.next(), lines.next()) {
        let create = &action["create"];
        assert_eq!(create["_index"], "events");
        let time = document["@timestamp"].as_str().expect("a time");
        assert!(time.ends_with('Z'));
        let id = create["_id"].as_str().expect("an identifier");
        items.push((id.to_owned(), document));
    }
    items
}

/// A document without what the output adds, as JSON with its keys in order.
///
/// # Panics
/// When it is no object.
pub fn plain(mut document: Value) -> String {
    let fields = document.as_object_mut().expect("an object");
    fields.remove("@timestamp");
    document.to_string()
}
