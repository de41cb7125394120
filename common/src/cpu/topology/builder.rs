//! Machines that are not here.

use super::super::set::CpuSet;
use super::{Described, LogicalCpu, Of, Topology};

/// How many little cores share a second-level cache.
const LITTLE_CLUSTER: usize = 4;

/// Describes a machine, so that plans for it can be tested on another one.
///
/// CPUs are numbered as Linux does on servers: the first hardware threads of all cores, package by package, then the
/// second ones. Hybrid machines number the threads of a core next to each other
/// ([`TopologyBuilder::adjacent_threads`]).
///
/// # Examples
///
/// ```
/// use executor_common::cpu::Topology;
///
/// // Four cores with two hardware threads each, then four little ones.
/// let hybrid = Topology::builder()
///     .cores_per_package(4)
///     .threads_per_core(2)
///     .adjacent_threads()
///     .little_cores(4)
///     .build();
/// assert_eq!(
///     hybrid.to_string(),
///     "12 CPUs in 8 cores, 1 package, 1 NUMA node, 1 last-level cache; 4 CPUs little",
/// );
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct TopologyBuilder {
    packages: usize,
    cores_per_package: usize,
    threads_per_core: usize,
    cores_per_cache: Option<usize>,
    adjacent_threads: bool,
    little_cores: usize,
    little_capacity: u32,
    offline: CpuSet,
}

impl Default for TopologyBuilder {
    fn default() -> Self {
        Self {
            packages: 1,
            cores_per_package: 1,
            threads_per_core: 1,
            cores_per_cache: None,
            adjacent_threads: false,
            little_cores: 0,
            little_capacity: LogicalCpu::FULL_CAPACITY / 2,
            offline: CpuSet::new(),
        }
    }
}

impl TopologyBuilder {
    /// How many packages, each a NUMA node. At least one.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// let machine = Topology::builder().packages(2).cores_per_package(4).build();
    /// assert_eq!(machine.cpus().len(), 8);
    /// ```
    pub fn packages(mut self, packages: usize) -> Self {
        self.packages = packages.max(1);
        self
    }

    /// How many cores each package has besides its little ones.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// let machine = Topology::builder().cores_per_package(4).build();
    /// assert_eq!(machine.cpus().len(), 4);
    /// ```
    pub fn cores_per_package(mut self, cores: usize) -> Self {
        self.cores_per_package = cores;
        self
    }

    /// How many hardware threads each core has. At least one; little cores have one.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// let machine = Topology::builder().cores_per_package(4).threads_per_core(2).build();
    /// assert_eq!(machine.cpu(0).unwrap().smt_siblings.to_string(), "4");
    /// ```
    pub fn threads_per_core(mut self, threads: usize) -> Self {
        self.threads_per_core = threads.max(1);
        self
    }

    /// How many cores share a last-level cache. Otherwise, it is all of a package.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// let machine = Topology::builder().cores_per_package(8).cores_per_cache(4).build();
    /// println!("{machine}"); // 8 CPUs in 8 cores, .., 2 last-level caches
    /// ```
    pub fn cores_per_cache(mut self, cores: usize) -> Self {
        self.cores_per_cache = Some(cores.max(1));
        self
    }

    /// The hardware threads of a core have numbers next to each other.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// let machine = Topology::builder().cores_per_package(4).threads_per_core(2).adjacent_threads().build();
    /// assert_eq!(machine.cpu(0).unwrap().smt_siblings.to_string(), "1");
    /// ```
    pub fn adjacent_threads(mut self) -> Self {
        self.adjacent_threads = true;
        self
    }

    /// How many little cores each package has, numbered behind the others.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// let machine = Topology::builder().cores_per_package(4).little_cores(4).build();
    /// assert!(machine.cpu(4).unwrap().is_little());
    /// ```
    pub fn little_cores(mut self, cores: usize) -> Self {
        self.little_cores = cores;
        self
    }

    /// How fast little cores are, of [`LogicalCpu::FULL_CAPACITY`]. Half of it unless told otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// let machine = Topology::builder().cores_per_package(4).little_cores(4).little_capacity(600).build();
    /// assert!(machine.cpu(4).unwrap().is_little());
    /// ```
    pub fn little_capacity(mut self, capacity: u32) -> Self {
        self.little_capacity = capacity;
        self
    }

