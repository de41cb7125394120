//! What the machine's CPUs share with each other.

mod builder;
mod sysfs;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::control::{CpuControl, SystemCpus};
use super::default_parallelism;
use super::set::CpuSet;

pub use builder::TopologyBuilder;

/// One CPU as the kernel schedules it: a core, or a hardware thread of one.
///
/// Cores, packages, nodes and caches are numbered from 0 in the order of their first CPU, across the whole machine.
///
/// # Examples
///
/// ```
/// use executor_common::cpu::Topology;
///
/// let machine = Topology::builder().packages(2).cores_per_package(4).threads_per_core(2).build();
/// let cpu = machine.cpu(4).unwrap();
/// assert_eq!((cpu.core, cpu.package), (4, 1));
/// assert_eq!(cpu.smt_siblings.to_string(), "12");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogicalCpu {
    /// The kernel's number.
    pub id: usize,
    /// The physical core.
    pub core: usize,
    /// The other hardware threads of the same core.
    pub smt_siblings: CpuSet,
    /// The package, which is what fits a socket.
    pub package: usize,
    /// The NUMA node.
    pub node: usize,
    /// The group of CPUs that share its last-level cache.
    pub last_level_cache: usize,
    /// The group of CPUs that share its second-level cache.
    pub level_2_cache: usize,
    /// How fast it is, where the fastest CPU of the machine has [`LogicalCpu::FULL_CAPACITY`].
    pub capacity: u32,
    /// Whether the kernel uses it.
    pub online: bool,
}

impl LogicalCpu {
    /// The capacity of the fastest CPU of a machine.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::{LogicalCpu, Topology};
    ///
    /// let machine = Topology::builder().cores_per_package(4).little_cores(4).build();
    /// assert_eq!(machine.cpu(0).unwrap().capacity, LogicalCpu::FULL_CAPACITY);
    /// assert_eq!(machine.cpu(4).unwrap().capacity, LogicalCpu::FULL_CAPACITY / 2);
    /// ```
    pub const FULL_CAPACITY: u32 = 1024;

    /// Whether it is one of a hybrid machine's slower cores. Cores of one kind differ by a few percent at most.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::{LogicalCpu, Topology};
    ///
    /// let hybrid = Topology::builder().cores_per_package(4).little_cores(8).build();
    /// assert_eq!(hybrid.cpus().iter().filter(|cpu| cpu.is_little()).count(), 8);
    /// ```
    pub fn is_little(&self) -> bool {
        self.capacity < Self::FULL_CAPACITY / 8 * 7
    }
}

/// The machine's CPUs: which of them are one core, share a cache, a package, a NUMA node, and how fast they are.
///
/// # Examples
///
/// ```
/// use executor_common::cpu::Topology;
///
/// // Two sockets of 32 cores with two hardware threads each, eight cores to a cache.
/// let server = Topology::builder()
///     .packages(2)
///     .cores_per_package(32)
///     .threads_per_core(2)
///     .cores_per_cache(8)
///     .build();
/// assert_eq!(
///     server.to_string(),
///     "128 CPUs in 64 cores, 2 packages, 2 NUMA nodes, 8 last-level caches",
/// );
/// let first = server.cpu(0).unwrap();
/// assert_eq!(first.smt_siblings.to_string(), "64");
///
/// println!("this machine: {}", Topology::of_this_machine());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Ascending by number.
    cpus: Vec<LogicalCpu>,
    notes: Vec<String>,
}

/// A CPU with the groups that it is in. Two CPUs are in one group where the keys are equal.
#[derive(Debug)]
struct Described {
    id: usize,
    core: usize,
    package: usize,
    node: usize,
    /// What it is a cache of, and a number.
    last_level_cache: (Of, usize),
    level_2_cache: (Of, usize),
    capacity: u32,
    online: bool,
}

/// Whom a cache belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    /// The CPUs that the system says share it.
    Cpus,
    /// All of a core, or of a package, because the system does not say.
    Parent,
}

impl Topology {
    /// The machine that this process runs on, as Linux describes it. What the system does not tell is assumed, and
    /// [`Topology::notes`] says so: elsewhere, each CPU is a core of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// println!("{}", Topology::of_this_machine()); // 2 CPUs in 2 cores, 1 package, ..
    /// ```
    pub fn of_this_machine() -> Self {
        let described = if cfg!(target_os = "linux") {
            Self::from_sysfs(Path::new("/sys/devices/system")).map_err(|error| error.to_string())
        } else {
            Err("not supported on this platform".to_owned())
        };
        described.unwrap_or_else(|error| {
            let cpus = SystemCpus.allowed().ok().filter(|allowed| !allowed.is_empty());
            let cpus = cpus.unwrap_or_else(|| (0..default_parallelism()).collect());
            let alone = |id| Described {
                id,
                core: id,
                package: 0,
                node: 0,
                last_level_cache: (Of::Parent, 0),
                level_2_cache: (Of::Parent, id),
                capacity: LogicalCpu::FULL_CAPACITY,
                online: true,
            };
            let note = format!(
                "the system does not describe its CPUs ({error}): each is taken for a core of its own, all for one package"
            );
            Self::new(cpus.iter().map(alone).collect(), vec![note])
        })
    }

