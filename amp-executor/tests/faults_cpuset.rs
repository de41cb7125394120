//! Cores that are taken away from a running executor: what happens is told, what was accepted is done.
#![cfg(target_os = "linux")]

mod faults_support;
mod support;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use amp_executor::cpu::{CpuControl, CpuSet, SystemCpus};
use amp_executor::{
    AmpBuilder, AmpExecutor, Event, IdlePolicy, PinOutcome, PinPolicy, RoleConfig, RoleHandle,
};
use faults_support::{Drops, child, child_succeeds};
use rustix::thread::{CpuSet as KernelSet, Pid, gettid, sched_setaffinity};
use support::{A, B, assert_accounted, until, usable, watchdog};

/// What was reported.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<Vec<Event>>>);

impl Told {
    fn hook(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let told = Arc::clone(&self.0);
        move |event| told.lock().unwrap().push(event.clone())
    }

    /// The losses of a worker, with whether its pin was restored.
    fn losses(&self, of: usize) -> Vec<bool> {
        let of_worker = |event: &Event| match event {
            Event::PinLost { worker, restored, .. } if *worker == of => Some(*restored),
            Event::PinLost { .. } => None,
            other => panic!("{other}"),
        };
        self.0.lock().unwrap().iter().filter_map(of_worker).collect()
    }
}

/// Roles A and B, each on a core of its own.
fn apart(idle: IdlePolicy, told: &Told) -> AmpBuilder {
    let cores = usable();
    let role = |role, core| RoleConfig::new(role).cores([core]).idle(idle).capacity(256);
    AmpExecutor::builder()
        .role(role(A, cores[0]))
        .role(role(B, cores[1]))
        .pin(PinPolicy::Require)
        .on_event(told.hook())
}

fn move_to(thread: Pid, core: usize) {
    let mut mask = KernelSet::new();
    mask.set(core);
    sched_setaffinity(Some(thread), &mask).unwrap();
}

/// Spawns until the worker has looked where it is so often that `condition` holds.
fn work_until(role: &RoleHandle, condition: impl Fn() -> bool) -> u64 {
    let mut spawned = 0;
    while !condition() {
        role.spawn(|| {}).unwrap().join().unwrap();
        spawned += 1;
    }
    spawned
}

/// Workers are moved to each other's cores, over and over, while both roles are busy.
#[test]
fn workers_are_moved_to_the_core_of_another_role() {
    let cores = usable();
    if cores.len() < 2 {
        // There is no core to move to.
        return;
    }
    watchdog(move || {
        for idle in [IdlePolicy::Spin, IdlePolicy::Backoff, IdlePolicy::Park] {
            let told = Told::default();
            let amp = apart(idle, &told).build().unwrap();
            let roles = [amp.role(A).unwrap(), amp.role(B).unwrap()];
            let threads = [0, 1].map(|n| roles[n].spawn(gettid).unwrap().join().unwrap());
            let (ran, drops) = (Arc::new(AtomicU64::new(0)), Drops::default());
            let mut spawned = 0;
            for round in 0..60 {
                let at = round % 2;
                // To one core, that of the other.
                move_to(threads[at], cores[1 - at]);
                for role in &roles {
                    for _ in 0..8 {
                        let (ran, counted) = (Arc::clone(&ran), drops.counted());
                        let task = role.spawn(move || {
                            let _counted = counted;
                            ran.fetch_add(1, Ordering::SeqCst)
                        });
                        drop(task.unwrap());
                        spawned += 1;
                    }
                }
                if round % 20 == 19 {
                    let back = || SystemCpus.allowed().unwrap();
                    let is_back = |n: usize| {
                        let mask = roles[n].spawn(back).unwrap().join().unwrap();
                        mask.iter().eq([cores[n]])
                    };
                    until(|| is_back(0) && is_back(1));
                }
            }
            for (n, role) in roles.iter().enumerate() {
                work_until(role, || ran.load(Ordering::SeqCst) == spawned);
                let losses = told.losses(n);
                // Two moves between two looks are one loss.
                assert!(!losses.is_empty() && losses.len() <= 100, "{losses:?}");
                let placement = amp.placement()[n].clone();
                assert_eq!(placement.pins_lost, losses.len() as u64);
                assert_eq!(amp.metrics().workers[n].pins_lost, losses.len() as u64);
                // A move between an attempt to pin and its reading back makes that one fail, and is mended later: how many were
                // restored at once is a matter of luck.
                work_until(role, || amp.placement()[n].pin == PinOutcome::Pinned);
                let mask = amp.placement()[n].mask.clone().unwrap();
                assert!(mask.iter().eq([cores[n]]), "{mask}");
            }
            assert!(amp.shutdown().is_clean());
            assert_eq!((ran.load(Ordering::SeqCst), drops.count() as u64), (spawned, spawned));
            assert_accounted(&amp.metrics());
        }
    });
}

