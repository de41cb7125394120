//! The CPU time that the control groups grant.

use std::path::{Path, PathBuf};

/// How many CPUs' worth of time this process's control groups grant: the least along the whole hierarchy,
/// in version 2 as in version 1. `None` where there is no limit, or no control groups.
///
/// # Examples
///
/// ```
/// match executor_common::cpu::cpu_quota() {
///     Some(cpus) => println!("the time of {cpus} CPUs"),
///     None => println!("no limit"),
/// }
/// ```
pub fn cpu_quota() -> Option<f64> {
    let membership = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    cpu_quota_in(&membership, Path::new("/sys/fs/cgroup"))
}

/// As [`cpu_quota`], for any process. `membership` has the form of its `/proc/PID/cgroup`, `hierarchy:controllers:path` in
/// each line, and `mount` is where the hierarchies are.
///
/// # Examples
///
/// ```
/// use executor_common::cpu::cpu_quota_in;
///
/// let membership = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
/// let quota = cpu_quota_in(&membership, "/sys/fs/cgroup".as_ref());
/// assert!(quota.is_none_or(|cpus| cpus >= 0.0));
/// ```
pub fn cpu_quota_in(membership: &str, mount: &Path) -> Option<f64> {
    membership
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, group) = (fields.next()?, fields.next()?);
            if controllers.is_empty() {
                along(mount, group, unified_quota)
            } else if controllers.split(',').any(|name| name == "cpu") {
                along(&mount.join("cpu"), group, legacy_quota)
            } else {
                None
            }
        })
        .min_by(f64::total_cmp)
}

/// The least quota from the root of a hierarchy down to `group`. Inside a container the path may name a
/// place that only exists outside; the root is what is left to look at then.
fn along(root: &Path, group: &str, quota: impl Fn(&Path) -> Option<f64>) -> Option<f64> {
    let leaf: PathBuf = root.join(group.trim_start_matches('/'));
    leaf.ancestors()
        .take_while(|place| place.starts_with(root))
        .filter_map(quota)
        .min_by(f64::total_cmp)
}

/// Version 2: `cpu.max` holds quota and period, or `max` and period.
fn unified_quota(group: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(group.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    ratio(quota, period)
}

/// Version 1: a file each; a quota of -1 is none.
fn legacy_quota(group: &Path) -> Option<f64> {
    let quota = std::fs::read_to_string(group.join("cpu.cfs_quota_us")).ok()?;
    let period = std::fs::read_to_string(group.join("cpu.cfs_period_us")).ok()?;
    ratio(quota.trim(), period.trim())
}

fn ratio(quota: &str, period: &str) -> Option<f64> {
    let quota: u64 = quota.parse().ok()?;
    let period: u64 = period.parse().ok().filter(|period| *period > 0)?;
    Some(quota as f64 / period as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_least_quota_along_the_hierarchy_counts() {
        let mount = tempfile::tempdir().unwrap();
        let leaf = mount.path().join("service/worker");
        fs::create_dir_all(&leaf).unwrap();
        fs::write(leaf.join("cpu.max"), "max 100000\n").unwrap();
        assert_eq!(cpu_quota_in("0::/service/worker\n", mount.path()), None);
        fs::write(mount.path().join("service/cpu.max"), "150000 100000\n").unwrap();
        fs::write(mount.path().join("cpu.max"), "400000 100000\n").unwrap();
        assert_eq!(cpu_quota_in("0::/service/worker\n", mount.path()), Some(1.5));
        // A path that does not exist here.
        assert_eq!(cpu_quota_in("0::/elsewhere\n", mount.path()), Some(4.0));
    }

    #[test]
    fn version_1_is_read_too() {
        let mount = tempfile::tempdir().unwrap();
        let group = mount.path().join("cpu/job");
        fs::create_dir_all(&group).unwrap();
        fs::write(group.join("cpu.cfs_quota_us"), "50000\n").unwrap();
        fs::write(group.join("cpu.cfs_period_us"), "100000\n").unwrap();
        assert_eq!(cpu_quota_in("4:memory:/x\n3:cpu,cpuacct:/job\n", mount.path()), Some(0.5));
        fs::write(group.join("cpu.cfs_quota_us"), "-1\n").unwrap();
        assert_eq!(cpu_quota_in("3:cpu,cpuacct:/job\n", mount.path()), None);
    }
}
