//! What `estreamer doctor` says of the request's form and the record length.

use estreamer::doctor::Class;
use estreamer_tests::{Pki, Simulator};

use crate::doctor::examine;

#[test]
fn the_forms_of_the_request_that_are_answered_are_named_and_the_first_is_to_be_set() {
    let patient = Pki::new();
    for (length, verdict, answered, unanswered) in [
        (
            "payload",
            "ok",
            "payload, both, payload-nul, both-nul",
            "inclusive, inclusive-nul",
        ),
        (
            "inclusive",
            "warning",
            "both, inclusive, both-nul, inclusive-nul",
            "payload, payload-nul",
        ),
        (
            "inclusive-close",
            "warning",
            "both, inclusive, both-nul, inclusive-nul",
            "payload, payload-nul",
        ),
        (
            "inclusive-silent",
            "warning",
            "both, inclusive, both-nul, inclusive-nul",
            "payload, payload-nul",
        ),
    ] {
        let arguments = ["--count", "10", "--request-length", length];
        let server = Simulator::start(&patient.path(), &arguments);
        let diagnosis = examine(&patient, &server.address, &["--wait", "1"]);
        diagnosis.assert(Class::Healthy, None);
        let expected = format!("answered: {answered}; not answered: {unanswered}");
        assert_eq!(diagnosis.found("request form"), expected, "{length}");
        let form = diagnosis.steps().find(|(step, _)| *step == "request form");
        assert_eq!(form, Some(("request form", verdict)));
        let remedy = "--request-form both";
        let says_so = diagnosis.json.to_string().contains(remedy);
        assert_eq!(says_so, verdict == "warning");
    }
}

#[test]
fn the_reading_of_the_record_length_is_named_with_what_told_it() {
    let patient = Pki::new();
    for (quirk, reading) in [
        (
            "record-covers-extension",
            "archival timestamp, reserved word and data",
        ),
        ("record-covers-header", "record header and data"),
    ] {
        let server = Simulator::start(&patient.path(), &["--count", "10", "--quirk", quirk]);
        let diagnosis = examine(&patient, &server.address, &[]);
        diagnosis.assert(Class::Healthy, None);
        let expected = format!("counts {reading}, decided by the beginning of the data");
        assert_eq!(diagnosis.found("record length"), expected);
    }
}
