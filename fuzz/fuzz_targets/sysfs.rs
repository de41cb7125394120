#![no_main]

#[path = "../targets/plan.rs"]
mod plan;
#[path = "../targets/sysfs.rs"]
mod sysfs;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sysfs::check(data));
