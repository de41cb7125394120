use super::*;
use proptest::prelude::*;
use tempfile::TempDir;

/// A directory of the form of `/sys/devices/system`.
struct Sysfs(TempDir);

impl Sysfs {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, path: &str, content: impl ToString) -> &Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content.to_string() + "\n").unwrap();
        self
    }

    /// Names of files, and their contents, of one CPU.
    fn cpu(&self, id: usize, files: &[(&str, &str)]) -> &Self {
        fs::create_dir_all(self.0.path().join(format!("cpu/cpu{id}"))).unwrap();
        for (name, content) in files {
            self.write(&format!("cpu/cpu{id}/{name}"), content);
        }
        self
    }

    fn read(&self) -> Topology {
        Topology::from_sysfs(self.0.path()).unwrap()
    }
}

/// As the kernel would describe `topology`.
fn described(topology: &Topology) -> Sysfs {
    let sysfs = Sysfs::new();
    sysfs.write("cpu/online", topology.online()).write("cpu/kernel_max", 8191);
    let group = |same: &dyn Fn(&LogicalCpu) -> bool| -> CpuSet {
        let cpus = topology.cpus().iter().filter(|cpu| cpu.online && same(cpu));
        cpus.map(|cpu| cpu.id).collect()
    };
    for cpu in topology.cpus() {
        let file = |name: &str| format!("cpu/cpu{}/{name}", cpu.id);
        sysfs.write(&file("uevent"), "").write(&file("cpu_capacity"), cpu.capacity);
        if !cpu.online {
            continue;
        }
        let core = group(&|other| other.core == cpu.core);
        sysfs
            .write(&file("topology/core_cpus_list"), &core)
            .write(&file("topology/physical_package_id"), cpu.package * 3);
        let level_2 = group(&|other| other.level_2_cache == cpu.level_2_cache);
        let level_3 = group(&|other| other.last_level_cache == cpu.last_level_cache);
        let caches = [("1", "Data", &core), ("1", "Instruction", &core)];
        let caches =
            caches.into_iter().chain([("2", "Unified", &level_2), ("3", "Unified", &level_3)]);
        for (index, (level, kind, shared)) in caches.enumerate() {
            sysfs
                .write(&file(&format!("cache/index{index}/level")), level)
                .write(&file(&format!("cache/index{index}/type")), kind)
                .write(&file(&format!("cache/index{index}/shared_cpu_list")), shared);
        }
        let node = format!("node/node{}/cpulist", cpu.node);
        sysfs.write(&node, group(&|other| other.node == cpu.node));
    }
    sysfs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    #[test]
    fn what_the_kernel_describes_is_what_is_read(
        packages in 1_usize..3,
        cores in 1_usize..5,
        threads in 1_usize..3,
        per_cache in 1_usize..5,
        little in 0_usize..5,
        adjacent in any::<bool>(),
    ) {
        let mut builder = Topology::builder()
            .packages(packages)
            .cores_per_package(cores)
            .threads_per_core(threads)
            .cores_per_cache(per_cache)
            .little_cores(little);
        if adjacent {
            builder = builder.adjacent_threads();
        }
        let topology = builder.build();
        prop_assert_eq!(described(&topology).read(), topology);
    }
}

#[test]
fn cpus_that_are_offline_are_kept_apart() {
    let topology = Topology::builder().cores_per_package(4).offline([2]).build();
    let read = described(&topology).read();
    assert_eq!(read.online().to_string(), "0,1,3");
    assert!(!read.cpu(2).unwrap().online);
    assert_eq!(read.notes(), [] as [String; 0], "the kernel describes no CPU that is offline");
}

/// As on a phone: little cores first, a capacity each, no package and no caches.
#[test]
fn little_cores_by_capacity() {
    let sysfs = Sysfs::new();
    sysfs.write("cpu/online", "0-7").write("node/node0/cpulist", "0-7");
    for id in 0..8 {
        let id_text = id.to_string();
        let files = [
            ("cpu_capacity", if id < 4 { "380" } else { "1024" }),
            ("cpufreq/cpuinfo_max_freq", "2000000"),
            ("topology/core_cpus_list", &id_text),
            ("topology/physical_package_id", "-1"),
        ];
        sysfs.cpu(id, &files);
    }
    let phone = sysfs.read();
    let little = phone.cpus().iter().filter(|cpu| cpu.is_little());
    assert_eq!(little.map(|cpu| cpu.id).collect::<CpuSet>().to_string(), "0-3");
    assert_eq!(phone.cpu(0).unwrap().capacity, 380);
    assert!(phone.cpus().iter().all(|cpu| (cpu.package, cpu.last_level_cache) == (0, 0)));
    let text = phone.notes().join("\n");
    assert!(text.contains("package of CPUs 0-7 unknown"), "{text}");
    assert!(text.contains("last-level cache of CPUs 0-7 unknown"), "{text}");
    assert!(!text.contains("speeds"), "{text}");
}

/// Before kernels told capacities of x86 CPUs: frequencies alone, and the older name of the siblings' list.
#[test]
fn little_cores_by_frequency() {
    let sysfs = Sysfs::new();
    let core = |id, siblings, frequency| {
        let files =
            [("topology/thread_siblings_list", siblings), ("cpufreq/cpuinfo_max_freq", frequency)];
        sysfs.cpu(id, &files);
    };
    core(0, "0-1", "5000000");
    core(1, "0-1", "5000000");
    // A favoured core is a little faster than its peers, which does not make them little.
    core(2, "2-3", "5200000");
    core(3, "2-3", "5200000");
    core(4, "4", "3900000");
    core(5, "5", "3900000");
    let hybrid = sysfs.read();
    let little = hybrid.cpus().iter().filter(|cpu| cpu.is_little());
    assert_eq!(little.map(|cpu| cpu.id).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(hybrid.cpu(2).unwrap().capacity, LogicalCpu::FULL_CAPACITY);
    assert_eq!(hybrid.cpu(1).unwrap().smt_siblings.to_string(), "0");
}

#[test]
fn a_machine_that_tells_nothing() {
    let sysfs = Sysfs::new();
    sysfs
        .cpu(0, &[])
        .cpu(1, &[("cpu_capacity", "1024")])
        .cpu(10, &[("topology/core_cpus_list", "?")]);
    sysfs.write("cpu/cpufreq/policy0/x", "").write("cpu/cpuidle/x", "");
    let vm = sysfs.read();
    assert_eq!(vm.to_string(), "3 CPUs in 3 cores, 1 package, 1 NUMA node, 1 last-level cache");
    assert!(vm.cpus().iter().all(|cpu| cpu.capacity == LogicalCpu::FULL_CAPACITY && cpu.online));
    assert_eq!(vm.notes().len(), 6, "{:?}", vm.notes());
    assert!(vm.notes()[0].starts_with("physical core of CPUs 0,1,10 unknown"));
}

#[test]
fn a_directory_without_cpus_is_an_error() {
    let sysfs = Sysfs::new();
    assert!(Topology::from_sysfs(sysfs.0.path()).is_err());
    sysfs.write("cpu/online", "0");
    let error = Topology::from_sysfs(sysfs.0.path()).unwrap_err();
    assert!(error.to_string().contains("has no CPUs"), "{error}");
}

#[test]
fn this_machine_has_the_cpus_that_this_process_may_use() {
    use crate::cpu::{CpuControl, SystemCpus};
    let topology = Topology::of_this_machine();
    let allowed = SystemCpus.allowed().unwrap();
    assert!(allowed.iter().all(|cpu| topology.online().contains(cpu)), "{topology:?}");
}
