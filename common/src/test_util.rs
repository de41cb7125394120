//! A deterministic executor for tests (feature `test-util`).
//!
//! A test of a concurrent program passes a thousand times, and fails on somebody else's machine, because the order in which
//! tasks run is the scheduler's affair. Here it is a seed's: [`TestExecutor`] runs all tasks on the thread of the test, one
//! step after the other, takes the next one at random from those that are ready, and has the same again for the same seed. The clock
//! is virtual: when nothing is ready, it jumps to the next timer, so that an hour's timeout takes no time.
//!
//! ```
//! use std::time::Duration;
//! use executor_common::test_util::TestExecutor;
//! use executor_common::{Role, Spawn};
//!
//! const DB: Role = Role::new("db");
//!
//! /// What is to be tested knows the trait alone, and runs on the real executors otherwise.
//! fn double(executor: &impl Spawn, n: u32) -> u32 {
//!     executor.spawn_in(DB, move || 2 * n).unwrap().join().unwrap()
//! }
//!
//! // A thousand orders. A panic says the seed, and how to have that order again.
//! TestExecutor::check(0..1000, |executor| {
//!     let fast = executor.spawn_future({
//!         let clock = executor.handle();
//!         async move { clock.sleep(Duration::from_secs(3600)).await }
//!     });
//!     assert_eq!(double(executor, 21), 42);
//!     fast.join().unwrap();
//!     assert_eq!(executor.now(), Duration::from_secs(3600));
//! });
//! ```
//!
//! # What is as on the executors
//!
//! Tasks are made of the same cells. [`JoinHandle`](crate::JoinHandle), [`JoinSet`](crate::JoinSet), abort, cancellation, panics,
//! [`block_on`](crate::block_on()), [`CancellationToken`](crate::CancellationToken) are the same code. Roles are labels, as on the SMP executor, unless
//! [`TestBuilder::capacity`] bounds them, as the AMP executor does.
//!
//! # What it finds
//!
//! * Orders that nobody thought of, as far as tasks give way to each other: at each `.await` that waits, each
//!   [`yield_now`](crate::yield_now()), each wait for a handle. What happens between two of them is one step. For interleavings of single
//!   atomic operations there are `loom` and `shuttle`.
//! * Deadlocks and lost wake-ups: nothing is ready, no timer runs, and somebody waits. That is a panic that names who waits.
//! * Livelocks: more steps than [`TestBuilder::max_steps`].
//!
//! # One thread
//!
//! The thread that makes the executor is its only worker until it is dropped. Where it waits, in the test's own code or in a closure, for a
//! handle, for a future in [`block_on`](crate::block_on()), or for room, it runs other tasks meanwhile, on top of what waits. So a
//! closure that waits goes on only after those that began to wait later: two closures that wait for each other in turns are a deadlock
//! here, as on a role with one core, where two futures are none. What is woken by another thread, or by the system, comes
//! too late: use channels for sockets, and [`TestHandle::sleep`] for timers.

mod check;
mod clock;
mod executor;
mod handle;
mod schedule;
mod tasks;

pub use check::REPLAY_VARIABLE;
pub use clock::Sleep;
pub use executor::{TestBuilder, TestExecutor};
pub use handle::TestHandle;

pub(crate) use schedule::{park_here, virtual_now};
