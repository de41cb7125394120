//! A million tasks that go from role to role, each of which looks where it is.

mod support;

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use amp_executor::cpu::{CpuControl, SystemCpus};
use amp_executor::{AmpExecutor, PinOutcome, Priority, Role, RoleConfig, RoleHandle, TaskPanic};
use support::{A, B, C, assert_accounted, usable, watchdog};

const WALKS: u64 = 64;
const STEPS: u64 = 4_000;

std::thread_local! {
    /// Whose worker this thread is, and its core.
    static HERE: Cell<Option<(Role, usize)>> = const { Cell::new(None) };
}

/// The roles that walks go through, and what they have seen.
struct Ground {
    roles: [(RoleHandle, Vec<usize>); 3],
    is_pinned: bool,
    looks: AtomicU64,
    /// A walk has come to its end, or something was wrong.
    end: mpsc::Sender<Result<(), String>>,
}

impl Ground {
    /// Fails unless this is a worker of the role at `place`, on one of its cores, or on the very one that was asked for.
    fn look(&self, place: usize, core: Option<usize>) {
        let (role, cores) = &self.roles[place];
        let (role_here, core_here) = HERE.get().expect("a worker");
        assert_eq!(role_here, role.role());
        assert!(cores.contains(&core_here));
        assert!(core.is_none_or(|core| core == core_here));
        if self.is_pinned {
            assert_eq!(SystemCpus.current_cpu(), Some(core_here));
        }
        self.looks.fetch_add(1, Ordering::Relaxed);
    }

    /// Sends the walk on, somewhere and somehow.
    fn go_on(self: Arc<Self>, random: u64, left: u64) {
        if left == 0 {
            self.end.send(Ok(())).unwrap();
            return;
        }
        // A linear congruential generator, of whose bits the upper ones are good.
        let random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let draw = (random >> 33) as usize;
        let next = draw % 3;
        let (role, cores) = self.roles[next].clone();
        let step = {
            let ground = Arc::clone(&self);
            move |core| {
                move || {
                    ground.look(next, core);
                    ground.go_on(random, left - 1);
                }
            }
        };
        let task = match draw / 3 % 8 {
            0 => {
                let core = cores[draw / 24 % cores.len()];
                role.on_core(core).unwrap().try_spawn(step(Some(core))).map_err(drop)
            }
            1 => role.with_priority(Priority::High).try_spawn(step(None)).map_err(drop),
            2 => role.keyed(&draw).try_spawn(step(None)).map_err(drop),
            3 => role.try_spawn_future(self.go_on_elsewhere(next, random, left)).map_err(drop),
            4 => role.spawn_local(move || async move { step(None)() }).map_err(drop),
            _ => role.try_spawn(step(None)).map_err(drop),
        };
        drop(task.expect("there is room for all walks"));
    }

    /// A step in a future that another role wakes.
    async fn go_on_elsewhere(self: Arc<Self>, place: usize, random: u64, left: u64) {
        self.look(place, None);
        let other = (place + 1) % 3;
        let ground = Arc::clone(&self);
        self.roles[other].0.call(move || ground.look(other, None)).await.unwrap();
        self.look(place, None);
        self.go_on(random, left - 1);
    }
}

/// Has all walks go over roles with these cores; tells how many tasks there were.
fn walk(plan: [&[usize]; 3]) -> u64 {
    let (end, ended) = mpsc::channel();
    let wrong = end.clone();
    let mut builder = AmpExecutor::builder()
        .on_thread_start(|worker| HERE.set(Some((worker.role, worker.core))))
        .on_panic(move |panic: TaskPanic| wrong.send(Err(panic.message().to_owned())).unwrap());
    for (role, cores) in [A, B, C].into_iter().zip(plan) {
        builder = builder.role(RoleConfig::new(role).cores(cores.to_vec()).shared());
    }
    let amp = builder.build().unwrap();
    let is_pinned = amp.placement().iter().all(|worker| worker.pin == PinOutcome::Pinned);
    let mut index = 0;
    let roles = [A, B, C].map(|role| {
        index += 1;
        (amp.role(role).unwrap(), plan[index - 1].to_vec())
    });
    let ground = Arc::new(Ground { roles, is_pinned, looks: AtomicU64::new(0), end });
    for number in 0..WALKS {
        Arc::clone(&ground).go_on(number, STEPS);
    }
    for _ in 0..WALKS {
        ended.recv().unwrap().unwrap();
    }
    assert!(amp.shutdown().is_clean());
    let metrics = amp.metrics();
    assert_accounted(&metrics);
    assert!(ground.looks.load(Ordering::Relaxed) >= WALKS * STEPS);
    let admitted = metrics.roles.iter().map(|role| role.admitted).sum();
    assert!(metrics.roles.iter().all(|role| role.completed > admitted / 4));
    admitted
}

#[test]
fn a_million_tasks_are_found_on_their_role_s_cores() {
    watchdog(|| {
        let cores = usable();
        let both = [cores[0], *cores.last().unwrap()];
        let (first, second) = (&both[..1], &both[1..]);
        let tasks = walk([first, second, &both])
            + walk([second, &both, first])
            + walk([&both, first, second])
            + walk([&both, &both, &both]);
        assert!(tasks >= 1_000_000, "{tasks}");
    });
}
