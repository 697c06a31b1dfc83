//! Replays the corpora of the fuzzers. Their seeds are the certificates of the tests;
//! `ESTREAMER_BLESS=1` writes them.
#![cfg(feature = "fuzzing")]

use std::fs;
use std::path::Path;

use estreamer_mio::core::fuzzing::corpus::{self, Seed};
use estreamer_mio::fuzzing::TARGETS;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

#[test]
fn every_corpus_keeps_its_promises() {
    corpus::replay(TARGETS);
}

#[test]
fn the_seeds_are_what_they_are_made_of() {
    corpus::check(&seeds());
}

fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls/fixtures");
    for entry in fs::read_dir(fixtures).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = fs::read(&path).unwrap();
        if name.ends_with(".p12") {
            // The password is blank, or the one of all others.
            let blank = name.contains("blank") || name.contains("null");
            let choice = if blank { 0 } else { 3 };
            seeds.push(("pkcs12", name, [&[choice], &bytes[..]].concat()));
        } else if name.ends_with(".pem") {
            // A trusted certificate is only for the other target.
            if let Ok(certificate) = CertificateDer::from_pem_slice(&bytes) {
                seeds.push(("certificate", name.clone(), certificate.to_vec()));
            }
            seeds.push(("pkcs12", name, [&[0], &bytes[..]].concat()));
        }
    }
    // The streams of the core's target, through small arenas and large ones.
    for (name, stream) in corpus::inputs("parse") {
        // Seeds have readable names.
        if name.contains(['-', '_']) {
            let shape = [0, name.len() as u8, 40, 1, 1];
            seeds.push(("batch", name, [&shape, &stream[1..]].concat()));
        }
    }
    seeds
}
