#![no_main]

#[path = "../targets/task_cell.rs"]
mod task_cell;

libfuzzer_sys::fuzz_target!(|data: &[u8]| task_cell::check(data));
