//! Suggested plans, on machines that are not here.

use std::collections::BTreeMap;

use amp_executor::cpu::{CpuSet, LogicalCpu, Topology, TopologyBuilder};
use amp_executor::{
    AmpExecutor, IdlePolicy, Machine, PlanError, Role, RolePlan, RoleRequest, SuggestError,
    Suggestion,
};
use proptest::prelude::*;

const RT: Role = Role::new("rt");
const IO: Role = Role::new("io");
const DB: Role = Role::new("db");
const LOG: Role = Role::new("log");

fn role(role: Role) -> RoleRequest {
    RoleRequest::new(role)
}

fn machine(builder: TopologyBuilder) -> Machine {
    Machine::whole(builder.build())
}

/// Two sockets of 32 cores with two threads each, eight cores to a cache.
fn server() -> Machine {
    machine(
        Topology::builder()
            .packages(2)
            .cores_per_package(32)
            .threads_per_core(2)
            .cores_per_cache(8),
    )
}

fn suggest<const N: usize>(machine: &Machine, roles: [RoleRequest; N]) -> Suggestion {
    RolePlan::suggest_on(machine, roles).unwrap()
}

fn list<const N: usize>(machine: &Machine, roles: [RoleRequest; N]) -> String {
    let suggestion = suggest(machine, roles);
    assert!(!suggestion.is_oversubscribed(), "{suggestion}");
    suggestion.plan().to_string()
}

fn says(suggestion: &Suggestion, reason: &str) {
    let found = suggestion.reasons().iter().any(|line| line.contains(reason));
    assert!(found, "{reason:?} is not in\n{suggestion}");
}

#[test]
fn a_latency_critical_role_has_its_core_alone() {
    let suggestion = suggest(&server(), [role(RT).latency_critical(), role(DB)]);
    let text = suggestion.plan().to_string();
    assert_eq!(text, "rt=1 idle=spin;db=0,2-64,66-127");
    says(&suggestion, "rt: SMT sibling 65 is kept free for it");
    says(&suggestion, "rt: CPU 1; away from CPU 0");
    says(&suggestion, "rt: idle workers spin");
    says(&suggestion, "CPU 65 unused");
    let several = list(&server(), [role(RT).latency_critical().cores(3)]);
    assert_eq!(several, "rt=1-3 idle=spin");
}

#[test]
fn near_roles_have_one_cache_and_others_are_not_in_the_way() {
    let roles =
        || [role(IO).cores(5), role(RT).latency_critical().cores(2), role(DB).cores(6).near(RT)];
    let suggestion = suggest(&server(), roles());
    // The first cache has eight cores.
    assert_eq!(suggestion.plan().to_string(), "io=8-12;rt=1,2 idle=spin;db=0,3-7");
    says(&suggestion, "db: in the last-level cache of rt");
    let pairs = machine(Topology::builder().cores_per_package(4).cores_per_cache(2));
    let apart = suggest(&pairs, [role(RT).cores(2), role(DB).cores(1).near(RT)]);
    says(&apart, "db: NOT in the last-level cache of rt");
    let partly = suggest(&pairs, [role(RT).cores(1), role(DB).cores(2).near(RT)]);
    says(&partly, "db: partly in the last-level cache of rt");
}

#[test]
fn shares_are_whole_cores_within_caches() {
    assert_eq!(
        list(&server(), [role(IO).share(1), role(DB).share(3)]),
        "io=0-15,64-79;db=16-63,80-127",
    );
    // Few workers are spread over cores instead.
    assert_eq!(list(&server(), [role(IO).cores(8), role(DB).cores(9)]), "io=0-7;db=8-16");
}

#[test]
fn big_and_little_cores() {
    let phone = machine(Topology::builder().cores_per_package(4).little_cores(4));
    let roles = [
        role(LOG).background().cores(2),
        role(RT).latency_critical().cores(2),
        role(IO).cores(2),
        role(DB),
    ];
    assert_eq!(list(&phone, roles), "log=4,5 idle=park;rt=1,2 idle=spin;io=0,3;db=6,7");
    // More latency-critical workers than big cores, and more background than little ones.
    let roles = [role(RT).latency_critical().cores(5)];
    assert_eq!(list(&phone, roles), "rt=0-4 idle=spin");
    assert_eq!(list(&phone, [role(LOG).background().cores(5)]), "log=0,4-7 idle=park");
}

