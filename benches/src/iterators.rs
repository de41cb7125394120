//! `benches iterators`: `par_iter().map().filter().reduce()` on our pool, through paralight, beside rayon's own.
//!
//! | file | what it is |
//! |---|---|
//! | `peer` | who takes part |
//! | `program` | the chain, over cheap items and over uneven ones |
//! | `command` | the options; all else about measuring is in [`rounds`](crate::rounds) |
//!
//! Each chain begins on a worker of the pool. `map-reduce` is the executor's own loop over the same list, with the filter written into
//! the closure: what an iterator costs beyond that.

mod command;
mod peer;
mod program;

pub use command::{IteratorsArgs, run};
pub use peer::PeerKind;
pub use program::{Chain, Cheap, Item, Uneven};
