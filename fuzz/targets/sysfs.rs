//! Machines as sysfs describes them, and plans for them: whatever the files say, the CPUs are in groups, and roles get cores.

use super::plan;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use amp_executor::cpu::{CpuSet, LogicalCpu, Topology};
use amp_executor::{Machine, Role, RolePlan, RoleRequest, SuggestError};
use arbitrary::{Arbitrary, Unstructured};

/// A file below `/sys/devices/system`. CPUs, caches and nodes have small numbers, so that files meet.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum File {
    Online,
    CoreCpus(u8),
    ThreadSiblings(u8),
    Package(u8),
    Capacity(u8),
    Frequency(u8),
    CacheLevel(u8, u8),
    CacheType(u8, u8),
    CacheShared(u8, u8),
    NodeCpus(u8),
    /// A CPU of any number, with nothing known of it.
    OtherCpu(u16),
}

/// What is in a file.
#[derive(Arbitrary, Debug)]
enum Content<'a> {
    Number(i16),
    Range(u8, u8),
    Two(u8, u8),
    Unified,
    Data,
    Instruction,
    Bytes(&'a [u8]),
}

/// What a role asks for.
#[derive(Arbitrary, Debug)]
struct Request {
    cores: Option<u8>,
    share: Option<u32>,
    kind: u8,
    near: Option<u8>,
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    roles: [Option<Request>; 4],
    quota: Option<f32>,
    forbidden: Option<u8>,
    files: Vec<(File, Content<'a>)>,
}

const ROLES: [Role; 4] = [Role::new("a"), Role::new("b"), Role::new("c"), Role::new("d")];

pub(crate) fn check(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let directory = tempfile::tempdir().unwrap();
    for (file, content) in &input.files {
        write(directory.path(), *file, content);
    }
    let topology = Topology::from_sysfs(directory.path());
    drop(directory);
    let Ok(topology) = topology else { return };
    check_topology(&topology);
    check_suggestion(topology, &input);
}

fn write(root: &Path, file: File, content: &Content<'_>) {
    let path = match file {
        File::Online => "cpu/online".to_owned(),
        File::CoreCpus(cpu) => format!("cpu/cpu{}/topology/core_cpus_list", cpu % 16),
        File::ThreadSiblings(cpu) => format!("cpu/cpu{}/topology/thread_siblings_list", cpu % 16),
        File::Package(cpu) => format!("cpu/cpu{}/topology/physical_package_id", cpu % 16),
        File::Capacity(cpu) => format!("cpu/cpu{}/cpu_capacity", cpu % 16),
        File::Frequency(cpu) => format!("cpu/cpu{}/cpufreq/cpuinfo_max_freq", cpu % 16),
        File::CacheLevel(cpu, cache) => {
            format!("cpu/cpu{}/cache/index{}/level", cpu % 16, cache % 4)
        }
        File::CacheType(cpu, cache) => format!("cpu/cpu{}/cache/index{}/type", cpu % 16, cache % 4),
        File::CacheShared(cpu, cache) => {
            format!("cpu/cpu{}/cache/index{}/shared_cpu_list", cpu % 16, cache % 4)
        }
        File::NodeCpus(node) => format!("node/node{}/cpulist", node % 4),
        File::OtherCpu(cpu) => format!("cpu/cpu{cpu}/uevent"),
    };
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = |text: String| text.into_bytes();
    let bytes = match content {
        Content::Number(number) => text(format!("{number}\n")),
        Content::Range(first, length) => {
            text(format!("{first}-{}\n", usize::from(*first) + usize::from(*length)))
        }
        Content::Two(one, other) => text(format!("{one},{other}\n")),
        Content::Unified => text("Unified\n".to_owned()),
        Content::Data => text("Data\n".to_owned()),
        Content::Instruction => text("Instruction\n".to_owned()),
        Content::Bytes(bytes) => bytes.to_vec(),
    };
    fs::write(path, bytes).unwrap();
}

fn check_topology(topology: &Topology) {
    let cpus = topology.cpus();
    assert!(!cpus.is_empty() && cpus.is_sorted_by(|one, next| one.id < next.id));
    let groups: [fn(&LogicalCpu) -> usize; 5] = [
        |cpu| cpu.core,
        |cpu| cpu.package,
        |cpu| cpu.node,
        |cpu| cpu.last_level_cache,
        |cpu| cpu.level_2_cache,
    ];
    for group in groups {
        let mut known = 0;
        for cpu in cpus {
            assert!(group(cpu) <= known, "groups are numbered in the order of their first CPU");
            known = known.max(group(cpu) + 1);
        }
    }
    for cpu in cpus {
        assert_eq!(topology.cpu(cpu.id), Some(cpu));
        assert!(cpu.capacity <= LogicalCpu::FULL_CAPACITY);
        let siblings: CpuSet = cpus
            .iter()
            .filter(|other| other.core == cpu.core && other.id != cpu.id)
            .map(|other| other.id)
            .collect();
        assert_eq!(cpu.smt_siblings, siblings);
        assert_eq!(topology.online().contains(cpu.id), cpu.online);
    }
    assert!(topology.notes().iter().all(|note| !note.is_empty()));
    assert!(topology.to_string().contains("CPU"));
}

fn check_suggestion(topology: Topology, input: &Input<'_>) {
    let online = topology.online();
    let allowed: CpuSet = match input.forbidden {
        Some(one) => online.iter().filter(|cpu| *cpu != usize::from(one)).collect(),
        None => online,
    };
    let quota = input.quota.map(f64::from).filter(|quota| *quota >= 0.0);
    let machine = Machine { topology, allowed, quota };
    let requests = ROLES.into_iter().zip(&input.roles).filter_map(|(role, request)| {
        let Request { cores, share, kind, near } = request.as_ref()?;
        let mut request = RoleRequest::new(role);
        if let Some(cores) = cores {
            request = request.cores(usize::from(*cores));
        }
        if let Some(weight) = share {
            request = request.share(*weight);
        }
        if let Some(near) = near {
            request = request.near(ROLES[usize::from(*near) % ROLES.len()]);
        }
        Some(match kind % 3 {
            0 => request,
            1 => request.latency_critical(),
            _ => request.background(),
        })
    });
    let requests: Vec<_> = requests.collect();
    let suggestion = match RolePlan::suggest_on(&machine, requests.iter().cloned()) {
        Ok(suggestion) => suggestion,
        Err(SuggestError::Plan(error)) => return plan::check_error(&error),
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    plan::check_plan(suggestion.plan());
    assert_eq!(suggestion.plan().roles().len(), requests.len());
    let mut users: BTreeMap<usize, usize> = BTreeMap::new();
    for config in suggestion.plan().roles() {
        let explained = format!("{}: ", config.role());
        assert!(suggestion.reasons().iter().any(|line| line.starts_with(&explained)));
        for cpu in config.core_set().iter() {
            assert!(machine.allowed.contains(cpu));
            *users.entry(cpu).or_default() += 1;
        }
    }
    let is_shared = users.values().any(|users| *users > 1);
    assert_eq!(is_shared, suggestion.is_oversubscribed(), "{suggestion}");
    let again = RolePlan::suggest_on(&machine, requests);
    assert_eq!(again.as_ref(), Ok(&suggestion), "the same machine and requests, the same plan");
}
