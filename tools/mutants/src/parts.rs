//! The parts of the code that are changed, and the tests that should notice.

/// What is changed, and what is run for each change.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    pub(crate) library: &'static str,
    pub(crate) files: &'static str,
    /// What cargo builds the tests with.
    pub(crate) tests: &'static [&'static str],
    /// What is run, one after the other, until something fails.
    pub(crate) runs: &'static [Run],
}

/// A test binary, and the words of which the names of its tests have one; all tests without.
pub(crate) struct Run(pub(crate) &'static str, pub(crate) &'static [&'static str]);

/// Everything that events pass on their way to a file or a receiver: unit tests, corpora, the
/// model, worlds, and those tests of the whole program that deliver events.
const DELIVERY: [&str; 9] = [
    "--package=estreamer",
    "--package=estreamer-tests",
    "--features=estreamer/config,estreamer/listen,estreamer/archive,estreamer/http,\
     estreamer/fuzzing",
    "--lib",
    "--test=corpus",
    "--test=model",
    "--bin=world",
    "--bin=estreamer-under-test",
    "--test=e2e",
];

const PARTS: [Part; 4] = [
    Part {
        name: "core",
        package: "estreamer-core",
        library: "core/src/lib.rs",
        files: "core/src/**",
        tests: &[
            "--package=estreamer-core",
            "--features=estreamer-core/json,estreamer-core/embedded-io-async,\
             estreamer-core/arbitrary,estreamer-core/fuzzing",
        ],
        runs: &[
            Run("estreamer_core", &[]),
            Run("all", &[]),
            Run("corpus", &[]),
        ],
    },
    Part {
        name: "delivery",
        package: "estreamer",
        library: "runtime-std/src/lib.rs",
        files: "runtime-std/src/delivery/**",
        tests: &DELIVERY,
        runs: &[
            Run("estreamer", &["delivery::"]),
            Run("estreamer", &[]),
            Run("corpus", &[]),
            Run("world", &[]),
            Run("model", &[]),
            Run(
                "e2e",
                &[
                    "archive::",
                    "delivery",
                    "outputs_closing",
                    "reload::",
                    "rotation::",
                ],
            ),
            Run(
                "e2e",
                &[
                    "collect::",
                    "failures::",
                    "filters::",
                    "fleet::",
                    "formats_foreign::",
                    "ledger::",
                    "limits::",
                    "log::",
                    "log_trouble::",
                    "monitoring::",
                    "named_files::",
                    "notify::",
                    "outputs",
                    "prepaid::",
                    "status",
                    "upgrade::",
                ],
            ),
        ],
    },
    Part {
        name: "output",
        package: "estreamer",
        library: "runtime-std/src/lib.rs",
        files: "runtime-std/src/output/**",
        tests: &DELIVERY,
        runs: &[
            Run("estreamer", &["output::"]),
            Run("estreamer", &[]),
            Run("corpus", &[]),
            Run("world", &[]),
            Run("model", &[]),
            Run("e2e", &["outputs", "rotation::"]),
            Run(
                "e2e",
                &[
                    "archive::",
                    "delivery_files",
                    "delivery_outputs",
                    "formats_",
                    "log::",
                    "log_trouble::",
                    "monitoring::",
                    "named_files::",
                    "notify::",
                    "status",
                    "verify::",
                ],
            ),
        ],
    },
    Part {
        name: "tls",
        package: "estreamer-mio",
        library: "runtime-mio/src/lib.rs",
        files: "runtime-mio/src/tls/**",
        tests: &[
            "--package=estreamer-mio",
            "--package=estreamer-tests",
            "--features=estreamer-mio/fuzzing,estreamer/fuzzing",
            "--lib",
            "--test=corpus",
            "--bin=estreamer-under-test",
            "--test=e2e",
        ],
        runs: &[
            Run("estreamer_mio", &["tls::"]),
            Run("estreamer_mio", &[]),
            Run("corpus", &[]),
            Run("e2e", &["hostile::", "identity", "servers::"]),
            Run(
                "e2e",
                &[
                    "client::",
                    "demo::",
                    "doctor",
                    "failures::",
                    "guide_client",
                    "remedies",
                ],
            ),
        ],
    },
];

/// The part with this name.
pub(crate) fn named(name: &str) -> Option<&'static Part> {
    PARTS.iter().find(|part| part.name == name)
}
