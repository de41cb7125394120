//! The one program text: runs a workload's requests on whichever executor it is given.
//!
//! A request is a tree of tasks. A task does its class's service, then spawns what the class spawns, and when all of that has ended,
//! the class that comes `then`. The request ends with the last task of its tree.
//!
//! Nothing is lost: a task that is dropped unrun ends its part of the tree all the same, and its request counts as refused, or as overtaken by
//! the end of the turn.

use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use executor_common::sync::Arc;
use executor_common::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use executor_common::{Role, Spawn, TrySpawnError};

use super::record::{Ending, Recorder, RequestEnd, Run};
use super::service::PreparedService;
use super::workload::FanOut;

/// A class, ready to run.
#[derive(Debug)]
pub(crate) struct RunningClass {
    pub(crate) role: Role,
    pub(crate) service: Arc<PreparedService>,
    pub(crate) spawns: Vec<FanOut>,
    pub(crate) then: Option<usize>,
}

/// What all tasks of a turn share.
#[derive(Debug)]
pub(crate) struct Program<E> {
    executor: E,
    classes: Arc<Vec<RunningClass>>,
    recorder: Arc<Recorder>,
    seed: u64,
    start: Instant,
    /// Clients send nothing any more after so long.
    time: Duration,
    /// Tasks end at once.
    over: AtomicBool,
    /// Requests that have begun and not ended.
    live: AtomicUsize,
    /// The next request of each class's clients.
    numbers: Vec<AtomicU64>,
    /// For each class, takes its clients' tasks that there was no room for, and those that follow a refusal. One for each, so that no
    /// class waits for another one's room.
    overflow: Vec<Sender<Overflow>>,
}

/// For the thread that may wait for room where a worker must not.
pub(crate) enum Overflow {
    /// A task to be spawned.
    Task(Box<dyn FnOnce() + Send>),
    /// There is nothing more to come.
    End,
}

/// One request.
#[derive(Debug)]
struct Request<E> {
    program: Arc<Program<E>>,
    class: usize,
    due_ns: u64,
    /// Whether a client waits for it, and sends the next one.
    closed: bool,
    /// Some task of it was refused.
    refused: AtomicBool,
}

/// Tasks that were spawned together, and what comes when all have ended.
#[derive(Debug)]
struct Group<E> {
    left: AtomicUsize,
    then: Option<usize>,
    random: u64,
    /// Where whoever spawned them belongs.
    parent: Place<E>,
}

/// Where a task belongs: to a group, or directly to its request.
#[derive(Debug)]
struct Place<E> {
    request: Arc<Request<E>>,
    group: Option<Arc<Group<E>>>,
}

/// A task that has been spawned. Dropped unrun, it ends its part of the request.
#[derive(Debug)]
struct Task<E: Spawn + Send + Sync + 'static> {
    /// Taken by the run.
    place: Option<Place<E>>,
    class: usize,
    random: u64,
    due_ns: u64,
    /// What the task that spawned this one has read.
    input: Option<Arc<Vec<u8>>>,
}

impl<E> Clone for Place<E> {
    fn clone(&self) -> Self {
        Self { request: Arc::clone(&self.request), group: self.group.as_ref().map(Arc::clone) }
    }
}

