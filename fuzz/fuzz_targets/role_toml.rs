#![no_main]

#[path = "../targets/plan.rs"]
mod plan;
#[path = "../targets/role_toml.rs"]
mod role_toml;

libfuzzer_sys::fuzz_target!(|data: &[u8]| role_toml::check(data));
