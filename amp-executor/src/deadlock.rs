//! Never a silent deadlock between full channels.
//!
//! A worker that waits for room in a channel takes nothing out of its own role's channel meanwhile. If every
//! worker that could make the room waits in this way, nobody ever will. This is the graph of such waits. It
//! is touched only by workers that find a channel full; threads outside the executor never close a cycle.
//!
//! A role **can make progress** if
//!
//! * one of its workers does not wait, or
//! * one of its workers waits for a role whose channel has room, or
//! * one of its workers waits for a role that can make progress.
//!
//! A worker tries to push and enters its wait under one lock, and leaves the wait under the lock with the push
//! that succeeds. So under the lock each wait in the graph is a true one, and a role that cannot make progress never
//! will again: the channels in question are full, and all who take from them wait for one another.
//!
//! Whoever closes the cycle gets the error. A wait can also become hopeless later, when a thread outside fills
//! the room that it had hoped for; therefore a waiting worker asks again from time to time (`wait.rs`).

use std::collections::VecDeque;

use executor_common::sync::{Mutex, MutexGuard};

/// The waits of one executor's workers.
#[derive(Debug)]
pub(crate) struct WaitGraph {
    state: Mutex<Waits>,
}

/// The graph, locked.
#[derive(Debug)]
pub(crate) struct Waits {
    roles: Vec<RoleWaits>,
}

#[derive(Debug)]
struct RoleWaits {
    workers: usize,
    /// The roles that its waiting workers wait for, one entry per worker.
    waits_for: Vec<usize>,
}

impl WaitGraph {
    /// `workers` is the number of workers of each role.
    pub(crate) fn new(workers: impl IntoIterator<Item = usize>) -> Self {
        let roles = workers
            .into_iter()
            .map(|workers| RoleWaits { workers, waits_for: Vec::new() })
            .collect();
        Self { state: Mutex::new(Waits { roles }) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Waits> {
        self.state.lock()
    }
}

impl Waits {
    /// A worker of `waiter` waits for room in `target`'s channel.
    pub(crate) fn enter(&mut self, waiter: usize, target: usize) {
        self.roles[waiter].waits_for.push(target);
        debug_assert!(self.roles[waiter].waits_for.len() <= self.roles[waiter].workers);
    }

    /// It does not any more.
    pub(crate) fn leave(&mut self, waiter: usize, target: usize) {
        let waits = &mut self.roles[waiter].waits_for;
        let place = waits.iter().position(|entry| *entry == target);
        debug_assert!(place.is_some(), "{waiter} leaves a wait for {target} that it is not in");
        if let Some(place) = place {
            waits.swap_remove(place);
        }
    }

    /// The cycle that a wait of `waiter` for `target` is part of, if it can never end: the roles along it, the
    /// first one again at its end. The wait has been entered.
    pub(crate) fn cycle(
        &self,
        waiter: usize,
        target: usize,
        has_room: impl Fn(usize) -> bool,
    ) -> Option<Vec<usize>> {
        if self.can_progress(&has_room)[target] {
            return None;
        }
        let mut cycle = vec![waiter];
        cycle.extend(self.path(target, waiter));
        Some(cycle)
    }

    fn can_progress(&self, has_room: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut can: Vec<bool> =
            self.roles.iter().map(|role| role.waits_for.len() < role.workers).collect();
        loop {
            let found = self.roles.iter().enumerate().position(|(index, role)| {
                !can[index] && role.waits_for.iter().any(|target| can[*target] || has_room(*target))
            });
            match found {
                Some(index) => can[index] = true,
                None => return can,
            }
        }
    }

    /// The shortest way along waits; `from` first, `to` last. Of the roles that cannot make progress each has
    /// a wait, and `to` is among those that `from` reaches, or `from` had been stuck without it.
    fn path(&self, from: usize, to: usize) -> Vec<usize> {
        let mut came_from = vec![None; self.roles.len()];
        let mut next = VecDeque::from([from]);
        while let Some(role) = next.pop_front() {
            if role == to {
                break;
            }
            for target in &self.roles[role].waits_for {
                if *target != from && came_from[*target].is_none() {
                    came_from[*target] = Some(role);
                    next.push_back(*target);
                }
            }
        }
        let mut path = vec![to];
        let mut last = to;
        while last != from {
            last = came_from[last].unwrap_or(from);
            path.push(last);
        }
        path.reverse();
        path
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Enters the wait and asks, with all channels full but those in `room`.
    fn wait(graph: &WaitGraph, waiter: usize, target: usize, room: &[usize]) -> Option<Vec<usize>> {
        let mut waits = graph.lock();
        waits.enter(waiter, target);
        let cycle = waits.cycle(waiter, target, |role| room.contains(&role));
        if cycle.is_some() {
            waits.leave(waiter, target);
        }
        cycle
    }

    #[test]
    fn a_role_of_one_waits_for_itself() {
        assert_eq!(wait(&WaitGraph::new([1]), 0, 0, &[]), Some(vec![0, 0]));
    }

    #[test]
    fn the_last_worker_of_a_role_closes_the_cycle() {
        let graph = WaitGraph::new([2]);
        assert_eq!(wait(&graph, 0, 0, &[]), None);
        assert_eq!(wait(&graph, 0, 0, &[]), Some(vec![0, 0]));
    }

    #[test]
    fn two_and_three_roles() {
        let graph = WaitGraph::new([1, 1]);
        assert_eq!(wait(&graph, 0, 1, &[]), None);
        assert_eq!(wait(&graph, 1, 0, &[]), Some(vec![1, 0, 1]));

        let graph = WaitGraph::new([1, 1, 1]);
        assert_eq!(wait(&graph, 0, 1, &[]), None);
        assert_eq!(wait(&graph, 1, 2, &[]), None);
        assert_eq!(wait(&graph, 2, 0, &[]), Some(vec![2, 0, 1, 2]));
    }

    #[test]
    fn a_free_worker_or_room_anywhere_is_hope() {
        let graph = WaitGraph::new([1, 2]);
        assert_eq!(wait(&graph, 0, 1, &[]), None);
        assert_eq!(wait(&graph, 1, 0, &[]), None);
        assert_eq!(wait(&graph, 1, 0, &[]), Some(vec![1, 0, 1]));

        let graph = WaitGraph::new([1, 1]);
        assert_eq!(wait(&graph, 0, 1, &[]), None);
        assert_eq!(wait(&graph, 1, 0, &[1]), None, "worker 0 is about to get its room");
        let waits = graph.lock();
        assert_eq!(waits.cycle(1, 0, |_| false), Some(vec![1, 0, 1]), "somebody else took it");
    }

    #[test]
    fn a_wait_that_ended_is_forgotten() {
        let graph = WaitGraph::new([1, 1]);
        assert_eq!(wait(&graph, 0, 1, &[]), None);
        graph.lock().leave(0, 1);
        assert_eq!(wait(&graph, 1, 0, &[]), None);
    }
}
