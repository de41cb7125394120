#![no_main]

#[path = "../targets/digests.rs"]
mod digests;

libfuzzer_sys::fuzz_target!(|data: &[u8]| digests::check(data));
