use super::*;

fn sample() -> Catalog {
    let json = r#"{
        "Version": 7, "Other": {"Fields": []},
        "Fields": {
            "FileEvent": {
                "Comment": "extra keys do not matter",
                "Fields": ["EventType", "EventSecond", "FileName", "FileSize"],
                "FieldSetDef": {
                    "HeaderFieldSet": ["EventType", "EventSecond"],
                    "DetailFieldSet": ["FileName", "HeaderFieldSet", "FileSize"]
                }
            }
        }
    }"#;
    Catalog::parse(json.as_bytes()).unwrap()
}

fn one_type(fields: &str, sets: &str) -> Vec<String> {
    let json =
        format!(r#"{{"Fields": {{"FileEvent": {{"Fields": {fields}, "FieldSetDef": {sets}}}}}}}"#);
    let findings = Catalog::parse(json.as_bytes()).unwrap().lint();
    findings
        .iter()
        .map(Finding::to_string)
        .filter(|finding| !finding.contains("so such events cannot"))
        .collect()
}

#[test]
fn the_built_in_catalogue_is_written_read_back_the_same_and_without_findings() {
    let built_in = Catalog::built_in();
    assert_eq!(built_in.lint(), []);
    let json = built_in.to_json();
    assert_eq!(Catalog::parse(json.as_bytes()).unwrap(), built_in);
    let sets = &built_in.event("IntrusionPacket").unwrap().sets;
    let sets: Vec<_> = sets.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        sets,
        ["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet"]
    );
    assert!(
        built_in
            .to_string()
            .contains("IntrusionEvent\n  HeaderFieldSet: EventType")
    );
}

#[test]
fn sets_and_names_mix_keep_their_order_and_come_once() {
    let fields = sample()
        .resolve("FileEvent", &["FileSize", "DetailFieldSet", "EventType"])
        .unwrap();
    assert_eq!(fields, ["FileSize", "FileName", "EventType", "EventSecond"]);
    assert!(sample().resolve("FileEvent", &[""; 0]).unwrap().is_empty());
}

#[test]
fn the_guides_example_for_intrusions_gets_impact_behind_the_sets() {
    let names = [
        "HeaderFieldSet",
        "ConnectionKeySet",
        "DetailFieldSet",
        "Impact",
    ];
    let fields = Catalog::built_in()
        .resolve("IntrusionEvent", &names)
        .unwrap();
    assert_eq!(fields.last().map(String::as_str), Some("Impact"));
    assert_eq!(
        fields[..3],
        ["EventType", "EventSecond", "EventMicrosecond"]
    );
}

#[test]
fn the_three_sets_of_a_connection_event_are_all_its_fields() {
    let catalog = Catalog::built_in();
    for event in ["ConnectionEvent", "IntrusionPacket", "FileEvent"] {
        let names = ["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet"];
        let mut fields = catalog.resolve(event, &names).unwrap();
        let mut all = catalog.event(event).unwrap().fields.clone();
        fields.sort();
        all.sort();
        assert_eq!(fields, all);
    }
}

#[test]
fn an_unknown_name_is_named_with_its_set_and_the_nearest_known() {
    let error = sample().resolve("FileEvent", &["FileNane"]).unwrap_err();
    assert_eq!(
        error,
        ResolveError::UnknownName {
            event: "FileEvent".to_owned(),
            name: "FileNane".to_owned(),
            within: None,
            nearest: Some("FileName".to_owned()),
        }
    );
    assert!(error.to_string().ends_with("did you mean \"FileName\"?"));
    let error = sample()
        .resolve("FileEvent", &["headerfieldset"])
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("did you mean \"HeaderFieldSet\"?")
    );
    let error = sample().resolve("FileEvent", &["Colour"]).unwrap_err();
    assert!(error.to_string().contains("catalog list"), "{error}");
    let error = sample().resolve("FileEvents", &["FileName"]).unwrap_err();
    assert!(error.to_string().contains("\"FileEvent\"?"), "{error}");

    let broken = br#"{"Fields": {"FileEvent": {"Fields": ["A"], "FieldSetDef": {"S": ["B"]}}}}"#;
    let error = Catalog::parse(broken).unwrap().resolve("FileEvent", &["S"]);
    assert!(matches!(
        error,
        Err(ResolveError::UnknownName { within: Some(set), .. }) if set == "S"
    ));
}

#[test]
fn a_name_of_a_mile_is_shown_cut() {
    let name = "x\n".repeat(500_000);
    let error = sample()
        .resolve("FileEvent", &[name])
        .unwrap_err()
        .to_string();
    assert!(error.len() < 400, "{} bytes", error.len());
    assert!(!error.contains('\n'));
}

