//! What the pages say is all there is.

use std::fs;
use std::path::Path;

use estreamer::simulate::chaos::ChaosKind;
use estreamer::simulate::tamper::SHOWN;
use estreamer_core::quirk::Quirk;

#[test]
fn every_quirk_and_every_kind_of_chaos_is_in_the_page_with_its_sentence() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/testing-your-client.md");
    let page = fs::read_to_string(page).unwrap();
    for quirk in Quirk::SERVER.iter().chain(SHOWN) {
        let row = format!("| `{quirk}` | {} |", quirk.sentence());
        assert!(page.contains(&row), "no {row}");
    }
    for kind in ChaosKind::ALL {
        let row = format!("| `{kind}` | {} |", kind.sentence());
        assert!(page.contains(&row), "no {row}");
    }
}