    /// CPUs that the kernel does not use.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// let machine = Topology::builder().cores_per_package(4).offline([2]).build();
    /// assert_eq!(machine.online().to_string(), "0,1,3");
    /// ```
    pub fn offline(mut self, cpus: impl IntoIterator<Item = usize>) -> Self {
        self.offline.extend(cpus);
        self
    }

    /// The machine.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// let machine = Topology::builder().cores_per_package(2).build();
    /// assert_eq!(machine.online().to_string(), "0,1");
    /// ```
    pub fn build(self) -> Topology {
        let mut places = Vec::new();
        let threads = self.threads_per_core;
        if self.adjacent_threads {
            for package in 0..self.packages {
                places.extend(
                    (0..self.cores_per_package * threads).map(|at| (package, at / threads)),
                );
                places.extend(self.little().map(|core| (package, core)));
            }
        } else {
            for thread in 0..threads {
                for package in 0..self.packages {
                    places.extend((0..self.cores_per_package).map(|core| (package, core)));
                    if thread == 0 {
                        places.extend(self.little().map(|core| (package, core)));
                    }
                }
            }
        }
        let cpus = places.into_iter().enumerate();
        Topology::new(
            cpus.map(|(id, (package, core))| self.cpu(id, package, core)).collect(),
            vec![],
        )
    }

    /// The places of a package's little cores among its cores.
    fn little(&self) -> std::ops::Range<usize> {
        self.cores_per_package..self.cores_per_package + self.little_cores
    }

    fn cpu(&self, id: usize, package: usize, core: usize) -> Described {
        let is_little = self.little().contains(&core);
        let cores = self.cores_per_package + self.little_cores;
        let unique = package * cores + core;
        // No cache is shared between packages.
        let cache = core / self.cores_per_cache.unwrap_or(cores);
        let level_2 = if is_little {
            let cluster = (core - self.cores_per_package) / LITTLE_CLUSTER * LITTLE_CLUSTER;
            package * cores + self.cores_per_package + cluster
        } else {
            unique
        };
        Described {
            id,
            core: unique,
            package,
            node: package,
            last_level_cache: (Of::Cpus, package * cores + cache),
            level_2_cache: (Of::Cpus, level_2),
            capacity: if is_little { self.little_capacity } else { LogicalCpu::FULL_CAPACITY },
            online: !self.offline.contains(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_one_cpu() {
        let one = Topology::builder().build();
        assert_eq!(one.to_string(), "1 CPU in 1 core, 1 package, 1 NUMA node, 1 last-level cache");
    }

    #[test]
    fn a_server_numbers_second_threads_behind_all_first_ones() {
        let server = Topology::builder()
            .packages(2)
            .cores_per_package(32)
            .threads_per_core(2)
            .cores_per_cache(8)
            .build();
        let cpu = |id| server.cpu(id).unwrap();
        assert_eq!(cpu(1).smt_siblings.to_string(), "65");
        assert_eq!(cpu(65).smt_siblings.to_string(), "1");
        assert_eq!((cpu(65).core, cpu(65).package, cpu(65).last_level_cache), (1, 0, 0));
        assert_eq!((cpu(40).core, cpu(40).package, cpu(40).last_level_cache), (40, 1, 5));
        assert_eq!((cpu(127).core, cpu(127).node, cpu(127).last_level_cache), (63, 1, 7));
        assert_eq!(server.cpu(128), None);
    }

    #[test]
    fn a_hybrid_numbers_threads_next_to_each_other() {
        let hybrid = Topology::builder()
            .cores_per_package(2)
            .threads_per_core(2)
            .adjacent_threads()
            .little_cores(8)
            .offline([3])
            .build();
        let siblings: Vec<_> =
            hybrid.cpus().iter().map(|cpu| cpu.smt_siblings.to_string()).collect();
        assert_eq!(siblings[..5], ["1", "0", "3", "2", ""]);
        let little: Vec<_> = hybrid.cpus().iter().filter(|cpu| cpu.is_little()).collect();
        assert_eq!(little.iter().map(|cpu| cpu.id).collect::<Vec<_>>(), [4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(little[3].level_2_cache, little[0].level_2_cache);
        assert_ne!(little[4].level_2_cache, little[0].level_2_cache);
        assert_eq!(hybrid.online().to_string(), "0-2,4-11");
    }
}
