#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| driftline_storage::fuzzing::distribution_decode(data));
