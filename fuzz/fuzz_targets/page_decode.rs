#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| driftline_storage::fuzzing::page_decode(data));