impl<E: Spawn + Send + Sync + 'static> Program<E> {
    pub(crate) fn new(
        executor: E,
        classes: Arc<Vec<RunningClass>>,
        (start, time): (Instant, Duration),
        seed: u64,
        overflow: Vec<Sender<Overflow>>,
    ) -> Arc<Self> {
        let numbers = classes.iter().map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self {
            executor,
            classes,
            recorder: Arc::default(),
            seed,
            start,
            time,
            over: AtomicBool::new(false),
            live: AtomicUsize::new(0),
            numbers,
            overflow,
        })
    }

    pub(crate) fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }

    /// Nanoseconds since the start.
    pub(crate) fn now_ns(&self) -> u64 {
        Instant::now().saturating_duration_since(self.start).as_nanos() as u64
    }

    /// Requests that have begun and not ended.
    pub(crate) fn live(&self) -> usize {
        // Ordering: Acquire pairs with the Release in `end`: what ended has been recorded.
        self.live.load(Ordering::Acquire)
    }

    /// Has tasks end at once from now on.
    pub(crate) fn end_now(&self) {
        // Ordering: Relaxed; nothing is published by it.
        self.over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        // Ordering: see `end_now`.
        self.over.load(Ordering::Relaxed)
    }

    /// Hands over request number `number` of a class, and waits for room where there is none.
    pub(crate) fn send(self: &Arc<Self>, class: usize, number: u64, due_ns: u64) {
        let task = self.request(class, number, due_ns, false);
        self.spawn(task);
    }

    /// Hands over the first request of a client. Whatever ends it sends the next one.
    pub(crate) fn send_of_client(self: &Arc<Self>, class: usize) {
        let task = self.request_of_client(class);
        self.spawn_from_anywhere(task);
    }

    /// As [`Program::send_of_client`], after a refusal. Another thread hands it over: an executor that refuses it as well would have
    /// this call itself without end.
    fn send_after_refusal(self: &Arc<Self>, class: usize) {
        let task = self.request_of_client(class);
        self.spawn_elsewhere(class, move || task.run());
    }

    fn request_of_client(self: &Arc<Self>, class: usize) -> Task<E> {
        // Ordering: Relaxed. A number of its own is all that each request wants.
        let number = self.numbers[class].fetch_add(1, Ordering::Relaxed);
        self.request(class, number, self.now_ns(), true)
    }

    /// Notes a request that there was no time to hand over.
    pub(crate) fn never_sent(&self, class: usize, due_ns: u64) {
        let end_ns = self.now_ns();
        let how = Ending::Overtaken;
        self.recorder.request(RequestEnd { class: class as u16, how, due_ns, end_ns });
    }

    fn request(self: &Arc<Self>, class: usize, number: u64, due_ns: u64, closed: bool) -> Task<E> {
        // Ordering: Relaxed; the executor's queue orders it before the request's end.
        self.live.fetch_add(1, Ordering::Relaxed);
        let random = mix(self.seed ^ mix(number ^ ((class as u64) << 48)));
        let refused = AtomicBool::new(false);
        let program = Arc::clone(self);
        let request = Arc::new(Request { program, class, due_ns, closed, refused });
        Task { place: Some(Place { request, group: None }), class, random, due_ns, input: None }
    }

    /// Spawns a task, and waits for room where there is none. One that is refused is dropped, which ends its part.
    fn spawn(&self, task: Task<E>) {
        let role = self.classes[task.class].role;
        drop(self.executor.spawn_in(role, move || task.run()));
    }

    /// As [`Program::spawn`], from threads that must not wait: another one does then.
    fn spawn_from_anywhere(&self, task: Task<E>) {
        let class = task.class;
        let role = self.classes[class].role;
        match self.executor.try_spawn_in(role, move || task.run()) {
            Err(TrySpawnError::Full(run)) => self.spawn_elsewhere(class, run),
            taken_or_refused => drop(taken_or_refused),
        }
    }

    /// Has the thread spawn it that may wait for room.
    fn spawn_elsewhere(&self, class: usize, run: impl FnOnce() + Send + 'static) {
        drop(self.overflow[class].send(Overflow::Task(Box::new(run))));
    }
}

impl<E: Spawn + Send + Sync + 'static> Task<E> {
    fn run(mut self) {
        let Some(place) = self.place.take() else { unreachable!("it runs once") };
        let request = Arc::clone(&place.request);
        let program = &request.program;
        if program.is_over() {
            return place.end();
        }
        let class = &program.classes[self.class];
        let cpu = current_cpu();
        let begin_ns = program.now_ns();
        let read = class.service.run(self.random, self.input.as_deref().map(Vec::as_slice));
        let end_ns = program.now_ns();
        let due_ns = self.due_ns;
        program.recorder.run(Run { class: self.class as u16, cpu, due_ns, begin_ns, end_ns });
        place.go_on(program, self.class, self.random, read.map(Arc::new));
    }
}

impl<E: Spawn + Send + Sync + 'static> Drop for Task<E> {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            // Ordering: Relaxed; the request's count orders it before the end that reads it.
            place.request.refused.store(true, Ordering::Relaxed);
            place.end();
        }
    }
}