    /// A machine that is not here, for tests. Unless told otherwise, it has one CPU.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// let laptop = Topology::builder().cores_per_package(4).threads_per_core(2).build();
    /// assert_eq!(laptop.cpus().len(), 8);
    /// ```
    pub fn builder() -> TopologyBuilder {
        TopologyBuilder::default()
    }

    /// Numbers the groups. `cpus` ascend by number.
    fn new(cpus: Vec<Described>, notes: Vec<String>) -> Self {
        let cores = numbered(cpus.iter().map(|cpu| cpu.core));
        let packages = numbered(cpus.iter().map(|cpu| cpu.package));
        let nodes = numbered(cpus.iter().map(|cpu| cpu.node));
        let last_level = numbered(cpus.iter().map(|cpu| cpu.last_level_cache));
        let level_2 = numbered(cpus.iter().map(|cpu| cpu.level_2_cache));
        let mut threads: BTreeMap<usize, CpuSet> = BTreeMap::new();
        for (cpu, core) in cpus.iter().zip(&cores) {
            threads.entry(*core).or_default().insert(cpu.id);
        }
        let largest = cpus.iter().map(|cpu| cpu.capacity).max().unwrap_or(0).max(1);
        let cpus = cpus.iter().enumerate().map(|(index, cpu)| LogicalCpu {
            id: cpu.id,
            core: cores[index],
            smt_siblings: threads[&cores[index]].iter().filter(|other| *other != cpu.id).collect(),
            package: packages[index],
            node: nodes[index],
            last_level_cache: last_level[index],
            level_2_cache: level_2[index],
            capacity: scaled(cpu.capacity, largest),
            online: cpu.online,
        });
        Self { cpus: cpus.collect(), notes }
    }

    /// The CPUs, ascending by number, those that are offline too.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// let machine = Topology::builder().cores_per_package(4).build();
    /// assert_eq!(machine.cpus().len(), 4);
    /// ```
    pub fn cpus(&self) -> &[LogicalCpu] {
        &self.cpus
    }

    /// The CPU of this number.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// let machine = Topology::builder().cores_per_package(4).build();
    /// assert_eq!(machine.cpu(3).unwrap().id, 3);
    /// assert!(machine.cpu(4).is_none());
    /// ```
    pub fn cpu(&self, id: usize) -> Option<&LogicalCpu> {
        let index = self.cpus.binary_search_by_key(&id, |cpu| cpu.id).ok()?;
        Some(&self.cpus[index])
    }

    /// The CPUs that the kernel uses.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// let machine = Topology::builder().cores_per_package(4).offline([2]).build();
    /// assert_eq!(machine.online().to_string(), "0,1,3");
    /// ```
    pub fn online(&self) -> CpuSet {
        self.cpus.iter().filter(|cpu| cpu.online).map(|cpu| cpu.id).collect()
    }

    /// What the system does not tell, and what is assumed instead; one sentence each.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// for note in Topology::of_this_machine().notes() {
    ///     println!("{note}");
    /// }
    /// ```
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// Numbers from 0 on, in the order of first appearance.
fn numbered<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<usize> {
    let mut numbers = BTreeMap::new();
    keys.map(|key| {
        let next = numbers.len();
        *numbers.entry(key).or_insert(next)
    })
    .collect()
}

fn scaled(capacity: u32, largest: u32) -> u32 {
    let full = u64::from(LogicalCpu::FULL_CAPACITY);
    let scaled = u64::from(capacity) * full / u64::from(largest);
    u32::try_from(scaled).expect("no capacity is above the largest")
}

/// The CPUs that are online, in one line.
impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let online = || self.cpus.iter().filter(|cpu| cpu.online);
        let count = |group: fn(&LogicalCpu) -> usize| online().map(group).collect::<CpuSet>().len();
        let (cpus, cores) = (online().count(), count(|cpu| cpu.core));
        write!(
            f,
            "{} in {}, {}, {}, {}",
            Count(cpus, "CPU"),
            Count(cores, "core"),
            Count(count(|cpu| cpu.package), "package"),
            Count(count(|cpu| cpu.node), "NUMA node"),
            Count(count(|cpu| cpu.last_level_cache), "last-level cache"),
        )?;
        match online().filter(|cpu| cpu.is_little()).count() {
            0 => Ok(()),
            little => write!(f, "; {} little", Count(little, "CPU")),
        }
    }
}

/// A number with its noun.
struct Count(usize, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}