#[test]
fn a_hybrid_with_smt_on_its_big_cores_alone() {
    let hybrid = machine(
        Topology::builder()
            .cores_per_package(4)
            .threads_per_core(2)
            .adjacent_threads()
            .little_cores(4),
    );
    let roles = [role(RT).latency_critical(), role(LOG).background().cores(1), role(IO), role(DB)];
    let suggestion = suggest(&hybrid, roles);
    assert_eq!(
        suggestion.plan().to_string(),
        "rt=2 idle=spin;log=8 idle=park;io=0,1,4-6;db=7,9-11"
    );
    says(&suggestion, "4 CPUs little");
    says(&suggestion, "rt: CPU 2, big");
    says(&suggestion, "db: CPUs 7,9-11, each on a physical core of its own, 3 of them little");
}

#[test]
fn background_takes_the_siblings_that_are_left() {
    let desktop = machine(Topology::builder().cores_per_package(4).threads_per_core(2));
    let roles = [role(LOG).background().cores(2), role(RT).latency_critical(), role(IO).cores(2)];
    let suggestion = suggest(&desktop, roles);
    assert_eq!(suggestion.plan().to_string(), "log=4,6 idle=park;rt=1 idle=spin;io=0,2");
    says(&suggestion, "CPUs 3,7 unused: no role asks for more");
}

#[test]
fn a_virtual_machine_with_two_cpus() {
    let vm = machine(Topology::builder().cores_per_package(2));
    assert_eq!(
        list(&vm, [role(RT).latency_critical(), role(IO)]),
        "rt=1 idle=spin;io=0",
        "CPU 0 is left for the program's other threads",
    );
    let both = suggest(&vm, [role(RT).latency_critical(), role(IO).latency_critical()]);
    assert_eq!(both.plan().to_string(), "rt=1 idle=spin;io=0");
    says(&both, "io: idle workers back off and do not spin: no CPU would be left");
    says(&both, "io: CPU 0; the core of CPU 0");
    let three = suggest(&vm, [role(RT).latency_critical(), role(IO), role(DB)]);
    assert!(three.is_oversubscribed());
    assert_eq!(
        three.plan().to_string(),
        "rt=1 idle=spin;io=0 shared idle=park;db=0 shared idle=park"
    );
    says(&three, "OVERSUBSCRIBED: the roles ask for 3 workers on 2 CPUs");
    says(&three, "io: shares CPU 0 with db");
}

#[test]
fn one_cpu() {
    let one = machine(Topology::builder());
    assert_eq!(list(&one, [role(RT).latency_critical()]), "rt=0");
    let two = suggest(&one, [role(RT).latency_critical(), role(IO)]);
    assert_eq!(two.plan().to_string(), "rt=0 shared idle=park;io=0 shared idle=park");
    assert!(two.to_string().contains("OVERSUBSCRIBED"));
}

#[test]
fn an_affinity_mask() {
    let allowed: CpuSet = "3,5,7".parse().unwrap();
    let eight = Topology::builder().cores_per_package(8).build();
    let masked = Machine { allowed: allowed.clone(), ..Machine::whole(eight) };
    assert_eq!(list(&masked, [role(RT).latency_critical(), role(IO)]), "rt=3 idle=spin;io=5,7");
    // CPUs 3 and 7 are one core, and the sibling of 5 belongs to somebody else.
    let four = Topology::builder().cores_per_package(4).threads_per_core(2).build();
    let masked = Machine { allowed, ..Machine::whole(four.clone()) };
    assert_eq!(list(&masked, [role(RT).latency_critical(), role(IO)]), "rt=3 idle=spin;io=5");
    let foreign = Machine { allowed: "5,6".parse().unwrap(), ..Machine::whole(four) };
    let suggestion = suggest(&foreign, [role(RT).latency_critical(), role(IO)]);
    assert_eq!(suggestion.plan().to_string(), "rt=5;io=6");
    says(&suggestion, "rt: idle workers back off and do not spin: CPU 1 of the same core");
}

#[test]
fn siblings_are_given_up_before_cpus_are_shared() {
    let laptop = machine(Topology::builder().cores_per_package(2).threads_per_core(2));
    let roles = [role(RT).latency_critical(), role(IO), role(DB), role(LOG)];
    let suggestion = suggest(&laptop, roles);
    assert!(!suggestion.is_oversubscribed());
    assert_eq!(suggestion.plan().to_string(), "rt=1;io=0;db=2;log=3");
    says(&suggestion, "rt: SMT sibling 3 could not be kept free");
    says(
        &suggestion,
        "rt: idle workers back off and do not spin: CPU 3 of the same core is role log's",
    );
}