/// A cpuset of this test's own, where the system lets it have one.
struct Cpuset(PathBuf);

impl Cpuset {
    fn new(cores: &str) -> io::Result<Self> {
        let root = PathBuf::from("/sys/fs/cgroup/cpuset");
        let path = root.join(format!("amp-faults-{}", std::process::id()));
        fs::create_dir(&path)?;
        let set = Self(path);
        fs::write(set.0.join("cpuset.mems"), fs::read(root.join("cpuset.mems"))?)?;
        set.restrict(cores)?;
        // The whole process.
        fs::write(set.0.join("cgroup.procs"), std::process::id().to_string())?;
        Ok(set)
    }

    fn restrict(&self, cores: &str) -> io::Result<()> {
        fs::write(self.0.join("cpuset.cpus"), cores)
    }
}

impl Drop for Cpuset {
    fn drop(&mut self) {
        // A set goes when nobody is in it.
        let _ = fs::write("/sys/fs/cgroup/cpuset/cgroup.procs", std::process::id().to_string());
        let _ = fs::remove_dir(&self.0);
    }
}

/// The cpuset of the process loses a core, and gets it back.
#[test]
fn a_cpuset_is_shrunk_and_widened() {
    let cores = usable();
    if cores.len() < 2 {
        return;
    }
    if child().is_none() {
        return child_succeeds("a_cpuset_is_shrunk_and_widened", "cpuset");
    }
    watchdog(move || {
        let (first, second) = (cores[0], cores[1]);
        let both = format!("{first},{second}");
        let Ok(set) = Cpuset::new(&both) else {
            // No right to make one. The next test has a system of its own.
            return;
        };
        for idle in [IdlePolicy::Backoff, IdlePolicy::Park] {
            let told = Told::default();
            let amp = apart(idle, &told).build().unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let mut spawned = 0;
            for round in 1..=10 {
                set.restrict(&second.to_string()).unwrap();
                // The kernel has moved the worker of A, and does not let it back.
                spawned += work_until(&a, || told.losses(0).len() == round);
                assert_eq!(told.losses(0), vec![false; round]);
                let placement = amp.placement()[0].clone();
                let PinOutcome::Refused { reason, .. } = &placement.pin else {
                    panic!("{placement}")
                };
                assert!(!reason.is_empty());
                assert!(placement.to_string().contains("NOT PINNED"), "{placement}");
                assert!(placement.mask.clone().unwrap().iter().eq([second]), "{placement}");
                let is_there = |core| move || SystemCpus.allowed().unwrap().iter().eq([core]);
                assert!(a.spawn(is_there(second)).unwrap().join().unwrap());
                assert!(b.spawn(is_there(second)).unwrap().join().unwrap());
                spawned += 2;
                set.restrict(&both).unwrap();
                // It asks again, now and then.
                spawned += work_until(&a, || amp.placement()[0].pin == PinOutcome::Pinned);
                assert!(a.spawn(is_there(first)).unwrap().join().unwrap());
                spawned += 1;
                // Whatever was found about the other one has been mended.
                spawned += work_until(&b, || amp.placement()[1].pin == PinOutcome::Pinned);
            }
            assert_eq!(amp.metrics().workers[0].pins_lost as usize, told.losses(0).len());
            assert!(amp.shutdown().is_clean());
            let metrics = amp.metrics();
            assert_accounted(&metrics);
            let completed: u64 = metrics.roles.iter().map(|role| role.completed).sum();
            assert_eq!(completed, spawned);
        }
    });
}

