//! Fork-join over borrowed data: jobs in the caller's frame, apart from spawned tasks.
//!
//! [`join`] pushes its second branch onto the worker's own LIFO deque of jobs, runs the first, and takes the
//! second back. Whoever is idle may have stolen it meanwhile, oldest job first, so that what is stolen is
//! large.
//!
//! # What holds
//!
//! * A job lives in the frame of the `join` that made it, and that frame is not left before the job has
//!   been taken back or its latch is set.
//! * Jobs are taken back in the reverse order of their push, and thieves take the oldest first. So when a
//!   `join` looks for its job, either it is the youngest on the deque, or it has been stolen and so have all
//!   the older ones, which leaves the deque empty.
//! * Therefore a worker that begins to run a stolen job has an empty deque of jobs, and until that job's latch is
//!   set everything on the deque descends from it.
//! * **A worker that waits for a stolen job runs descendants of that job and nothing else** (leapfrogging:
//!   Wagner and Calder, 1993). It steals from its thief, and looks afterwards whether the job's latch is still
//!   not set; by the point above the loot descends from the job then. If the latch is set the loot may be
//!   anything: it goes back through [`Returned`], and the wait is over anyway. A lock held across a `join`
//!   can thus not be asked for by something that the waiting worker picked up.

mod job;
mod join;
mod latch;
mod private;
mod returned;
mod stack;
mod wait;
mod worker;

pub(crate) use job::JobRef;
pub use join::join;
pub(crate) use join::join_or;
pub(crate) use private::Private;
pub(crate) use returned::Returned;
pub(crate) use stack::is_asked;
pub(crate) use worker::Forks;
