//! Never a silent deadlock between workers that wait for one another.
//!
//! A worker that waits, for room in a lane of some role's channel or for the reply to a call, takes nothing out of its own
//! lanes meanwhile. If every worker that could end the wait waits in this way, nobody ever will. This is the graph of
//! such waits. Its nodes are the executor's workers. It is touched only by workers that find a lane full or a reply
//! missing; threads outside the executor never close a cycle.
//!
//! The workers that could end a wait are its **target**:
//!
//! | wait | target |
//! |---|---|
//! | for room in the lane that a role's workers share | these workers, and those that take from it because they lend, as long as they would |
//! | for room in one core's own lane | that core's worker |
//! | for a reply | the worker that runs the task, or, while it waits, those that could run it |
//!
//! One too many of them can hide a deadlock; one that is left out makes a false alarm.
//!
//! A worker **can make progress** if
//!
//! * it does not wait, or
//! * its wait could end right now: there is room in the lane, or the reply is there; or
//! * some worker of its target can make progress.
//!
//! # Why that is right
//!
//! A worker tries and enters its wait under one lock, and leaves the wait under the lock with the attempt that
//! succeeds. So under the lock each wait in the graph is a true one, unless it could end right now. Take all workers that
//! cannot make progress. Each of them waits, no such wait could end now, and the workers of its target are among them.
//! Which of these waits is the first to end? Room is made and replies are given by workers of the target alone; threads outside
//! only fill lanes up. But those workers wait themselves, and their waits would have to end before. So none ever ends,
//! unless a shutdown or an abort ends it from outside.
//!
//! # Who gets the error
//!
//! From a worker that cannot make progress all ways along waits and targets go on for ever, hence around some
//! cycle. A worker that is on a cycle itself gets the error. One whose way only leads to a cycle goes on waiting: the error goes to
//! the workers on that cycle, and what they do then is progress.
//!
//! Whoever closes a cycle learns of it at once. A wait can also become hopeless later, when a thread outside fills the
//! room that it had hoped for; therefore a waiting worker asks again from time to time (`wait.rs`).

use std::collections::VecDeque;
use std::iter;

use executor_common::sync::{Mutex, MutexGuard};

/// The waits of one executor's workers. `L` says what a wait is for; the graph hands it back and never looks at it.
#[derive(Debug)]
pub(crate) struct WaitGraph<L> {
    waits: Mutex<Waits<L>>,
}

/// The graph, locked.
#[derive(Debug)]
pub(crate) struct Waits<L> {
    workers: Box<[Node<L>]>,
}

#[derive(Debug)]
struct Node<L> {
    role: usize,
    waits_for: Option<Target<L>>,
}

/// What a worker waits for.
#[derive(Debug)]
pub(crate) struct Target<L> {
    /// The lane, or the reply.
    pub(crate) lane: L,
    workers: Box<[usize]>,
}

impl<L> Target<L> {
    /// `workers` are all those that could end the wait, by their numbers in the executor.
    pub(crate) fn new(lane: L, workers: impl IntoIterator<Item = usize>) -> Self {
        let workers: Box<[usize]> = workers.into_iter().collect();
        debug_assert!(!workers.is_empty(), "somebody could end the wait");
        Self { lane, workers }
    }
}