#[test]
fn a_set_that_contains_itself_is_an_error_not_a_loop() {
    let json = br#"{"Fields": {"FileEvent": {"Fields": ["A"],
        "FieldSetDef": {"S": ["A", "T"], "T": ["U"], "U": ["S"]}}}}"#;
    let catalog = Catalog::parse(json).unwrap();
    let error = catalog.resolve("FileEvent", &["T"]).unwrap_err();
    assert!(matches!(&error, ResolveError::Cycle { set, .. } if set == "T"));
}

#[test]
fn long_chains_and_doubling_sets_cost_no_more_than_their_length() {
    let mut event = CatalogEvent {
        name: "FileEvent".to_owned(),
        fields: vec!["A".to_owned()],
        sets: Vec::new(),
    };
    for i in 0..100_000 {
        let next = format!("S{}", i + 1);
        event.sets.push((format!("S{i}"), vec![next.clone(), next]));
    }
    event
        .sets
        .push(("S100000".to_owned(), vec!["A".to_owned()]));
    let catalog = Catalog {
        events: vec![event],
        oddities: Vec::new(),
    };
    assert_eq!(catalog.resolve("FileEvent", &["S0"]).unwrap(), ["A"]);
}

#[test]
fn lint_finds_what_would_surprise_a_request() {
    let clean = one_type(r#"["A", "B"]"#, r#"{"S": ["A", "T"], "T": ["B"]}"#);
    assert_eq!(clean, [""; 0]);
    assert_eq!(
        one_type(
            r#"["A", "A"]"#,
            r#"{"S": ["A", "A", "X"], "T": [], "A": ["A"]}"#
        ),
        [
            r#"Fields.FileEvent.Fields: lists "A" more than once"#,
            r#"Fields.FileEvent.FieldSetDef.S: contains "A" more than once"#,
            r#"Fields.FileEvent.FieldSetDef.S[2]: names "X", which is neither a field nor a set"#,
            "Fields.FileEvent.FieldSetDef.T: is an empty set",
            "Fields.FileEvent.FieldSetDef.A: has the name of a field; requesting it selects the set",
            "Fields.FileEvent.FieldSetDef.A: contains itself, directly or through others",
        ]
    );
    assert_eq!(
        one_type("[\"A\"]", r#"{"S": ["X", "T"], "T": ["S"], "U": ["S"]}"#),
        [
            r#"Fields.FileEvent.FieldSetDef.S[0]: names "X", which is neither a field nor a set"#,
            "Fields.FileEvent.FieldSetDef.S: contains itself, directly or through others",
            "Fields.FileEvent.FieldSetDef.T: contains itself, directly or through others",
        ],
        "U only leads into the circle"
    );
}

#[test]
fn lint_names_missing_event_types_and_odd_shapes() {
    let catalog = Catalog::parse(
        br#"{"Fields": {
            "FileEvent": {"Fields": ["A", 1], "FieldSetDef": {"S": "A", "S": ["A"]}},
            "FileEvent": {}, "IntrusionEvent": [], "ConnectionEvent": {"FieldSetDef": 1}}}"#,
    )
    .unwrap();
    let findings: Vec<_> = catalog.lint().iter().map(Finding::to_string).collect();
    for expected in [
        "Fields.FileEvent.Fields[1]: should be the name of a field",
        "Fields.FileEvent.FieldSetDef.S: should be a list of names",
        "Fields.FileEvent.FieldSetDef.S: is defined a second time; this one is ignored",
        "Fields.FileEvent: is a repeated key; this one is ignored",
        "Fields.IntrusionEvent: should be an object with `Fields` and `FieldSetDef`",
        "Fields.ConnectionEvent: has no `Fields`",
        "Fields.ConnectionEvent.FieldSetDef: should be an object of lists",
        "Fields: has no IntrusionPacket, so such events cannot be requested",
    ] {
        assert!(
            findings.iter().any(|f| f == expected),
            "{expected}: {findings:#?}"
        );
    }
}

#[test]
fn fields_may_be_objects_by_name_as_well() {
    let json = br#"{"Fields": {
        "FileEvent": {"Fields": {"A": {"Type": "string"}, "B": null}, "FieldSetDef": {}},
        "IntrusionEvent": {"Fields": [{"Name": "C", "Type": 1.5}, "D"], "FieldSetDef": {}}}}"#;
    let catalog = Catalog::parse(json).unwrap();
    assert_eq!(catalog.event("FileEvent").unwrap().fields, ["A", "B"]);
    assert_eq!(catalog.event("IntrusionEvent").unwrap().fields, ["C", "D"]);
}

#[test]
fn what_is_no_catalogue_is_refused_with_a_remedy() {
    let error = Catalog::parse(b"{\"Fields\":").unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
    assert_eq!(Catalog::parse(b"[]"), Err(CatalogError::NoFields));
    assert_eq!(
        Catalog::parse(b"{\"Fields\": []}"),
        Err(CatalogError::NoFields)
    );
    assert!(Catalog::parse(b"\xff\xfe").is_err());
    assert!(Catalog::parse(&[b'['; 100_000]).is_err());
}
