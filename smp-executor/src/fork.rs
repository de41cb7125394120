//! Fork-join over borrowed data: jobs in the caller's frame, apart from spawned tasks.
//!
//! [`join`] puts its second branch on the worker's private stack, runs the first, and takes the second back and calls it:
//! no allocation, no read-modify-write, no fence. When somebody is idle, the worker shares its oldest jobs on a deque, since
//! what is old is large. The protocol, its sources and its proof: `fork/README.md`.
//!
//! # What holds
//!
//! * A job lives in the frame of the `join` that made it, and that frame is not left before the job has
//!   been taken back or its latch is set.
//! * Jobs are taken back in the reverse order of their making, shared oldest first, and stolen oldest first. So when a
//!   `join` looks for its job, either it is the youngest, or it is with others and so are all the older ones.
//! * Therefore a worker that begins to run a stolen job has no jobs of its own, and until that job's latch is
//!   set all that it forks descends from it.
//! * **A worker that waits for a stolen job runs descendants of that job and nothing else.** A lock held across a `join`
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