impl<L> WaitGraph<L> {
    /// `roles` has the role of each worker, in the order of the workers' numbers.
    pub(crate) fn new(roles: impl IntoIterator<Item = usize>) -> Self {
        let workers = roles.into_iter().map(|role| Node { role, waits_for: None }).collect();
        Self { waits: Mutex::new(Waits { workers }) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Waits<L>> {
        self.waits.lock()
    }
}

impl<L> Waits<L> {
    /// `worker` waits.
    pub(crate) fn enter(&mut self, worker: usize, target: Target<L>) {
        let before = self.workers[worker].waits_for.replace(target);
        debug_assert!(before.is_none(), "worker {worker} is in a wait already");
    }

    /// It does not any more.
    pub(crate) fn leave(&mut self, worker: usize) {
        let before = self.workers[worker].waits_for.take();
        debug_assert!(before.is_some(), "worker {worker} leaves a wait that it is not in");
    }

    /// The cycle that the wait of `worker` is part of, if it can never end: the roles along it, the first one again at
    /// its end. The wait has been entered. `can_end_now` is asked once for each waiting worker, and `can_help` whether a worker of its
    /// target could do anything about it as things are.
    pub(crate) fn cycle(
        &self,
        worker: usize,
        can_end_now: impl Fn(&Target<L>) -> bool,
        can_help: impl Fn(&Target<L>, usize) -> bool,
    ) -> Option<Vec<usize>> {
        let targets: Vec<_> = self.workers.iter().map(|node| node.targets(&can_help)).collect();
        if self.can_progress(&targets, can_end_now)[worker] {
            return None;
        }
        let way = way_back(&targets, worker)?;
        let mut roles: Vec<usize> = way.into_iter().map(|at| self.workers[at].role).collect();
        roles.dedup();
        if let [only] = roles[..] {
            roles.push(only);
        }
        Some(roles)
    }

    /// By worker.
    fn can_progress(
        &self,
        targets: &[Vec<usize>],
        can_end_now: impl Fn(&Target<L>) -> bool,
    ) -> Vec<bool> {
        let mut can: Vec<bool> = self
            .workers
            .iter()
            .map(|node| node.waits_for.as_ref().is_none_or(&can_end_now))
            .collect();
        loop {
            let mut has_changed = false;
            for worker in 0..can.len() {
                if !can[worker] && targets[worker].iter().any(|target| can[*target]) {
                    can[worker] = true;
                    has_changed = true;
                }
            }
            if !has_changed {
                return can;
            }
        }
    }
}

impl<L> Node<L> {
    /// The workers that could end its wait as things are. None if it does not wait.
    fn targets(&self, can_help: impl Fn(&Target<L>, usize) -> bool) -> Vec<usize> {
        let Some(target) = &self.waits_for else { return Vec::new() };
        target.workers.iter().copied().filter(|worker| can_help(target, *worker)).collect()
    }
}

/// The shortest way along waits from `worker` to itself, with `worker` at both ends. `None` if it is on no cycle.
fn way_back(targets: &[Vec<usize>], worker: usize) -> Option<Vec<usize>> {
    let mut came_from = vec![None; targets.len()];
    let mut next = VecDeque::from([worker]);
    while let Some(at) = next.pop_front() {
        for &target in &targets[at] {
            if target == worker {
                let back = iter::successors(Some(at), |at| came_from[*at]);
                let mut way: Vec<usize> = iter::once(worker).chain(back).collect();
                way.reverse();
                return Some(way);
            }
            if came_from[target].is_none() {
                came_from[target] = Some(at);
                next.push_back(target);
            }
        }
    }
    None
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::ops::Range;

    use super::*;

    /// Lane 0 of role 0 and so on are those that a role's workers share; a worker's own lane, and a reply that it waits for,
    /// have the worker's number and this.
    const OWN: usize = 100;
    const REPLY: usize = 200;

    /// A graph with so many workers in each role.
    struct Graph {
        graph: WaitGraph<usize>,
        workers: Vec<Range<usize>>,
    }

    impl Graph {
        fn new(counts: &[usize]) -> Self {
            let mut workers = Vec::new();
            for count in counts {
                let first = workers.last().map_or(0, |last: &Range<usize>| last.end);
                workers.push(first..first + count);
            }
            let roles = workers
                .iter()
                .enumerate()
                .flat_map(|(role, range)| range.clone().map(move |_| role));
            Self { graph: WaitGraph::new(roles), workers }
        }

        fn shared(&self, role: usize) -> Target<usize> {
            Target::new(role, self.workers[role].clone())
        }

        fn own(&self, worker: usize) -> Target<usize> {
            Target::new(OWN + worker, [worker])
        }

        /// `worker` has called `role`.
        fn reply(&self, worker: usize, role: usize) -> Target<usize> {
            Target::new(REPLY + worker, self.workers[role].clone())
        }

        /// Enters the wait and asks. All lanes are full and all replies missing, but those in `there`.
        fn wait_with(
            &self,
            worker: usize,
            target: Target<usize>,
            there: &[usize],
        ) -> Option<Vec<usize>> {
            let mut waits = self.graph.lock();
            waits.enter(worker, target);
            let cycle = waits.cycle(worker, |target| there.contains(&target.lane), |_, _| true);
            if cycle.is_some() {
                waits.leave(worker);
            }
            cycle
        }

        fn wait(&self, worker: usize, target: Target<usize>) -> Option<Vec<usize>> {
            self.wait_with(worker, target, &[])
        }

        /// A worker that waits asks again.
        fn again(&self, worker: usize) -> Option<Vec<usize>> {
            self.graph.lock().cycle(worker, |_| false, |_, _| true)
        }
    }

    #[test]
    fn a_role_of_one_waits_for_itself() {
        let graph = Graph::new(&[1]);
        assert_eq!(graph.wait(0, graph.shared(0)), Some(vec![0, 0]));
        assert_eq!(graph.wait(0, graph.own(0)), Some(vec![0, 0]));
        assert_eq!(graph.wait(0, graph.reply(0, 0)), Some(vec![0, 0]));
    }

    #[test]
    fn the_last_worker_of_a_role_closes_the_cycle() {
        let graph = Graph::new(&[2]);
        assert_eq!(graph.wait(0, graph.shared(0)), None);
        assert_eq!(graph.wait(1, graph.shared(0)), Some(vec![0, 0]));
    }

    #[test]
    fn two_and_three_roles() {
        let graph = Graph::new(&[1, 1]);
        assert_eq!(graph.wait(0, graph.shared(1)), None);
        assert_eq!(graph.wait(1, graph.shared(0)), Some(vec![1, 0, 1]));

        let graph = Graph::new(&[1, 1, 1]);
        assert_eq!(graph.wait(0, graph.shared(1)), None);
        assert_eq!(graph.wait(1, graph.shared(2)), None);
        assert_eq!(graph.wait(2, graph.shared(0)), Some(vec![2, 0, 1, 2]));
    }

    #[test]
    fn a_free_worker_or_room_anywhere_is_hope() {
        let graph = Graph::new(&[1, 2]);
        assert_eq!(graph.wait(0, graph.shared(1)), None);
        assert_eq!(graph.wait(1, graph.shared(0)), None);
        assert_eq!(graph.wait(2, graph.shared(0)), Some(vec![1, 0, 1]));

        let graph = Graph::new(&[1, 1]);
        assert_eq!(graph.wait(0, graph.shared(1)), None);
        let cycle = graph.wait_with(1, graph.shared(0), &[1]);
        assert_eq!(cycle, None, "worker 0 is about to get its room");
        assert_eq!(graph.again(1), Some(vec![1, 0, 1]), "somebody else took it");
    }

    #[test]
    fn a_wait_that_ended_is_forgotten() {
        let graph = Graph::new(&[1, 1]);
        assert_eq!(graph.wait(0, graph.shared(1)), None);
        graph.graph.lock().leave(0);
        assert_eq!(graph.wait(1, graph.shared(0)), None);
    }

    /// The other worker of the role is free, but takes nothing out of a lane that is not its own.
    #[test]
    fn a_core_s_own_lane_is_emptied_by_that_core_alone() {
        let graph = Graph::new(&[2]);
        assert_eq!(graph.wait(0, graph.own(0)), Some(vec![0, 0]));
        assert_eq!(graph.wait(0, graph.shared(0)), None);

        let graph = Graph::new(&[2, 1]);
        assert_eq!(graph.wait(2, graph.own(1)), None, "its owner is free");
        assert_eq!(graph.wait(0, graph.shared(1)), None, "worker 2 waits for a free one");
        assert_eq!(graph.wait(1, graph.shared(1)), Some(vec![0, 1, 0]), "not any more");
    }

    #[test]
    fn two_workers_of_a_role_wait_for_each_other_s_own_lanes() {
        let graph = Graph::new(&[3]);
        assert_eq!(graph.wait(0, graph.own(1)), None);
        assert_eq!(graph.wait(1, graph.own(0)), Some(vec![0, 0]), "the third does not help");
    }

    #[test]
    fn a_role_is_named_once_for_workers_that_follow_each_other() {
        let graph = Graph::new(&[2, 1]);
        assert_eq!(graph.wait(0, graph.own(1)), None);
        assert_eq!(graph.wait(1, graph.shared(1)), None);
        assert_eq!(graph.wait(2, graph.own(0)), Some(vec![1, 0, 1]));
    }

    #[test]
    fn replies_in_a_cycle() {
        let graph = Graph::new(&[1, 1]);
        assert_eq!(graph.wait(0, graph.reply(0, 1)), None);
        assert_eq!(graph.wait(1, graph.reply(1, 0)), Some(vec![1, 0, 1]));
        assert_eq!(
            graph.wait_with(1, graph.reply(1, 0), &[REPLY]),
            None,
            "the first has its reply"
        );
    }

    #[test]
    fn replies_and_room_mixed() {
        let graph = Graph::new(&[2, 1, 1]);
        assert_eq!(graph.wait(0, graph.reply(0, 1)), None);
        assert_eq!(graph.wait(2, graph.shared(2)), None);
        assert_eq!(graph.wait(3, graph.shared(0)), None, "worker 1 is free");
        assert_eq!(graph.wait(1, graph.own(0)), Some(vec![0, 1, 2, 0]));
        assert_eq!(
            graph.wait_with(1, graph.own(0), &[2]),
            None,
            "worker 2 is about to get its room"
        );
        assert_eq!(graph.again(3), Some(vec![2, 0, 1, 2]));
    }

    #[test]
    fn a_worker_of_a_role_that_lends_can_make_the_room() {
        let graph = Graph::new(&[1, 1]);
        assert_eq!(graph.wait(0, Target::new(0, [0, 1])), None);
        assert_eq!(graph.again(0), None);
        assert_eq!(graph.wait(1, graph.reply(1, 0)), Some(vec![1, 0, 1]));
    }

    /// Two roles are stuck since a thread outside has filled their lanes. A third that waits for one of them goes on when they do.
    #[test]
    fn who_is_not_on_the_cycle_gets_no_error() {
        let graph = Graph::new(&[1, 1, 1]);
        assert_eq!(graph.wait(0, graph.shared(1)), None);
        assert_eq!(graph.wait_with(1, graph.shared(0), &[0]), None);
        assert_eq!(graph.wait(2, graph.shared(0)), None);
        assert_eq!(graph.again(0), Some(vec![0, 1, 0]));
        assert_eq!(graph.again(1), Some(vec![1, 0, 1]));
    }
}
