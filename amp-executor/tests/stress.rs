//! Everything at once, at random. Whatever happens, each closure runs at most once and is dropped once, each role accounts for
//! all that it admitted, and nothing is left behind.
//!
//! A failure names its seed; `AMP_STRESS_SEED=seed` runs that program alone, and `AMP_STRESS_ROUNDS=number` as many as wanted.

mod support;

use std::cell::Cell;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use amp_executor::{
    AmpExecutor, AmpHandle, IdlePolicy, JoinHandle, MissedPeriods, PeriodicHandle, Priority, Role,
    RoleConfig, RoleHandle, SpawnError, spawn_local, with_state, yield_now,
};
use support::usable;

const ROLES: [Role; 3] = [Role::new("a"), Role::new("b"), Role::new("c")];

/// A program takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Marsaglia's xorshift64.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        // Neighbouring seeds make different programs, and zero is none.
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 16) % end as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A source for somebody else.
    fn split(&mut self) -> Self {
        Self(self.next() | 1)
    }

    fn micros(&mut self, end: usize) -> Duration {
        Duration::from_micros(self.below(end) as u64)
    }
}

#[derive(Debug, Default)]
struct Tally {
    made: AtomicUsize,
    dropped: AtomicUsize,
    ran_again: AtomicBool,
}

/// In each closure and future, and the output of some.
#[derive(Debug)]
struct Piece {
    tally: Arc<Tally>,
    has_run: AtomicBool,
}

impl Piece {
    fn new(tally: &Arc<Tally>) -> Self {
        tally.made.fetch_add(1, Ordering::Relaxed);
        Self { tally: Arc::clone(tally), has_run: AtomicBool::new(false) }
    }

