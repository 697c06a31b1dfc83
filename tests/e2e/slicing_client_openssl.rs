//! A client that reads events by the record length alone, in Python's standard
//! library: it decodes as the public client for fully-qualified events does.

use std::path::Path;
use std::process::Command;

use estreamer::simulate::Simulator;
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_tests::{Ended, Pki, events, expected_lines};

/// Everything, by the field sets of the guide's example.
fn request() -> Vec<u8> {
    estreamer::config::Ask::everything().json
}

#[test]
#[ignore = "needs python3; `cargo xtask interop` runs it"]
fn it_reads_every_event_of_a_server_whose_record_length_covers_the_extension() {
    let pki = Pki::new();
    for quirk in [Quirk::RecordCoversExtension, Quirk::NoExtension] {
        let simulator = simulator(&pki, Quirks::NONE.with(quirk));
        let ended = run(&pki, &simulator).success();
        let came = events(&ended.stdout);
        assert_eq!(came.len(), 2000);
        assert!(came == expected_lines(simulator.archive()), "{quirk}");
    }
}

#[test]
#[ignore = "needs python3; `cargo xtask interop` runs it"]
fn it_does_not_read_one_whose_record_length_counts_the_data_alone() {
    let pki = Pki::new();
    let ended = run(&pki, &simulator(&pki, Quirks::NONE));
    assert!(!ended.status.success() && ended.stdout.is_empty());
    assert!(ended.stderr.contains("JSONDecodeError"), "{}", ended.stderr);
}

fn simulator(pki: &Pki, quirks: Quirks) -> Simulator {
    let builder = Simulator::with_identity(pki.identity()).count(2000);
    builder.quirks(quirks).bundle(37).spawn().unwrap()
}

fn run(pki: &Pki, simulator: &Simulator) -> Ended {
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/slicing_client.py");
    let request = pki.write("request.json", request());
    let mut command = Command::new("python3");
    command.arg(client).arg(simulator.address().to_string());
    command.args(["client.pem", "client.key", "ca.pem"].map(|name| pki.file(name)));
    Ended::of(command.arg(request).arg("2000"))
}