impl<E: Spawn + Send + Sync + 'static> Place<E> {
    /// Spawns what comes after a task of `class`; where nothing does, the task's part has ended.
    fn go_on(self, program: &Program<E>, class: usize, random: u64, read: Option<Arc<Vec<u8>>>) {
        let class = &program.classes[class];
        let spawned: Vec<FanOut> = (0..)
            .zip(&class.spawns)
            .filter(|(index, spawn)| is_chosen(mix(random ^ index), spawn.chance))
            .map(|(_, spawn)| *spawn)
            .collect();
        let left = spawned.iter().map(|spawn| spawn.count).sum();
        if left == 0 {
            return self.then(program, class.then, random, read);
        }
        let group = Group { left: AtomicUsize::new(left), then: class.then, random, parent: self };
        let group = Arc::new(group);
        let due_ns = program.now_ns();
        let kinds = spawned.iter().flat_map(|spawn| std::iter::repeat_n(spawn.class, spawn.count));
        for (index, class) in (1_u64..).zip(kinds) {
            let request = Arc::clone(&group.parent.request);
            let place = Some(Place { request, group: Some(Arc::clone(&group)) });
            let random = mix(random ^ (index << 32));
            let input = read.as_ref().map(Arc::clone);
            program.spawn(Task { place, class, random, due_ns, input });
        }
    }

    /// Spawns what comes when all is done; where nothing does, this part has ended.
    fn then(
        self,
        program: &Program<E>,
        then: Option<usize>,
        random: u64,
        input: Option<Arc<Vec<u8>>>,
    ) {
        let Some(class) = then.filter(|_| !program.is_over()) else { return self.end() };
        let due_ns = program.now_ns();
        let random = mix(random ^ u64::MAX);
        program.spawn(Task { place: Some(self), class, random, due_ns, input });
    }

    /// A part of the request has ended: with it perhaps its group, and so on up to the request.
    fn end(self) {
        let mut place = self;
        while let Some(group) = place.group.take() {
            // Ordering: AcqRel. Whoever ends the last part must see what the others have done before they ended theirs.
            if group.left.fetch_sub(1, Ordering::AcqRel) > 1 {
                return;
            }
            place = group.parent.clone();
            if let Some(then) = group.then {
                let program = &group.parent.request.program;
                return place.then(program, Some(then), group.random, None);
            }
        }
        place.request.end();
    }
}

impl<E: Spawn + Send + Sync + 'static> Request<E> {
    /// All its tasks have ended.
    fn end(&self) {
        let program = &self.program;
        let end_ns = program.now_ns();
        // Ordering: Relaxed; whoever stored it has ended its part before.
        let how = match (program.is_over(), self.refused.load(Ordering::Relaxed)) {
            (true, _) => Ending::Overtaken,
            (false, true) => Ending::Refused,
            (false, false) => Ending::Done,
        };
        let (class, due_ns) = (self.class as u16, self.due_ns);
        program.recorder.request(RequestEnd { class, how, due_ns, end_ns });
        // A client goes on after a refusal: who stopped would leave the others an emptier executor, and no trace in the measured time.
        if self.closed && u128::from(end_ns) < program.time.as_nanos() {
            match how {
                Ending::Done => program.send_of_client(self.class),
                Ending::Refused => program.send_after_refusal(self.class),
                Ending::Overtaken => {}
            }
        }
        // Ordering: Release pairs with the Acquire in `live`. After the next one has begun, so that the count is not zero in between.
        program.live.fetch_sub(1, Ordering::Release);
    }
}

/// Whether something of this likelihood happens.
fn is_chosen(random: u64, chance: f64) -> bool {
    // The upper 53 bits are a number from 0 up to 1.
    ((random >> 11) as f64) < chance * (1_u64 << 53) as f64
}

/// A number that looks unrelated to `value`: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The CPU that the calling thread is on, where the system tells.
fn current_cpu() -> Option<u16> {
    #[cfg(target_os = "linux")]
    let cpu = u16::try_from(rustix::thread::sched_getcpu()).ok();
    #[cfg(not(target_os = "linux"))]
    let cpu = None;
    cpu
}
