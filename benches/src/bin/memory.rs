//! What a queued task costs in memory. See [`benches::memory`].

use std::io::Write;
use std::process::ExitCode;

use benches::memory::{CountingAllocator, MemoryArgs, run};
use clap::Parser;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let ended = run(&MemoryArgs::parse(), &mut out).and_then(|()| Ok(out.flush()?));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
