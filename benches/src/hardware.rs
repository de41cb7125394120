//! On what a figure was measured.

use std::fmt;
use std::time::SystemTime;

use executor_common::cpu::{CpuControl, CpuSet, SystemCpus, default_parallelism, physical_cores};
use serde::{Serialize, Serializer};

pub use executor_common::cpu::cpu_quota;

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
    /// Operating system and its release.
    pub kernel: String,
    /// When this was read.
    #[serde(serialize_with = "as_rfc3339")]
    pub date: SystemTime,
}

impl Hardware {
    /// Reads it all. What the system does not tell is named as unknown.
    pub fn read() -> Self {
        let parallelism = default_parallelism();
        Self {
            cpu_model: cpu_model().unwrap_or_else(|| format!("unknown {}", std::env::consts::ARCH)),
            physical_cores: physical_cores(),
            allowed: SystemCpus.allowed().unwrap_or_else(|_| (0..parallelism).collect()),
            quota_cpus: cpu_quota(),
            parallelism,
            kernel: kernel(),
            date: SystemTime::now(),
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
        writeln!(f, "kernel         {}", self.kernel)?;
        write!(f, "date           {}", humantime::format_rfc3339_seconds(self.date))
    }
}

fn as_text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn as_rfc3339<S: Serializer>(date: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_seconds(*date))
}

/// The first CPU's name. On some architectures the kernel does not give one.
fn cpu_model() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kernel() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim()).trim_end().to_owned()
}
