//! Which CPUs there are, which of them this process may use, and which thread is where.
//!
//! Several sources, each for what it is right about:
//!
//! * **How many workers** ([`default_parallelism`]): `std::thread::available_parallelism`. It rounds a cgroup
//!   quota *down* and takes the smallest quota along the whole cgroup hierarchy. A pool with more threads
//!   than the quota is throttled by the kernel, all of it at once, for the rest of each period; `num_cpus::get`
//!   rounds up and reads the leaf cgroup alone, so that it would choose such a pool.
//! * **What the machine is** ([`Topology`]): cores, SMT siblings, caches, packages, NUMA nodes and speeds as Linux
//!   tells them in sysfs. [`physical_cores`] alone has an answer on other systems too (`num_cpus::get_physical`).
//! * **Where a thread may be pinned** ([`CpuControl`]): the affinity mask itself, by the kernel's CPU numbers. A
//!   quota is no reason against a CPU, but a mask is.
//! * **How much of them** ([`cpu_quota`]): the control groups, along the whole hierarchy and unrounded.

mod cgroup;
mod control;
mod set;
mod topology;

pub use cgroup::{cpu_quota, cpu_quota_in};
pub use control::{CpuControl, SystemCpus, ThreadClass};
pub use set::{CpuSet, ParseCpuSetError};
pub use topology::{LogicalCpu, Topology, TopologyBuilder};

/// The number of workers that this process can keep busy: affinity mask and cgroup quota included, at least
/// one.
///
/// # Examples
///
/// ```
/// assert!(executor_common::cpu::default_parallelism() >= 1);
/// ```
pub fn default_parallelism() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The number of physical cores of the machine, whatever this process may use of them.
///
/// # Examples
///
/// ```
/// println!("{} cores", executor_common::cpu::physical_cores());
/// ```
pub fn physical_cores() -> usize {
    num_cpus::get_physical()
}