#[test]
fn a_quota_limits_cpus_and_spinning() {
    let topology = Topology::builder().cores_per_package(16).build();
    let container = Machine { quota: Some(1.5), ..Machine::whole(topology) };
    let suggestion = suggest(&container, [role(RT).latency_critical(), role(IO)]);
    assert_eq!(suggestion.plan().to_string(), "rt=1;io=0");
    says(&suggestion, "cgroup quota: 1.5 CPUs' worth of time, so that 2 of them are used at most");
    says(
        &suggestion,
        "rt: idle workers back off and do not spin: it would use the cgroup quota up",
    );
    let roles = [role(RT).latency_critical(), role(IO), role(DB)];
    let three = suggest(&container, roles);
    assert_eq!(three.plan().to_string(), "rt=1;io=0 shared idle=park;db=0 shared idle=park");
    assert!(three.is_oversubscribed());
    let ample = Machine { quota: Some(16.0), ..container };
    assert_eq!(list(&ample, [role(RT).latency_critical()]), "rt=1 idle=spin");
}

#[test]
fn what_cannot_be_fulfilled_is_refused() {
    let error = |machine: &Machine, requests: Vec<RoleRequest>| {
        RolePlan::suggest_on(machine, requests).unwrap_err()
    };
    let two = machine(Topology::builder().cores_per_package(2));
    let many = error(&two, vec![role(IO), role(DB).cores(3)]);
    assert_eq!(many.to_string(), "role \"db\" asks for 3 cores, and this process may use 2");
    let quota = Machine { quota: Some(0.5), ..two.clone() };
    let many = error(&quota, vec![role(DB).cores(2)]);
    assert_eq!(
        many.to_string(),
        "role \"db\" asks for 2 cores, and this process may use 2 with a cgroup quota of 0.5 CPUs"
    );
    assert_eq!(error(&two, vec![]), SuggestError::Plan(PlanError::NoRoles));
    assert_eq!(error(&two, vec![role(IO).cores(0)]), SuggestError::ZeroCores { role: IO });
    assert_eq!(error(&two, vec![role(IO).share(0)]), SuggestError::ZeroShare { role: IO });
    let near = |near| SuggestError::NearUnknown { role: IO, near };
    assert_eq!(error(&two, vec![role(IO).near(DB)]), near(DB));
    assert_eq!(error(&two, vec![role(IO).near(IO)]), near(IO));
    let twice = error(&two, vec![role(IO), role(IO)]);
    assert_eq!(twice, SuggestError::Plan(PlanError::DuplicateRole { role: IO }));
    let elsewhere = Machine { allowed: [7].into_iter().collect(), ..two };
    assert!(matches!(error(&elsewhere, vec![role(IO)]), SuggestError::NoCpus { .. }));
}

#[test]
fn the_explanation_ends_with_the_plan_in_both_forms() {
    let suggestion = suggest(&server(), [role(IO).cores(1)]);
    let text = suggestion.to_string();
    assert!(text.starts_with("machine: 128 CPUs in 64 cores"), "{text}");
    let end = "\nas a role list: io=0\n\nas TOML:\n\n[[role]]\nname = \"io\"\ncores = \"0\"\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn this_machine_can_run_what_is_suggested_for_it() {
    let suggestion = RolePlan::suggest([role(IO), role(DB)]).unwrap();
    let amp = AmpExecutor::builder().plan(suggestion.into_plan()).build().unwrap();
    let sum: i32 = [IO, DB]
        .into_iter()
        .map(|role| amp.role(role).unwrap().spawn(|| 21).unwrap().join().unwrap())
        .sum();
    assert_eq!(sum, 42);
}

/// A request, and how many workers it asks for at least.
type Asked = (RoleRequest, usize, Kind);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Normal,
    Critical,
    Background,
}

prop_compose! {
    fn any_request(index: usize, roles: usize)(
        exact in proptest::option::of(1_usize..8),
        weight in 1_u32..5,
        kind in prop_oneof![Just(Kind::Normal), Just(Kind::Critical), Just(Kind::Background)],
        near in proptest::option::of(0..roles),
    ) -> Asked {
        let name = |index: usize| Role::intern(&format!("r{index}"));
        let request = RoleRequest::new(name(index));
        let request = match exact {
            Some(cores) => request.cores(cores),
            None => request.share(weight),
        };
        let request = match kind {
            Kind::Normal => request,
            Kind::Critical => request.latency_critical(),
            Kind::Background => request.background(),
        };
        let request = match near {
            Some(near) if near != index => request.near(name(near)),
            _ => request,
        };
        (request, exact.unwrap_or(1), kind)
    }
}

