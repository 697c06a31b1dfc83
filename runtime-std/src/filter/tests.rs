//! Conditions, read and applied to events.

use super::*;
use crate::event::EventIndex;

const EVENT: &str = r#"{"EventType":"ConnectionEvent","InitiatorIP":"10.1.2.3","ResponderIP":"2001:db8::7","ResponderPort":443,"ConnectionID":9007199254740993,"User":"ACME\\bob","URL":"https://www.example.com/a?b=1","Impact":"2","Flag":true,"List":[1,2],"Gone":null,"Quo\"te":"x","caf\u00e9":"\u00e9"}"#;

fn is_met(condition: &str, event: &str) -> bool {
    let condition: Condition = condition.parse().unwrap_or_else(|error| panic!("{error}"));
    let mut index = EventIndex::default();
    let event = index.read(event.as_bytes()).unwrap();
    condition.is_met(&event, &mut String::new())
}

#[test]
fn each_comparison_does_what_the_page_says() {
    for (condition, expected) in [
        ("EventType = ConnectionEvent", true),
        ("EventType = connectionevent", false),
        ("EventType != IntrusionEvent", true),
        ("ResponderPort = 443", true),
        ("ResponderPort = 443.0", true),
        ("ResponderPort = \"443\"", true),
        ("ResponderPort = \"443.0\"", false),
        ("ResponderPort in (80, 443)", true),
        ("ResponderPort in (80, 8080)", false),
        ("ResponderPort > 442 and ResponderPort < 444", true),
        ("ResponderPort >= 443 and ResponderPort <= 443", true),
        ("ResponderPort < 443 or ResponderPort > 443", false),
        ("Impact = 2", true),
        ("Impact < 3", true),
        ("User > 1", false),
        // A float has no such number.
        ("ConnectionID = 9007199254740993", true),
        ("ConnectionID = 9007199254740992", false),
        ("ConnectionID > 9007199254740992", true),
        ("InitiatorIP ~ 10.0.0.0/8", true),
        ("InitiatorIP ~ 11.0.0.0/8", false),
        ("InitiatorIP ~ 10.1.2.3", true),
        ("InitiatorIP in (192.168.0.0/16, 10.0.0.0/8)", true),
        ("InitiatorIP in (192.168.0.0/16, 172.16.0.0/12)", false),
        ("ResponderIP ~ 2001:db8::/32", true),
        ("ResponderIP = 2001:0db8:0::0:7", true),
        ("ResponderIP = \"2001:0db8:0::0:7\"", false),
        ("ResponderIP != 2001:db8::8", true),
        ("User ~ 10.0.0.0/8", false),
        ("User = \"ACME\\bob\"", true),
        ("User = ACME\\bob", true),
        ("User ~ \"ACME\\*\"", true),
        ("User ~ acme*", false),
        ("URL ~ \"https://*.example.com/*\"", true),
        ("URL ~ '*=1'", true),
        ("URL ~ *.example.com", false),
        ("ResponderPort ~ 44?", true),
        ("Flag = true", true),
        ("List = \"[1,2]\"", true),
        ("List exists", true),
        ("URL exists", true),
        ("not Gone exists and not Absent exists", true),
        ("Gone = null", false),
        ("\"Quo\"\"te\" = x", true),
        ("'Quo\"te' = x", true),
        ("caf\u{e9} = \u{e9}", true),
    ] {
        assert_eq!(is_met(condition, EVENT), expected, "{condition}");
    }
}

#[test]
fn a_field_that_is_absent_fails_every_test_but_not_equal() {
    for test in [
        "= 1",
        "< 1",
        ">= 1",
        "~ *",
        "~ 0.0.0.0/0",
        "in (1, a)",
        "exists",
    ] {
        for field in ["Absent", "Gone"] {
            assert!(!is_met(&format!("{field} {test}"), EVENT), "{test}");
            assert!(is_met(&format!("not {field} {test}"), EVENT), "{test}");
        }
    }
    assert!(is_met("Absent != 1 and Gone != 1", EVENT));
}

#[test]
fn and_binds_closer_than_or_and_not_closest() {
    for (condition, expected) in [
        ("Flag exists or X exists and X exists", true),
        ("(Flag exists or X exists) and X exists", false),
        ("not X exists and Flag exists", true),
        ("not (X exists or Flag exists)", false),
        ("NOT X EXISTS AND Flag Exists", true),
        ("not not Flag exists", true),
    ] {
        assert_eq!(is_met(condition, EVENT), expected, "{condition}");
    }
}

