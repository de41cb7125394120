#![no_main]

#[path = "../targets/workload.rs"]
mod workload;

libfuzzer_sys::fuzz_target!(|data: &[u8]| workload::check(data));
