#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| driftline_storage::fuzzing::manifest_decode(data));