/// A machine whose allowed CPUs change, as the kernel changes them: each thread's mask is cut down at once, and pins beyond are
/// refused.
#[derive(Debug)]
struct Shrinking {
    allowed: Mutex<Vec<usize>>,
}

std::thread_local! {
    static ASKED: std::cell::Cell<Option<usize>> = const { std::cell::Cell::new(None) };
}

impl Shrinking {
    fn mask(&self) -> Vec<usize> {
        let allowed = self.allowed.lock().unwrap();
        match ASKED.get() {
            Some(core) if allowed.contains(&core) => vec![core],
            // A pin that has been cut away is forgotten.
            Some(_) => {
                ASKED.set(None);
                allowed.clone()
            }
            None => allowed.clone(),
        }
    }
}

impl CpuControl for Shrinking {
    fn allowed(&self) -> io::Result<CpuSet> {
        Ok(self.mask().into_iter().collect())
    }

    fn pin(&self, cpu: usize) -> io::Result<()> {
        if !self.allowed.lock().unwrap().contains(&cpu) {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        ASKED.set(Some(cpu));
        Ok(())
    }

    fn current_cpu(&self) -> Option<usize> {
        self.mask().first().copied()
    }

    fn exists(&self, cpu: usize) -> bool {
        cpu < 8
    }
}

/// Cores leave the set of the process and come back, those of some workers or of all but one.
#[test]
fn cores_leave_the_allowed_set_and_come_back() {
    watchdog(|| {
        for round in 0..9 {
            let idle = [IdlePolicy::Backoff, IdlePolicy::Park][round % 2];
            let cpus = Arc::new(Shrinking { allowed: Mutex::new(vec![0, 1, 2, 3]) });
            let told = Told::default();
            let amp = AmpExecutor::builder()
                .role(RoleConfig::new(A).cores([0, 1]).idle(idle).capacity(64))
                .role(RoleConfig::new(B).cores([2, 3]).idle(idle).capacity(64))
                .pin(PinPolicy::Require)
                .on_event(told.hook())
                .cpus(Arc::<Shrinking>::clone(&cpus))
                .build()
                .unwrap();
            let (a, b) = (amp.role(A).unwrap(), amp.role(B).unwrap());
            let left = [vec![3], vec![1, 3], vec![0, 1, 2]][round % 3].clone();
            let drops = Drops::default();
            let spawner = thread::spawn({
                let (a, b, drops) = (a.clone(), b.clone(), drops.clone());
                move || {
                    for number in 0..2000 {
                        let counted = drops.counted();
                        let role = if number % 2 == 0 { &a } else { &b };
                        drop(role.spawn(move || drop(counted)).unwrap());
                    }
                }
            });
            *cpus.allowed.lock().unwrap() = left.clone();
            for worker in 0..4 {
                let own = if worker < 2 { &a } else { &b }.on_core(worker).unwrap();
                let is_in = left.contains(&worker);
                // Those who are cut away say so; the others look as often, and find nothing.
                work_until(&own, || is_in || amp.placement()[worker].pin != PinOutcome::Pinned);
                for _ in 0..64 {
                    own.spawn(|| {}).unwrap().join().unwrap();
                }
                let placement = amp.placement()[worker].clone();
                assert_eq!(placement.pin == PinOutcome::Pinned, is_in, "{placement}");
                let mask = if is_in { vec![worker] } else { left.clone() };
                assert!(placement.mask.clone().unwrap().iter().eq(mask), "{placement}");
                assert_eq!(told.losses(worker), vec![false; usize::from(!is_in)]);
            }
            *cpus.allowed.lock().unwrap() = vec![0, 1, 2, 3];
            for worker in 0..4 {
                let own = if worker < 2 { &a } else { &b }.on_core(worker).unwrap();
                work_until(&own, || amp.placement()[worker].pin == PinOutcome::Pinned);
                let placement = amp.placement()[worker].clone();
                assert!(placement.mask.clone().unwrap().iter().eq([worker]), "{placement}");
                assert_eq!(placement.pins_lost, told.losses(worker).len() as u64);
            }
            spawner.join().unwrap();
            assert!(amp.shutdown().is_clean());
            assert_eq!(drops.count(), 2000);
            assert_accounted(&amp.metrics());
        }
    });
}
