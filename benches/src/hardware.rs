//! On what a figure was measured.
//!
//! What the system does not tell is named as unknown: virtual machines, containers and other systems than Linux leave much of it out.
//!
//! | file | what it reads |
//! |---|---|
//! | `smt` | which CPUs are one core |
//! | `caches` | the sizes of the data caches, and who shares them |
//! | `governor` | what decides on the clock frequency |
//! | `virtualisation` | whether this is a virtual machine, or a container |
//! | `clock` | what time is read from, and what that costs |

mod caches;
mod clock;
mod governor;
mod smt;
mod virtualisation;

use std::fmt;
use std::path::Path;
use std::time::SystemTime;

use executor_common::cpu::{
    CpuControl, CpuSet, SystemCpus, Topology, default_parallelism, physical_cores,
};
use serde::{Serialize, Serializer};

pub use caches::{Cache, Caches};
pub use clock::Clock;
pub use executor_common::cpu::cpu_quota;
pub use governor::Governors;
pub use smt::Smt;
pub use virtualisation::Virtualisation;

/// The machine and this process's share of it. Its Display is the header of every report.
///
/// # Examples
///
/// ```
/// let header = benches::Hardware::read().to_string();
/// assert!(header.contains("cores allowed"));
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Hardware {
    /// The CPU's name, as the kernel gives it.
    pub cpu_model: String,
    /// Physical cores of the machine, whatever this process may use of them.
    pub physical_cores: usize,
    /// The CPUs in this process's affinity mask.
    #[serde(serialize_with = "as_text")]
    pub allowed: CpuSet,
    /// How many CPUs' worth of time the cgroups grant, where they limit it.
    pub quota_cpus: Option<f64>,
    /// How many workers an executor gets that is not told otherwise.
    pub parallelism: usize,
    /// Which of the allowed CPUs are one core.
    pub smt: Smt,
    /// The data caches of the allowed CPUs.
    pub caches: Caches,
    /// What decides on the allowed CPUs' clock frequency.
    pub governors: Governors,
    /// Whether this is a virtual machine, or a container.
    pub virtualisation: Virtualisation,
    /// Operating system and its release.
    pub kernel: String,
    /// What time is read from, and what that costs.
    pub clock: Clock,
    /// How many threads of the machine wanted to run, averaged over 1, 5 and 15 minutes, where the system tells. Nothing spoils
    /// figures as much as somebody else's work on the same cores.
    pub load_average: Option<[f64; 3]>,
    /// When this was read.
    #[serde(serialize_with = "as_rfc3339")]
    pub date: SystemTime,
}

impl Hardware {
    /// Reads it all.
    pub fn read() -> Self {
        let root = Path::new("/");
        let parallelism = default_parallelism();
        let allowed = SystemCpus.allowed().unwrap_or_else(|_| (0..parallelism).collect());
        let cpu_info = text(root, "proc/cpuinfo").unwrap_or_default();
        Self {
            cpu_model: cpu_model(&cpu_info),
            physical_cores: physical_cores(),
            quota_cpus: cpu_quota(),
            parallelism,
            smt: Smt::of(&Topology::of_this_machine(), &allowed),
            caches: Caches::read(root, &allowed),
            governors: Governors::read(root, &allowed),
            virtualisation: Virtualisation::read(root),
            kernel: kernel(root),
            clock: Clock::read(root),
            load_average: text(root, "proc/loadavg").and_then(|text| load_average(&text)),
            date: SystemTime::now(),
            allowed,
        }
    }
}

impl fmt::Display for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "CPU            {}, {} physical cores", self.cpu_model, self.physical_cores)?;
        writeln!(f, "cores allowed  {} (CPUs {})", self.allowed.len(), self.allowed)?;
        match self.quota_cpus {
            Some(cpus) => writeln!(f, "cgroup quota   {cpus:.2} CPUs")?,
            None => writeln!(f, "cgroup quota   none")?,
        }
        writeln!(f, "SMT            {}", self.smt)?;
        writeln!(f, "caches         {}", self.caches)?;
        writeln!(f, "governor       {}", self.governors)?;
        writeln!(f, "virtualised    {}", self.virtualisation)?;
        writeln!(f, "kernel         {}", self.kernel)?;
        writeln!(f, "clock          {}", self.clock)?;
        match self.load_average {
            Some([one, five, fifteen]) => writeln!(
                f,
                "load average   {one:.2}, {five:.2}, {fifteen:.2} (of 1, 5 and 15 minutes)"
            )?,
            None => writeln!(f, "load average   unknown")?,
        }
        write!(f, "date           {}", humantime::format_rfc3339_seconds(self.date))
    }
}

fn as_text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn as_texts<S: Serializer>(values: &[impl fmt::Display], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(values.iter().map(ToString::to_string))
}

fn as_rfc3339<S: Serializer>(date: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_seconds(*date))
}

/// What a file says, trimmed; nothing where it is missing or empty. `root` takes the place of the root directory.
fn text(root: &Path, path: impl AsRef<Path>) -> Option<String> {
    let text = std::fs::read_to_string(root.join(path)).ok()?;
    // The kernel ends some of them with a zero.
    let text = text.trim().trim_end_matches('\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// Groups of CPUs for people: a large machine has more of them than anybody reads.
fn listed(groups: &[CpuSet]) -> String {
    const SHOWN: usize = 8;
    let mut texts: Vec<_> = groups.iter().take(SHOWN).map(ToString::to_string).collect();
    if groups.len() > SHOWN {
        texts.push(format!("{} more", groups.len() - SHOWN));
    }
    texts.join("; ")
}

/// The first CPU's name. On some architectures the kernel does not give one.
fn cpu_model(cpu_info: &str) -> String {
    let line = cpu_info.lines().find(|line| line.starts_with("model name"));
    match line.and_then(|line| line.split_once(':')) {
        Some((_, name)) => name.trim().to_owned(),
        None => format!("unknown {}", std::env::consts::ARCH),
    }
}

fn kernel(root: &Path) -> String {
    let release = text(root, "proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {release}", std::env::consts::OS).trim_end().to_owned()
}

/// `text` has the form of `/proc/loadavg`.
fn load_average(text: &str) -> Option<[f64; 3]> {
    let mut minutes = text.split_whitespace().map_while(|average| average.parse().ok());
    Some([minutes.next()?, minutes.next()?, minutes.next()?])
}

#[cfg(test)]
mod tests;
