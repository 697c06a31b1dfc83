//! Event catalogues on the command line.

use estreamer_tests::{Ended, Pki, estreamer};

#[test]
fn the_simulators_own_catalogue_is_listed_printed_and_without_findings() {
    let pki = Pki::new();
    let list = Ended::of(&mut estreamer(&["catalog", "list"])).success();
    let text = String::from_utf8(list.stdout).unwrap();
    assert!(
        text.starts_with("ConnectionEvent\n  HeaderFieldSet: EventType"),
        "{text}"
    );
    let json = Ended::of(&mut estreamer(&["catalog", "list", "--json"])).success();
    let file = pki.write("EventCatalog.json", json.stdout);
    let lint = Ended::of(&mut estreamer(&["catalog", "lint", &file])).success();
    assert!(lint.stdout.is_empty());
    let again = Ended::of(&mut estreamer(&["catalog", "list", &file])).success();
    assert_eq!(String::from_utf8(again.stdout).unwrap(), text);
}

#[test]
fn findings_come_one_a_line_and_end_with_status_one() {
    let pki = Pki::new();
    let odd = r#"{"Fields":{"FileEvent":{"Fields":["A","A"],"FieldSetDef":{"S":["B"]}}}}"#;
    let file = pki.write("odd.json", odd);
    let lint = Ended::of(&mut estreamer(&["catalog", "lint", &file]));
    assert_eq!(lint.status.code(), Some(1));
    let found = String::from_utf8(lint.stdout).unwrap();
    for part in [
        "has no ConnectionEvent",
        "\"A\" more than once",
        "\"B\", which is neither",
    ] {
        assert!(found.contains(part), "no {part:?} in {found}");
    }
    let lines = found.lines().count();
    assert!(
        lint.stderr.contains(&format!("{lines} findings")),
        "{}",
        lint.stderr
    );
}

#[test]
fn the_difference_of_two_catalogues_is_what_only_one_has() {
    let pki = Pki::new();
    let before = r#"{"Fields":{"FileEvent":{"Fields":["A","B"],"FieldSetDef":{"S":["A"]}}}}"#;
    let after = r#"{"Fields":{"FileEvent":{"Fields":["A","C"],"FieldSetDef":{"S":["A","C"]}}}}"#;
    let (before, after) = (pki.write("1.json", before), pki.write("2.json", after));
    let diff = Ended::of(&mut estreamer(&["catalog", "diff", &before, &after])).success();
    let expected = "- FileEvent field B\n+ FileEvent field C\n+ FileEvent set S: C\n";
    assert_eq!(String::from_utf8(diff.stdout).unwrap(), expected);
}

#[test]
fn what_is_no_catalogue_is_named() {
    let pki = Pki::new();
    let file = pki.write("junk.json", "[]");
    for command in ["list", "lint"] {
        let ended = Ended::of(&mut estreamer(&["catalog", command, &file]));
        ended.failure(1, &["junk.json", "EventCatalog.json"]);
        let ended = Ended::of(&mut estreamer(&["catalog", command, "/no/such/file"]));
        ended.failure(1, &["/no/such/file"]);
    }
}
