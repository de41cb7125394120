//! `benches checksum`: hashes files on both executors, from one program text.

mod command;
mod digests;
mod executors;
mod input;
mod program;
mod report;

pub use command::{ChecksumArgs, ExecutorChoice, Verdict, run};
pub use digests::{Difference, Digests};
pub use executors::{Plan, Run, run_on_amp, run_on_smp};
pub use input::{Input, Listing, Unreadable};
pub use program::{CHUNK_BYTES, Digest, HASH, Outcome, ProgramError, READ, WINDOW, digest_files};
