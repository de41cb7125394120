#![no_main]

#[path = "../targets/cgroup.rs"]
mod cgroup;

libfuzzer_sys::fuzz_target!(|data: &[u8]| cgroup::check(data));
