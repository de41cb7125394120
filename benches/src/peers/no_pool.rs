//! What a measurement costs by itself.

use super::pool::{Pool, PoolKind};
use super::workers::Workers;

/// No pool: closures run at once, on the calling thread.
#[derive(Clone, Copy, Debug)]
pub struct NoPool;

impl Pool for NoPool {
    const KIND: PoolKind = PoolKind::None;
    type Inside = ();

    fn build(_workers: Workers) -> anyhow::Result<Self> {
        Ok(Self)
    }

    fn inside(&self) {}

    fn detach(&self, f: impl FnOnce() + Send + 'static) {
        f();
    }

    fn detach_inside((): (), f: impl FnOnce() + Send + 'static) {
        f();
    }
}
