//! Traits of other crates, each behind a feature with that crate's name.

#[cfg(feature = "futures-task")]
mod futures_task;
#[cfg(feature = "hyper")]
mod hyper;
mod local_spawner;

pub use local_spawner::LocalSpawner;