prop_compose! {
    fn any_machine()(
        packages in 1_usize..3,
        cores in 1_usize..9,
        threads in 1_usize..3,
        per_cache in 1_usize..9,
        little in 0_usize..5,
        adjacent in any::<bool>(),
        quota in proptest::option::of(0.1_f64..40.0),
        mask in proptest::collection::vec(proptest::bool::weighted(0.8), 48),
        offline in proptest::option::of(0_usize..8),
    ) -> Machine {
        let builder = Topology::builder()
            .packages(packages)
            .cores_per_package(cores)
            .threads_per_core(threads)
            .cores_per_cache(per_cache)
            .little_cores(little)
            .offline(offline);
        let builder = if adjacent { builder.adjacent_threads() } else { builder };
        let allowed = (0..48).filter(|cpu| mask[*cpu]).collect();
        Machine { topology: builder.build(), allowed, quota }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_suggestion_keeps_its_promises(
        machine in any_machine(),
        asked in (1_usize..7).prop_flat_map(|roles| {
            (0..roles).map(|index| any_request(index, roles)).collect::<Vec<_>>()
        }),
    ) {
        let requests = || asked.iter().map(|(request, ..)| request.clone());
        let is_usable = |cpu: &&LogicalCpu| cpu.online && machine.allowed.contains(cpu.id);
        let usable: Vec<_> = machine.topology.cpus().iter().filter(is_usable).collect();
        let limited = machine.quota.filter(|quota| *quota < usable.len() as f64);
        let budget = limited.map_or(usable.len(), |quota| quota.ceil() as usize);
        let suggestion = match RolePlan::suggest_on(&machine, requests()) {
            Ok(suggestion) => suggestion,
            Err(SuggestError::NoCpus { .. }) => {
                prop_assert!(usable.is_empty());
                return Ok(());
            }
            Err(SuggestError::TooManyCores { cores, .. }) => {
                prop_assert!(cores > budget);
                return Ok(());
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        prop_assert_eq!(RolePlan::suggest_on(&machine, requests()).unwrap(), suggestion.clone());

        // Only CPUs that may be used, and no more than the quota is worth.
        let mut users: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (role, config) in suggestion.plan().roles().enumerate() {
            for cpu in config.core_set().iter() {
                users.entry(cpu).or_default().push(role);
            }
        }
        prop_assert!(users.keys().all(|used| usable.iter().any(|cpu| cpu.id == *used)));
        prop_assert!(users.len() <= budget);

        // As many as asked for; shared where that is said, and nowhere else.
        let minimum: usize = asked.iter().map(|(_, least, _)| *least).sum();
        prop_assert_eq!(suggestion.is_oversubscribed(), minimum > budget);
        prop_assert_eq!(suggestion.to_string().contains("OVERSUBSCRIBED"), minimum > budget);
        let is_shared = |cpu: usize| users[&cpu].len() > 1;
        prop_assert_eq!(users.keys().any(|cpu| is_shared(*cpu)), minimum > budget);
        for (config, (request, least, _)) in suggestion.plan().roles().zip(&asked) {
            let exact = *request == request.clone().cores(*least);
            let got = config.core_set().len();
            prop_assert!(got == *least || (!exact && got > *least));
            prop_assert_eq!(config.is_shared(), config.core_set().iter().any(is_shared));
        }

        // The siblings of latency-critical workers are used by nobody else, while there is another CPU.
        let of = |cpu: usize| users.get(&cpu).map_or(&[][..], Vec::as_slice);
        let is_critical = |role: &usize| asked[*role].2 == Kind::Critical;
        let touched = |cpu: &LogicalCpu| {
            of(cpu.id).iter().any(is_critical)
                || cpu.smt_siblings.iter().any(|sibling| of(sibling).iter().any(is_critical))
        };
        let intruded = usable.iter().any(|cpu| {
            let here = of(cpu.id);
            here.iter().any(is_critical)
                && cpu.smt_siblings.iter().any(|it| of(it).iter().any(|role| !here.contains(role)))
        });
        let left = usable.iter().any(|cpu| of(cpu.id).is_empty() && !touched(cpu));
        prop_assert!(!(intruded && left), "{}", suggestion);

        // Somebody who takes what is left leaves nothing.
        let takes_all = asked.iter().any(|(request, least, kind)| {
            *kind != Kind::Critical && *request != request.clone().cores(*least)
        });
        prop_assert!(!takes_all || !left || users.len() == budget, "{}", suggestion);

        // Spinning takes nothing from anybody.
        let mut awake = 0;
        for (index, config) in suggestion.plan().roles().enumerate() {
            if config.idle_policy() != IdlePolicy::Spin {
                continue;
            }
            prop_assert!(is_critical(&index) && limited.is_none());
            for cpu in config.core_set().iter().map(|cpu| machine.topology.cpu(cpu).unwrap()) {
                awake += 1;
                prop_assert_eq!(of(cpu.id), &[index]);
                for sibling in cpu.smt_siblings.iter() {
                    let online = machine.topology.cpu(sibling).unwrap().online;
                    prop_assert!(of(sibling).is_empty(), "{}", suggestion);
                    prop_assert!(!online || machine.allowed.contains(sibling), "{}", suggestion);
                }
            }
        }
        prop_assert!(awake < usable.len());
    }
}