    fn run(&self) {
        if self.has_run.swap(true, Ordering::Relaxed) {
            self.tally.ran_again.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.tally.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// What may block a worker, so that no program deadlocks by its own fault.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Waits {
    /// Workers wait for what later roles do.
    Upwards,
    /// Workers wait for room alone, wherever. Some of them are told that they would deadlock.
    ForRoom,
    /// Likewise for calls; then each role has one worker, and nobody lends.
    ForRoomAndCalls,
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Outsider,
    /// A task of the role with this index.
    Task(usize),
}

/// What all tasks of a program know.
struct World {
    roles: Vec<(RoleHandle, Vec<usize>)>,
    waits: Waits,
    tally: Arc<Tally>,
}

impl World {
    fn piece(&self) -> Piece {
        Piece::new(&self.tally)
    }

    fn may_wait_for_room(&self, who: Who, role: usize) -> bool {
        match who {
            Who::Outsider => true,
            Who::Task(own) => self.waits != Waits::Upwards || role > own,
        }
    }

    fn may_join(&self, who: Who, role: usize) -> bool {
        match who {
            Who::Outsider => true,
            Who::Task(own) => self.waits == Waits::Upwards && role > own,
        }
    }

    fn may_call(&self, who: Who, role: usize) -> bool {
        self.may_join(who, role) || self.waits == Waits::ForRoomAndCalls
    }

    /// A handle on random terms.
    fn handle(&self, role: usize, random: &mut Random) -> RoleHandle {
        let (role, cores) = &self.roles[role];
        let role = match random.below(6) {
            0 => role.with_priority(Priority::High),
            1 => role.on_core(cores[random.below(cores.len())]).unwrap(),
            2 => role.keyed(&random.next()),
            _ => role.clone(),
        };
        if random.one_in(5) { role.with_time_to_live(random.micros(200)) } else { role }
    }
}

/// One task's life: it acts some times, and may panic.
fn live(world: &Arc<World>, role: usize, piece: &Piece, mut random: Random, depth: u32) {
    piece.run();
    if random.one_in(4) {
        let _ = with_state(|count: &mut Rc<Cell<u64>>| count.set(count.get() + 1));
    }
    if random.one_in(8) {
        let end = Instant::now() + random.micros(100);
        while Instant::now() < end {}
    }
    if depth > 0 {
        (0..random.below(4)).for_each(|_| act(world, Who::Task(role), &mut random, depth - 1));
    }
    if random.one_in(20) {
        // As a panic, without the message.
        resume_unwind(Box::new("on purpose"));
    }
}

fn closure(
    world: &Arc<World>,
    role: usize,
    random: &mut Random,
    depth: u32,
) -> impl FnOnce() -> Piece + Send + use<> {
    let (world, random, piece) = (Arc::clone(world), random.split(), world.piece());
    move || {
        live(&world, role, &piece, random, depth);
        world.piece()
    }
}

fn future(
    world: &Arc<World>,
    role: usize,
    random: &mut Random,
    depth: u32,
) -> impl Future<Output = Piece> + Send + use<> {
    let (world, mut random, piece) = (Arc::clone(world), random.split(), world.piece());
    async move {
        for _ in 0..random.below(3) {
            yield_now().await;
        }
        live(&world, role, &piece, random.split(), depth);
        // Somebody may wait for this future, and does not do what it waits for.
        let first = if world.waits == Waits::Upwards { role } else { 0 };
        let other = first + random.below(world.roles.len() - first);
        let handle = world.handle(other, &mut random);
        match random.below(4) {
            0 => drop(handle.call(closure(&world, other, &mut random, 0)).await),
            1 => {
                if let Ok(task) = handle.spawn_wait(closure(&world, other, &mut random, 0)).await {
                    let _ = task.await;
                }
            }
            2 => {
                let inner = world.piece();
                let _ = spawn_local(async move {
                    let here = Rc::new(inner);
                    yield_now().await;
                    here.run();
                })
                .await;
            }
            _ => {}
        }
        world.piece()
    }
}

/// What becomes of a handle.
fn handle_task(world: &World, who: Who, role: usize, random: &mut Random, task: JoinHandle<Piece>) {
    if random.one_in(5) {
        task.abort();
    }
    match random.below(4) {
        0 if world.may_join(who, role) => drop(task.join()),
        1 => drop(task.join_timeout(random.micros(50))),
        _ => drop(task),
    }
}

fn act(world: &Arc<World>, who: Who, random: &mut Random, depth: u32) {
    let role = random.below(world.roles.len());
    let handle = world.handle(role, random);
    let task = match random.below(14) {
        0 | 1 => handle.try_spawn(closure(world, role, random, depth)).ok(),
        2 | 3 if world.may_wait_for_room(who, role) => {
            handle.spawn(closure(world, role, random, depth)).ok()
        }
        4 => handle.spawn_timeout(random.micros(300), closure(world, role, random, depth)).ok(),
        5 if world.may_wait_for_room(who, role) => {
            handle.spawn_future(future(world, role, random, depth)).ok()
        }
        6 => handle.try_spawn_future(future(world, role, random, depth)).ok(),
        7 => {
            let closures: Vec<_> =
                (0..random.below(6)).map(|_| closure(world, role, random, depth)).collect();
            if random.one_in(2) {
                handle.try_spawn_batch(closures).handles.pop()
            } else if world.may_wait_for_room(who, role) {
                handle.spawn_batch(closures).ok().and_then(|mut tasks| tasks.pop())
            } else {
                None
            }
        }
        8 => {
            let due = Instant::now() + random.micros(500);
            handle.spawn_at(due, closure(world, role, random, depth)).ok()
        }
        9 => {
            periodic(world, &handle, random);
            None
        }
        10 if world.may_wait_for_room(who, role) => {
            let inner = future(world, role, random, depth);
            handle
                .spawn_local(move || async move {
                    let here = Rc::new(());
                    let output = inner.await;
                    drop(here);
                    output
                })
                .ok()
        }
        11 if world.may_wait_for_room(who, role) => {
            let work = closure(world, role, random, depth);
            let count = |count: &mut Rc<Cell<u64>>| count.set(count.get() + 1);
            let with_state = move |state: &mut Rc<Cell<u64>>| {
                count(state);
                work()
            };
            handle.with_state(with_state).ok()
        }
        12 if world.may_call(who, role) => {
            drop(handle.call_blocking(closure(world, role, random, depth)));
            None
        }
        _ => None,
    };
    if let Some(task) = task {
        handle_task(world, who, role, random, task);
    }
}

/// A periodic task that is stopped, aborted, or left to its role's end.
fn periodic(world: &World, handle: &RoleHandle, random: &mut Random) {
    let piece = world.piece();
    let (period, late) = (Duration::from_micros(20) + random.micros(500), random.one_in(4));
    let mut left = random.below(5);
    let run = move || {
        let _ = &piece;
        if late {
            let end = Instant::now() + period;
            while Instant::now() < end {}
        }
        if left == 0 {
            resume_unwind(Box::new("on purpose"));
        }
        left -= 1;
    };
    let missed = if random.one_in(2) { MissedPeriods::Skip } else { MissedPeriods::CatchUp };
    let spawned: Result<PeriodicHandle, _> =
        handle.spawn_every_from(Instant::now() + random.micros(300), period, missed, run);
    if let Ok(task) = spawned {
        match random.below(3) {
            0 => task.stop(),
            1 => task.abort_handle().abort(),
            _ => {}
        }
    }
}

/// A random executor.
fn build(random: &mut Random) -> (AmpExecutor, Arc<World>) {
    let usable = usable();
    let roles = &ROLES[..1 + random.below(3)];
    let waits = [Waits::Upwards, Waits::ForRoom, Waits::ForRoomAndCalls][random.below(3)];
    let single = waits == Waits::ForRoomAndCalls;
    let mut builder = AmpExecutor::builder();
    let mut declared = Vec::new();
    for (index, role) in roles.iter().enumerate() {
        let first = random.below(usable.len());
        let count = if single { 1 } else { 1 + random.below(usable.len() - first) };
        let cores = usable[first..first + count].to_vec();
        let mut config = RoleConfig::new(*role)
            .cores(cores.iter().copied())
            .capacity([1, 2, 5, 64][random.below(4)])
            .spin_window(random.micros(300));
        let idle = [IdlePolicy::Spin, IdlePolicy::Backoff, IdlePolicy::Park][random.below(3)];
        config = if roles.len() == 1 { config.idle(idle) } else { config.shared() };
        for later in &roles[index + 1..] {
            if !single && random.one_in(2) {
                config = config.lend_to(*later);
            }
        }
        builder = builder.role(config).state(*role, |core| Rc::new(Cell::new(core as u64)));
        declared.push(cores);
    }
    builder = builder.measure_delays(random.one_in(3)).on_panic(drop);
    if random.one_in(8) {
        builder = builder.stall_limit(Duration::from_millis(1));
    }
    let amp = builder.build().unwrap();
    let handles = roles.iter().map(|role| amp.role(*role).unwrap());
    let world = World { roles: handles.zip(declared).collect(), waits, tally: Arc::default() };
    (amp, Arc::new(world))
}

/// Ends the executor in one of the ways there are.
fn end(amp: AmpExecutor, random: &mut Random) {
    match random.below(7) {
        0 => drop(amp),
        1 => assert!(amp.shutdown().still_running == 0),
        2 => drop(amp.shutdown_timeout(random.micros(2_000))),
        3 => {
            for role in ROLES {
                match amp.drain_role(role) {
                    Ok(report) => assert_eq!(report.still_running, 0, "{report}"),
                    Err(error) => assert_eq!(error, SpawnError::UnknownRole(role)),
                }
            }
        }
        4 => thread::scope(|scope| {
            scope.spawn(|| drop(amp.shutdown()));
            scope.spawn(|| drop(amp.drain_role(ROLES[0])));
            drop(amp.shutdown_timeout(random.micros(2_000)));
        }),
        5 => {
            // One of its own workers ends it.
            let amp = Arc::new(amp);
            let (own, role) = (Arc::clone(&amp), amp.role(ROLES[0]).unwrap());
            let _ = role.spawn(move || drop(own.shutdown())).map(JoinHandle::join);
            drop(amp.shutdown());
        }
        _ => {
            let (role, amp) = (amp.role(ROLES[0]).unwrap(), Arc::new(amp));
            let own = Arc::clone(&amp);
            let ends = role.spawn(move || drop(own)).map(JoinHandle::join);
            drop((ends, amp));
        }
    }
}

/// Each role accounts for what it admitted.
fn check(handle: &AmpHandle) -> Result<(), String> {
    for role in &handle.metrics().roles {
        let ended = role.completed + role.claimed + role.expired + role.cancelled;
        if role.admitted != ended || role.queue_depth != 0 || role.timed != 0 {
            return Err(format!("{ended} of {} have ended: {role:#?}", role.admitted));
        }
    }
    Ok(())
}

fn run(seed: u64, tell: &mpsc::Sender<AmpHandle>) {
    let mut random = Random::new(seed);
    let (amp, world) = build(&mut random);
    let handle = amp.handle();
    tell.send(handle.clone()).unwrap();
    let is_late = random.one_in(2);
    thread::scope(|scope| {
        for _ in 0..1 + random.below(3) {
            let (world, mut random) = (&world, random.split());
            scope.spawn(move || {
                (0..random.below(60)).for_each(|_| act(world, Who::Outsider, &mut random, 3));
            });
        }
        if !is_late {
            thread::sleep(random.micros(1_000));
            end(amp, &mut random);
            return None;
        }
        Some(amp)
    })
    .into_iter()
    .for_each(|amp| end(amp, &mut random));
    // A shutdown whose time was up leaves what runs to itself.
    let patience = Instant::now() + PATIENCE / 2;
    let is_over = || {
        check(&handle)?;
        let (made, dropped) = (&world.tally.made, &world.tally.dropped);
        let [made, dropped] = [made, dropped].map(|count| count.load(Ordering::Relaxed));
        if made != dropped {
            return Err(format!("{made} made, {dropped} dropped"));
        }
        let others = Arc::strong_count(&world) - 1;
        if others > 0 { Err(format!("{others} know the world")) } else { Ok(()) }
    };
    while let Err(problem) = is_over() {
        assert!(Instant::now() < patience, "seed {seed}: {problem}");
        thread::yield_now();
    }
    assert!(!world.tally.ran_again.load(Ordering::Relaxed), "seed {seed}: a closure ran twice");
}

#[test]
fn any_program_ends_and_everything_is_accounted_for() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("AMP_STRESS_SEED") {
        Some(seed) => seed..seed + number("AMP_STRESS_ROUNDS").unwrap_or(1),
        None => 0..number("AMP_STRESS_ROUNDS").unwrap_or(300),
    };
    for seed in seeds {
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || run(seed, &tell));
        let handle = told.recv().expect("the executor has been built");
        // Nothing is sent: the other end goes when the program ends.
        if told.recv_timeout(PATIENCE).is_err_and(|error| error == mpsc::RecvTimeoutError::Timeout)
        {
            panic!("seed {seed}: the program hangs: {:#?}", handle.metrics().roles);
        }
        if thread.join().is_err() {
            panic!("seed {seed} failed");
        }
    }
}
