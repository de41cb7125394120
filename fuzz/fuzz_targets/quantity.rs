#![no_main]

#[path = "../targets/quantity.rs"]
mod quantity;

libfuzzer_sys::fuzz_target!(|data: &[u8]| quantity::check(data));
