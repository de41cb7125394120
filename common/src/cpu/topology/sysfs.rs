//! How Linux describes its CPUs.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::super::set::CpuSet;
use super::{Described, LogicalCpu, Of, Topology};

impl Topology {
    /// Reads a directory of the form of Linux's `/sys/devices/system`. Virtual machines, containers and old kernels leave
    /// parts out, which are assumed and noted.
    ///
    /// # Errors
    ///
    /// `cpu` in it cannot be read, or has no CPU.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::cpu::Topology;
    ///
    /// # let root = tempfile::tempdir()?;
    /// # let root = root.path();
    /// std::fs::create_dir_all(root.join("cpu/cpu0"))?;
    /// std::fs::create_dir_all(root.join("cpu/cpu1"))?;
    /// let machine = Topology::from_sysfs(root)?;
    /// assert_eq!(machine.online().to_string(), "0,1");
    /// assert!(machine.notes()[0].starts_with("physical core of CPUs 0,1 unknown"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_sysfs(root: &Path) -> io::Result<Self> {
        let directory = root.join("cpu");
        let entries = numbered_entries(&directory, "cpu")?;
        if entries.is_empty() {
            let error = format!("{} has no CPUs", directory.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, error));
        }
        let online = read_list(&directory.join("online"))
            .unwrap_or_else(|| entries.keys().copied().collect());
        let nodes = nodes(root);
        let raw: Vec<_> = entries.iter().map(|(id, path)| Raw::read(*id, path, &nodes)).collect();
        let capacities = capacities(&raw, &online);
        let notes = notes(&raw, &online, capacities.is_some());
        let cpus = raw.iter().enumerate().map(|(index, cpu)| {
            let capacity = capacities.as_ref().map_or(LogicalCpu::FULL_CAPACITY, |all| all[index]);
            cpu.described(capacity, online.contains(cpu.id))
        });
        Ok(Self::new(cpus.collect(), notes))
    }
}

/// What sysfs says about one CPU. A group has the number of its first CPU.
struct Raw {
    id: usize,
    core: Option<usize>,
    package: Option<usize>,
    node: Option<usize>,
    last_level_cache: Option<usize>,
    level_2_cache: Option<usize>,
    capacity: Option<u32>,
    max_frequency: Option<u32>,
}

impl Raw {
    fn read(id: usize, path: &Path, nodes: &BTreeMap<usize, usize>) -> Self {
        let topology = path.join("topology");
        // The second name is the one of kernels before 5.3.
        let core = first_of(&topology.join("core_cpus_list"))
            .or_else(|| first_of(&topology.join("thread_siblings_list")));
        let caches = caches(path);
        Self {
            id,
            core,
            // Where the firmware does not tell, this is -1.
            package: read(&topology.join("physical_package_id")),
            node: nodes.get(&id).copied(),
            last_level_cache: caches.range(2..).next_back().map(|(_, group)| *group),
            level_2_cache: caches.get(&2).copied(),
            capacity: read(&path.join("cpu_capacity")),
            max_frequency: read(&path.join("cpufreq/cpuinfo_max_freq")),
        }
    }

    fn described(&self, capacity: u32, online: bool) -> Described {
        let (core, package) = (self.core.unwrap_or(self.id), self.package.unwrap_or(0));
        let cache = |group: Option<usize>, parent| {
            group.map_or((Of::Parent, parent), |group| (Of::Cpus, group))
        };
        Described {
            id: self.id,
            core,
            package,
            node: self.node.unwrap_or(0),
            last_level_cache: cache(self.last_level_cache, package),
            level_2_cache: cache(self.level_2_cache, core),
            capacity,
            online,
        }
    }
}

/// Speeds on one scale for all CPUs in `online`: the kernel's own measure, or the highest clock frequencies.
fn capacities(raw: &[Raw], online: &CpuSet) -> Option<Vec<u32>> {
    let sources = [|cpu: &Raw| cpu.capacity, |cpu: &Raw| cpu.max_frequency];
    sources.into_iter().find_map(|source| {
        raw.iter()
            .map(|cpu| source(cpu).or_else(|| (!online.contains(cpu.id)).then_some(0)))
            .collect()
    })
}

/// What is missing of the CPUs in `online`; the kernel describes no others.
fn notes(raw: &[Raw], online: &CpuSet, speeds_known: bool) -> Vec<String> {
    type Missing = fn(&Raw) -> bool;
    let parts: [(Missing, &str, &str); 5] = [
        (|cpu| cpu.core.is_none(), "physical core", "each is taken for a core of its own"),
        (|cpu| cpu.package.is_none(), "package", "the first one is assumed"),
        (|cpu| cpu.node.is_none(), "NUMA node", "the first one is assumed"),
        (|cpu| cpu.last_level_cache.is_none(), "last-level cache", "one per package is assumed"),
        (|cpu| cpu.level_2_cache.is_none(), "second-level cache", "one per core is assumed"),
    ];
    let missing = parts.into_iter().filter_map(|(missing, part, assumed)| {
        let cpus = raw.iter().filter(|cpu| online.contains(cpu.id) && missing(cpu));
        let cpus: CpuSet = cpus.map(|cpu| cpu.id).collect();
        (!cpus.is_empty()).then(|| format!("{part} of CPUs {cpus} unknown: {assumed}"))
    });
    let speeds =
        (!speeds_known).then(|| "speeds of CPUs unknown: all are taken for equal".to_owned());
    missing.chain(speeds).collect()
}

/// For each level, the first of the CPUs that share the cache. Instruction caches say nothing about shared data.
fn caches(cpu: &Path) -> BTreeMap<usize, usize> {
    let entries = numbered_entries(&cpu.join("cache"), "index").unwrap_or_default();
    let caches = entries.values().filter_map(|cache| {
        if fs::read_to_string(cache.join("type")).ok()?.trim() == "Instruction" {
            return None;
        }
        Some((read(&cache.join("level"))?, first_of(&cache.join("shared_cpu_list"))?))
    });
    caches.collect()
}

/// The node of each CPU, where nodes are told.
fn nodes(root: &Path) -> BTreeMap<usize, usize> {
    let entries = numbered_entries(&root.join("node"), "node").unwrap_or_default();
    let nodes = entries.iter().filter_map(|(node, path)| {
        let cpus = read_list(&path.join("cpulist"))?;
        Some(cpus.iter().map(|cpu| (cpu, *node)).collect::<Vec<_>>())
    });
    nodes.flatten().collect()
}

/// The entries of a directory whose name is `prefix` and a number.
fn numbered_entries(directory: &Path, prefix: &str) -> io::Result<BTreeMap<usize, PathBuf>> {
    let mut numbered = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse().ok());
        if let Some(number) = number {
            numbered.insert(number, entry.path());
        }
    }
    Ok(numbered)
}

fn first_of(path: &Path) -> Option<usize> {
    read_list(path)?.iter().next()
}

fn read_list(path: &Path) -> Option<CpuSet> {
    read(path)
}

/// What the file holds, where it is there and makes sense.
fn read<T: FromStr>(path: &Path) -> Option<T> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
#[path = "sysfs_tests.rs"]
mod tests;
