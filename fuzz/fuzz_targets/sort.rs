#![no_main]

#[path = "../targets/sort.rs"]
mod sort;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sort::check(data));
