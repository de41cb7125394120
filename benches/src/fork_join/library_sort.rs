//! The sorts that the libraries bring.

use super::Target;
use super::peer::{Peer, PeerKind};
use super::program::Program;
use super::sorting::{Numbers, short};

/// Each library's own unstable sort; serially, the standard library's.
#[derive(Clone, Copy, Debug)]
pub struct LibrarySort {
    /// How many numbers.
    pub count: usize,
}

impl Program for LibrarySort {
    type Input = Numbers;
    type Output = ();
    const CHANGES_INPUT: bool = true;

    fn name(&self) -> String {
        format!("sort({})", short(self.count))
    }

    /// chili has no sort.
    fn suits(&self, peer: PeerKind) -> bool {
        peer != PeerKind::Chili
    }

    fn targets(&self, _workers: usize) -> Vec<Target> {
        vec![Target::at_most(1.0, PeerKind::Rayon)]
    }

    fn prepare(&self) -> Numbers {
        Numbers::random(self.count)
    }

    fn reset(&self, input: &mut Numbers) {
        input.shuffle();
    }

    fn run<P: Peer>(&self, _scope: &mut P::Scope<'_>, input: &mut Numbers) {
        P::sort(&mut input.list);
    }

    fn check(&self, input: &Numbers, (): &()) -> anyhow::Result<()> {
        input.check()
    }
}
