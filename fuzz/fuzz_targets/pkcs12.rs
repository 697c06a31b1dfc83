#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| estreamer_mio::fuzzing::pkcs12(data));
