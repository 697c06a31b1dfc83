//! Every target of the core in one binary, which is built once; the variable
//! `ESTREAMER_TARGET` names the one to run.
#![no_main]

use std::sync::LazyLock;

use estreamer_core::fuzzing::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("ESTREAMER_TARGET").expect("ESTREAMER_TARGET names a target");
    let found = TARGETS.iter().find(|target| target.0 == name);
    *found.expect("ESTREAMER_TARGET names a target of the core")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET.1(data));
