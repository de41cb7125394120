//! Ordering mutants: each atomic operation and fence of the executors, weakened by one step.
//!
//! An ordering that no model misses is either too strong or not checked. `cargo weaken` finds it: it reads the
//! operations off the source, weakens one at a time, and runs the models until one fails. The outcome is kept in
//! two lists beside this package's manifest: `weaken/killed.txt`, a model that fails for each mutant, and
//! `weaken/kept.toml`, why an ordering that no model misses stays.
//!
//! | module | what it is |
//! |---|---|
//! | `sources` | the files that a package is made of in a model |
//! | `sites` | the operations in them |
//! | `mutant` | the steps by which each one can be weakened |
//! | `lists` | the two lists |
//! | `models` | the models, and which operations each one reaches |
//! | `runs` | one run of one model |
//! | `search` | which model kills which mutant |
//! | `report` | what the command says at its end |
//! | `command` | the command |

pub mod command;
pub mod lists;
pub mod models;
pub mod mutant;
pub mod report;
pub mod runs;
pub mod search;
pub mod sites;
pub mod sources;

use std::path::PathBuf;

pub use lists::Lists;
pub use models::{Model, Models};
pub use mutant::{Mutant, mutants};
pub use runs::Outcome;
pub use sites::Site;

/// The root of the workspace that this was built from.
pub fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}
