//! Machines that are not here.

use std::path::Path;

use tempfile::TempDir;

use super::*;

/// A root directory with these files.
fn machine(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{content}\n")).unwrap();
    }
    root
}

fn cpus(list: &str) -> CpuSet {
    list.parse().unwrap()
}

#[test]
fn siblings_are_those_of_the_allowed_cpus() {
    let server = Topology::builder().packages(2).cores_per_package(16).threads_per_core(2).build();
    let smt = |allowed: &str| Smt::of(&server, &cpus(allowed)).to_string();
    assert_eq!(
        smt("3,5,7"),
        "2 hardware threads per core; no two of the allowed CPUs are one core"
    );
    assert_eq!(smt("0,1,2,33,34"), "2 hardware threads per core; of one core: 1,33; 2,34");
    let all = smt("0-63");
    assert!(all.ends_with("of one core: 0,32; 1,33; 2,34; 3,35; 4,36; 5,37; 6,38; 7,39; 24 more"));
    let small = Topology::builder().cores_per_package(2).build();
    assert_eq!(Smt::of(&small, &cpus("0-1")).to_string(), "none: 1 hardware thread per core");
}

#[test]
fn a_system_that_does_not_name_cores_is_not_taken_at_its_assumptions() {
    let root = machine(&[("cpu/online", "0-1"), ("cpu/cpu0/uevent", ""), ("cpu/cpu1/uevent", "")]);
    let topology = Topology::from_sysfs(root.path()).unwrap();
    let smt = Smt::of(&topology, &cpus("0-1"));
    assert!(smt.unknown);
    assert!(smt.to_string().starts_with("unknown"), "{smt}");
}

#[test]
fn caches_are_named_with_those_who_share_them() {
    let mut files = Vec::new();
    for (cpu, core, cluster) in [(0, "0-1", "0-3"), (1, "0-1", "0-3"), (2, "2-3", "0-3")] {
        let kinds = [
            ("Data", 1, "48K", core),
            ("Instruction", 1, "32K", core),
            ("Unified", 2, "1280K", core),
            ("Unified", 3, "24576K", cluster),
        ];
        for (index, (kind, level, size, shared)) in kinds.into_iter().enumerate() {
            let path = format!("sys/devices/system/cpu/cpu{cpu}/cache/index{index}");
            files.push((format!("{path}/type"), kind.to_owned()));
            files.push((format!("{path}/level"), level.to_string()));
            files.push((format!("{path}/size"), size.to_owned()));
            files.push((format!("{path}/shared_cpu_list"), shared.to_owned()));
        }
    }
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let root = machine(&files);
    let caches = Caches::read(root.path(), &cpus("1,2"));
    assert_eq!(
        caches.to_string(),
        "L1d 48.00 KiB and L2 1.25 MiB shared by CPUs 0,1; 2,3, L3 24.00 MiB shared by CPUs 0-3"
    );
    let json = serde_json::to_value(&caches).unwrap();
    assert_eq!(json[2]["shared_by"], serde_json::json!(["0-3"]));

    // One CPU, which has its own; and one that is not described.
    let caches = Caches::read(root.path(), &cpus("9"));
    assert_eq!(caches.to_string(), "unknown");
}

#[test]
fn a_cache_of_one_cpu_is_its_own() {
    let own = |cpu| Cache { name: "L2".to_owned(), bytes: 1 << 20, shared_by: vec![cpus(cpu)] };
    assert_eq!(Caches(vec![own("7")]).to_string(), "L2 1.00 MiB for each CPU");
    assert_eq!(Caches(vec![own("6-7")]).to_string(), "L2 1.00 MiB shared by CPUs 6,7");
}

#[test]
fn governors_are_named_with_their_cpus() {
    let path = |cpu: usize| format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor");
    let (first, second, third) = (path(0), path(1), path(2));
    let root = machine(&[(&first, "performance"), (&second, "powersave"), (&third, "performance")]);
    let governors = Governors::read(root.path(), &cpus("0-2"));
    assert_eq!(governors.to_string(), "performance (CPUs 0,2); powersave (CPUs 1)");
    assert_eq!(Governors::read(root.path(), &cpus("5")).to_string(), "none visible");
}

#[test]
fn virtual_machines_are_told_from_real_ones() {
    let read = |files: &[(&str, &str)]| Virtualisation::read(machine(files).path()).to_string();
    let plain = ("proc/cpuinfo", "processor : 0\nflags\t\t: fpu vme");
    let vendor = "sys/class/dmi/id/sys_vendor";
    let product = "sys/class/dmi/id/product_name";
    assert_eq!(
        read(&[
            ("proc/cpuinfo", "processor : 0\nflags\t\t: fpu hypervisor vme"),
            (".dockerenv", "")
        ]),
        "virtual machine (vendor unknown), in a container (docker)"
    );
    assert_eq!(
        read(&[plain, (vendor, "Dell Inc."), (product, "PowerEdge R740")]),
        "bare metal, as far as the system says (Dell Inc. PowerEdge R740), no container seen"
    );
    // The same vendor, once with a machine of its own and once with a part of one.
    assert!(read(&[plain, (vendor, "Amazon EC2"), (product, "c7g.metal")]).starts_with("bare"));
    let arm = ("proc/cpuinfo", "processor : 0\nFeatures : fp asimd");
    let google = read(&[arm, (vendor, "Google"), (product, "Google Compute Engine")]);
    assert!(google.starts_with("virtual machine (Google Google Compute Engine)"), "{google}");
    let node = "sys/firmware/devicetree/base/hypervisor/compatible";
    assert!(read(&[arm, (node, "linux,kvm\0")]).starts_with("virtual machine"));
    assert_eq!(read(&[]), "unknown (vendor unknown), no container seen");
}

#[test]
fn containers_are_known_by_what_their_managers_leave() {
    let read = |files: &[(&str, &str)]| Virtualisation::read(machine(files).path()).container;
    let group = "0::/kubepods.slice/kubepods-pod3.slice/cri-containerd-7f.scope";
    assert_eq!(read(&[("proc/self/cgroup", group)]).as_deref(), Some("kubernetes"));
    assert_eq!(read(&[("proc/self/cgroup", "0::/user.slice")]), None);
    assert_eq!(read(&[("run/.containerenv", "")]).as_deref(), Some("podman"));
    let told = [("run/systemd/container", "systemd-nspawn"), (".dockerenv", "")];
    assert_eq!(read(&told).as_deref(), Some("systemd-nspawn"));
}

#[test]
fn the_load_is_the_first_three_numbers() {
    assert_eq!(load_average("0.48 0.50 1.41 3/102 25391"), Some([0.48, 0.5, 1.41]));
    assert_eq!(load_average("0.48"), None);
}

#[test]
fn the_model_is_the_first_cpus() {
    let two = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: A CPU\nmodel name\t: Another\n";
    assert_eq!(cpu_model(two), "A CPU");
    assert!(cpu_model("processor : 0").starts_with("unknown"));
    assert_eq!(text(Path::new("/nowhere"), "file"), None);
}

#[test]
fn the_header_has_a_line_for_everything() {
    let header = Hardware::read().to_string();
    let labels = [
        "CPU ",
        "cores allowed ",
        "cgroup quota ",
        "SMT ",
        "caches ",
        "governor ",
        "virtualised ",
        "kernel ",
        "clock ",
        "load average ",
        "date ",
    ];
    let lines: Vec<_> = header.lines().collect();
    assert_eq!(lines.len(), labels.len(), "{header}");
    for (line, label) in lines.iter().zip(labels) {
        assert!(line.starts_with(label) && line.len() > 15, "{header}");
    }
}