#[test]
fn a_printed_condition_reads_back_the_same() {
    for (condition, shown) in [
        ("A=1", "A = 1"),
        (
            "A = x or B = 'y' and not (C exists)",
            "A = \"x\" or (B = \"y\" and not C exists)",
        ),
        ("(A exists)", "A exists"),
        ("not(A=1 and B=2)", "not (A = 1 and B = 2)"),
        ("(A=1 and B=2) and C=3", "(A = 1 and B = 2) and C = 3"),
        (
            "\"and\" in (1,::1,10.0.0.0/8,\"a\"\"b\")",
            "\"and\" in (1, ::1, 10.0.0.0/8, \"a\"\"b\")",
        ),
        ("A ~ 1.2.3.4", "A ~ 1.2.3.4/32"),
        ("A ~ 12", "A ~ \"12\""),
    ] {
        let read: Condition = condition.parse().unwrap();
        assert_eq!(read.to_string(), shown);
        assert_eq!(shown.parse(), Ok(read));
    }
}

#[test]
fn a_mistake_is_told_with_its_place() {
    let long = "A = 1 or ".repeat(40);
    for (condition, expected) in [
        ("", "expected the name of a field at ^ in `^`"),
        ("A =", "expected a value at ^ in `A =^`"),
        ("A = and B = 1", "expected a value at ^ in `A = ^and B = 1`"),
        ("A 1", "expected a comparison at ^ in `A ^1`"),
        ("A == 1", "the sign == is not known at ^ in `A ^== 1`"),
        ("!A exists", "the sign ! is not known at ^ in `^!A exists`"),
        (
            "A = 1 B = 2",
            "expected and, or, or the end at ^ in `A = 1 ^B = 2`",
        ),
        ("(A = 1", "the parenthesis is not closed at ^ in `^(A = 1`"),
        ("(A = x y)", "expected and, or, or ) at ^ in `(A = x ^y)`"),
        ("A = 1)", "the parenthesis was not opened at ^ in `A = 1^)`"),
        ("A = 'x", "the quote is not closed at ^ in `A = ^'x`"),
        ("A in 1", "expected ( behind in at ^ in `A in ^1`"),
        ("A in (1 2)", "expected , or ) at ^ in `A in (1 ^2)`"),
        ("A in ()", "expected a value at ^ in `A in (^)`"),
        (
            "A < x",
            "< compares numbers, and this is none at ^ in `A < ^x`",
        ),
        (
            "A = 10.0.0.0/8",
            "= compares with one value, and this is a network at ^ in `A = ^10.0.0.0/8`",
        ),
        (
            "A ~ 10.0.0.1/8",
            "the network is wrong at ^ in `A ~ ^10.0.0.1/8`",
        ),
        ("A\n\t= ", "expected a value at ^ in `A  = ^`"),
        (
            &format!("{long}A < x and {long}B = 1"),
            "< compares numbers, and this is none at ^ in \
             `…or A = 1 or A = 1 or A = 1 or A < ^x and A = 1 or A = 1 or A = 1…`",
        ),
    ] {
        let error = condition.parse::<Condition>().unwrap_err();
        let shown = error.to_string();
        assert!(!error.remedy().is_empty(), "{condition}");
        match condition.len() > 200 {
            false => assert_eq!(shown, expected, "{condition}"),
            true => assert!(shown.contains("< ^x and A") && shown.len() < 160, "{shown}"),
        }
    }
}

#[test]
fn length_depth_and_tests_are_limited() {
    let deep = |levels: usize| format!("{}A exists{}", "(".repeat(levels), ")".repeat(levels));
    assert!(deep(32).parse::<Condition>().is_ok());
    for levels in [33, 20_000] {
        let error = deep(levels).parse::<Condition>().unwrap_err().to_string();
        assert!(
            error.starts_with("parentheses and not are nested"),
            "{error}"
        );
    }
    let not = "not ".repeat(10_000) + "A exists";
    assert!(not.parse::<Condition>().is_err());
    let many = |tests: usize| vec!["A exists"; tests].join(" or ");
    assert!(many(256).parse::<Condition>().is_ok());
    let error = many(257).parse::<Condition>().unwrap_err().to_string();
    assert!(error.contains("more than 256 tests"), "{error}");
    let long = format!("A in ({}1)", "1,".repeat(40_000));
    let error = long.parse::<Condition>().unwrap_err().to_string();
    assert!(error.contains("64 KiB"), "{error}");
}

#[test]
fn the_fields_that_a_condition_reads_are_known() {
    let condition: Condition = "A = 1 and not (B exists or C in (1))".parse().unwrap();
    assert_eq!(condition.fields(), ["A", "B", "C"]);
}
