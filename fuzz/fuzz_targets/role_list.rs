#![no_main]

#[path = "../targets/plan.rs"]
mod plan;
#[path = "../targets/role_list.rs"]
mod role_list;

libfuzzer_sys::fuzz_target!(|data: &[u8]| role_list::check(data));
