//! The sum over a binary tree, with a fork at every node: forking, and memory that is walked through pointers.

use anyhow::ensure;

use super::Target;
use super::peer::{Peer, PeerKind};
use super::program::Program;

/// Sums a complete tree of boxed nodes that each have the value 1.
#[derive(Clone, Copy, Debug)]
pub struct TreeSum {
    /// Levels; `2^levels - 1` nodes.
    pub levels: u32,
}

impl TreeSum {
    fn nodes(self) -> u64 {
        (1 << self.levels) - 1
    }
}

/// The tree. Its nodes are allocated in the order of the walk.
#[derive(Debug)]
pub struct Node {
    value: u64,
    children: Option<(Box<Node>, Box<Node>)>,
}

impl Node {
    fn complete(levels: u32) -> Box<Self> {
        let below = levels - 1;
        let mut node = Box::new(Self { value: 1, children: None });
        node.children = (below > 0).then(|| (Self::complete(below), Self::complete(below)));
        node
    }
}

impl Program for TreeSum {
    type Input = Box<Node>;
    type Output = u64;

    fn name(&self) -> String {
        format!("tree({})", self.nodes())
    }

    fn targets(&self, _workers: usize) -> Vec<Target> {
        let mut targets = Target::NEVER_BEHIND.to_vec();
        if self.levels <= 10 {
            targets.push(Target::at_most(1.5, PeerKind::Serial));
        }
        targets
    }

    fn prepare(&self) -> Box<Node> {
        Node::complete(self.levels)
    }

    fn run<P: Peer>(&self, scope: &mut P::Scope<'_>, root: &mut Box<Node>) -> u64 {
        sum::<P>(scope, root)
    }

    fn check(&self, _root: &Box<Node>, output: &u64) -> anyhow::Result<()> {
        ensure!(*output == self.nodes(), "the result is {output}, not {}", self.nodes());
        Ok(())
    }
}

fn sum<P: Peer>(scope: &mut P::Scope<'_>, node: &Node) -> u64 {
    let Some((left, right)) = &node.children else { return node.value };
    let (left, right) =
        P::join(scope, |scope| sum::<P>(scope, left), |scope| sum::<P>(scope, right));
    node.value + left + right
}
