use super::*;
use std::io;
use std::sync::{Arc, Mutex};

/// A kernel whose mask for this thread changes as the test says.
#[derive(Debug)]
struct Kernel(Mutex<State>);

#[derive(Debug)]
struct State {
    mask: Option<CpuSet>,
    cpu: Option<usize>,
    /// Why it pins nobody.
    refuses: Option<&'static str>,
    pins: u32,
    masks_read: u32,
}

const CORE: usize = 2;

fn set(list: &str) -> CpuSet {
    list.parse().unwrap()
}

impl CpuControl for Kernel {
    fn allowed(&self) -> io::Result<CpuSet> {
        let mut state = self.0.lock().unwrap();
        state.masks_read += 1;
        state.mask.clone().ok_or(io::Error::from(io::ErrorKind::Unsupported))
    }

    fn pin(&self, cpu: usize) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.pins += 1;
        if let Some(reason) = state.refuses {
            return Err(io::Error::other(reason));
        }
        state.mask = Some([cpu].into_iter().collect());
        state.cpu = state.cpu.map(|_| cpu);
        Ok(())
    }

    fn current_cpu(&self) -> Option<usize> {
        self.0.lock().unwrap().cpu
    }

    fn exists(&self, _: usize) -> bool {
        true
    }
}

impl Kernel {
    fn new(cpu: Option<usize>) -> Arc<Self> {
        let mask = Some(set("0-3"));
        Arc::new(Self(Mutex::new(State { mask, cpu, refuses: None, pins: 0, masks_read: 0 })))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }

    fn mask(&self, list: &str) {
        self.change(|state| state.mask = Some(set(list)));
    }

    fn watch(self: &Arc<Self>, policy: PinPolicy) -> PinWatch {
        let kernel = Arc::clone(self);
        let cpus: Arc<dyn CpuControl> = kernel;
        let pinned = pin_this_thread(&*cpus, policy, CORE);
        self.change(|state| (state.pins, state.masks_read) = (0, 0));
        PinWatch::new(cpus, policy, CORE, &pinned)
    }

    fn counts(&self) -> (u32, u32) {
        let state = self.0.lock().unwrap();
        (state.pins, state.masks_read)
    }
}

/// Turns the loop so often, and returns what changed, with the turns at which it did.
fn turn(watch: &mut PinWatch, turns: u32) -> Vec<(u32, PinChange)> {
    let look = |watch: &mut PinWatch| watch.tick()?.change;
    (1..=turns).filter_map(|turn| Some((turn, look(watch)?))).collect()
}

const TURNS_TO_MASK: u32 = LOOKS_APART * MASKS_APART;
const TURNS_TO_RETRY: u32 = TURNS_TO_MASK * RETRIES_APART;

fn restored(mask: &str) -> PinChange {
    let loss = Some(PinLoss { mask: Some(set(mask)), restored: true });
    PinChange { loss, pin: held() }
}

fn held() -> Pin {
    Pin { outcome: PinOutcome::Pinned, mask: Some([CORE].into_iter().collect()) }
}

fn refused(reason: &str, mask: &str) -> Pin {
    Pin { outcome: PinOutcome::Refused { reason: reason.to_owned() }, mask: Some(set(mask)) }
}

#[test]
fn a_pin_that_holds_costs_a_look_at_the_cpu_and_rarely_one_at_the_mask() {
    let kernel = Kernel::new(Some(CORE));
    let mut watch = kernel.watch(PinPolicy::Require);
    let looks = (0..10 * TURNS_TO_MASK).filter_map(|_| watch.tick()).count();
    assert_eq!(looks as u32, 10 * MASKS_APART);
    assert_eq!(kernel.counts(), (0, 10));
    for _ in 0..10 * SLEEPS_APART {
        assert_eq!(watch.now(), Look { cpu: Some(CORE), change: None });
    }
    assert_eq!(kernel.counts(), (0, 20));
}

#[test]
fn a_worker_elsewhere_is_noticed_at_the_next_look() {
    let kernel = Kernel::new(Some(CORE));
    let mut watch = kernel.watch(PinPolicy::Require);
    kernel.change(|state| (state.mask, state.cpu) = (Some(set("0-3")), Some(1)));
    assert_eq!(turn(&mut watch, LOOKS_APART), [(LOOKS_APART, restored("0-3"))]);
    assert_eq!(watch.now(), Look { cpu: Some(CORE), change: None });
    kernel.change(|state| (state.mask, state.cpu) = (Some(set("0,1")), Some(0)));
    assert_eq!(watch.now(), Look { cpu: Some(0), change: Some(restored("0,1")) });
    assert_eq!(turn(&mut watch, TURNS_TO_RETRY), []);
}

#[test]
fn a_wider_mask_is_noticed_where_the_worker_has_not_moved() {
    // `None`: the system does not tell CPUs.
    for cpu in [Some(CORE), None] {
        let kernel = Kernel::new(cpu);
        let mut watch = kernel.watch(PinPolicy::BestEffort);
        kernel.mask("1,2");
        assert_eq!(turn(&mut watch, TURNS_TO_RETRY), [(TURNS_TO_MASK, restored("1,2"))]);
        kernel.mask("0-2");
        let looks: Vec<_> = (0..SLEEPS_APART).map(|_| watch.now().change).collect();
        assert_eq!(looks.last().unwrap(), &Some(restored("0-2")));
        assert!(looks[..looks.len() - 1].iter().all(Option::is_none));
    }
}

