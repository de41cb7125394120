#![no_main]

#[path = "../targets/cpulist.rs"]
mod cpulist;

libfuzzer_sys::fuzz_target!(|data: &[u8]| cpulist::check(data));
