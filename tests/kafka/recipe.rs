//! What the pages say of Kafka.

use std::path::Path;

use estreamer_tests::{Ended, Fleet, estreamer};

#[test]
fn every_output_of_the_pages_is_accepted() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut count = 0;
    for page in ["recipes/kafka.md", "scale.md"] {
        let text = std::fs::read_to_string(docs.join(page)).unwrap();
        for block in text.split("```toml\n").skip(1) {
            let fleet = Fleet::new();
            std::fs::write(fleet.path("password"), "secret").unwrap();
            let (tables, _) = block.split_once("```").unwrap();
            let mut all = vec![tables.to_owned()];
            if !tables.contains("[[source]]") {
                all.insert(0, Fleet::source_at("fmc", "fmc.example.net:8302"));
            }
            let path = fleet.configure("", &all);
            Ended::of(&mut estreamer(&["check", path.to_str().unwrap()])).success();
            count += 1;
        }
    }
    assert!(count >= 2, "{count}");
}