#[test]
fn a_pin_that_cannot_be_restored_is_reported_once_and_asked_for_rarely() {
    let kernel = Kernel::new(Some(CORE));
    let mut watch = kernel.watch(PinPolicy::Require);
    kernel.change(|state| {
        (state.mask, state.cpu, state.refuses) = (Some(set("0,1")), Some(0), Some("cpuset"));
    });
    let loss = Some(PinLoss { mask: Some(set("0,1")), restored: false });
    let lost = PinChange { loss, pin: refused("cpuset", "0,1") };
    assert_eq!(turn(&mut watch, LOOKS_APART), [(LOOKS_APART, lost)]);
    assert_eq!(turn(&mut watch, 10 * TURNS_TO_RETRY), []);
    assert_eq!(kernel.counts().0, 1 + 10);

    // It is granted again: that is a change, but no loss.
    kernel.change(|state| state.refuses = None);
    let changes = turn(&mut watch, TURNS_TO_RETRY);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].1, PinChange { loss: None, pin: held() });

    // And then it is watched as before.
    kernel.change(|state| state.cpu = Some(3));
    kernel.mask("3");
    assert_eq!(watch.now().change, Some(restored("3")));
}

#[test]
fn a_pin_that_was_refused_from_the_start_is_no_news() {
    let kernel = Kernel::new(Some(0));
    kernel.change(|state| state.refuses = Some("not for you"));
    let mut watch = kernel.watch(PinPolicy::BestEffort);
    assert_eq!(turn(&mut watch, 5 * TURNS_TO_RETRY), []);
    assert_eq!(kernel.counts().0, 5, "it was asked for, rarely");

    // Another mask is news, once.
    kernel.mask("0");
    let changes = turn(&mut watch, 5 * TURNS_TO_RETRY);
    let loss = Some(PinLoss { mask: Some(set("0")), restored: false });
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].1, PinChange { loss, pin: refused("not for you", "0") });
}

/// The kernel itself puts a mask back when its cpuset allows it again.
#[test]
fn a_pin_that_comes_back_by_itself_is_left_alone() {
    let kernel = Kernel::new(Some(CORE));
    let mut watch = kernel.watch(PinPolicy::Require);
    kernel.change(|state| (state.mask, state.refuses) = (Some(set("0")), Some("cpuset")));
    assert_eq!(turn(&mut watch, TURNS_TO_MASK).len(), 1);
    let pins = kernel.counts().0;
    kernel.mask("2");
    let changes = turn(&mut watch, TURNS_TO_RETRY);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].1, PinChange { loss: None, pin: held() });
    assert_eq!(kernel.counts().0, pins);
}

#[test]
fn a_mask_that_cannot_be_read_proves_nothing_unless_the_worker_is_elsewhere() {
    let kernel = Kernel::new(Some(CORE));
    let mut watch = kernel.watch(PinPolicy::Require);
    kernel.change(|state| (state.mask, state.refuses) = (None, Some("unreadable")));
    assert_eq!(turn(&mut watch, 2 * TURNS_TO_MASK), []);
    kernel.change(|state| state.cpu = Some(1));
    let outcome = PinOutcome::Refused { reason: "unreadable".to_owned() };
    let loss = Some(PinLoss { mask: None, restored: false });
    let lost = PinChange { loss, pin: Pin { outcome, mask: None } };
    assert_eq!(watch.now().change, Some(lost));
    assert_eq!(turn(&mut watch, 5 * TURNS_TO_RETRY), []);
}

#[test]
fn a_pin_that_is_off_is_not_looked_after() {
    let kernel = Kernel::new(Some(1));
    let mut watch = kernel.watch(PinPolicy::Off);
    assert_eq!(turn(&mut watch, 2 * TURNS_TO_RETRY), []);
    assert_eq!(watch.now(), Look { cpu: Some(1), change: None });
    kernel.mask("3");
    assert_eq!(turn(&mut watch, 2 * TURNS_TO_RETRY), []);
    assert_eq!(kernel.counts(), (0, 0));
}

#[test]
fn a_loss_becomes_an_event_that_names_the_worker() {
    let loss = PinLoss { mask: Some(set("0-3")), restored: true };
    let event = loss.into_event(Role::new("io"), 1, CORE);
    let mask = Some(set("0-3"));
    let expected =
        Event::PinLost { role: Role::new("io"), worker: 1, core: CORE, mask, restored: true };
    assert_eq!(event, expected);
}

/// The real thing: another thread widens the mask of one that works.
#[test]
#[cfg(target_os = "linux")]
fn the_real_kernel_takes_a_pin_away() {
    use executor_common::cpu::SystemCpus;
    use rustix::thread::{CpuSet as KernelSet, gettid, sched_setaffinity};
    use std::sync::mpsc;

    let usable = SystemCpus.allowed().unwrap();
    if usable.len() < 2 {
        // There is no wider mask.
        return;
    }
    let core = usable.iter().last().unwrap();
    let (begin, begun) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let worker = std::thread::spawn(move || {
        let cpus: Arc<dyn CpuControl> = Arc::new(SystemCpus);
        let pinned = pin_this_thread(&*cpus, PinPolicy::Require, core);
        assert_eq!(pinned.outcome, PinOutcome::Pinned);
        let mut watch = PinWatch::new(cpus, PinPolicy::Require, core, &pinned);
        begin.send(gettid()).unwrap();
        let change = loop {
            if let Some(change) = watch.tick().and_then(|look| look.change) {
                break change;
            }
        };
        tell.send((change, SystemCpus.allowed().unwrap())).unwrap();
    });
    let thread = begun.recv().unwrap();
    let mut wide = KernelSet::new();
    usable.iter().for_each(|cpu| wide.set(cpu));
    sched_setaffinity(Some(thread), &wide).unwrap();
    let (change, mask) = told.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    worker.join().unwrap();
    assert_eq!(change.loss, Some(PinLoss { mask: Some(usable), restored: true }));
    assert!(mask.iter().eq([core]));
}
