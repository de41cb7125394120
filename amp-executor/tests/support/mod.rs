//! What the integration tests share.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use amp_executor::cpu::{CpuControl, CpuSet, SystemCpus};
use amp_executor::{
    AmpBuilder, AmpExecutor, ExecutorMetrics, Role, RoleConfig, RoleHandle, WorkerMetrics,
};

pub(crate) const A: Role = Role::new("a");
pub(crate) const B: Role = Role::new("b");
pub(crate) const C: Role = Role::new("c");

/// Runs `body` on a thread of its own and fails if it has not finished after a minute.
pub(crate) fn watchdog(body: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        body();
        let _ = done.send(());
    });
    match finished.recv_timeout(Duration::from_secs(60)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test hangs"),
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            if let Err(payload) = thread.join() {
                std::panic::resume_unwind(payload);
            }
        }
    }
}

/// The cores that this process may use.
pub(crate) fn usable() -> Vec<usize> {
    SystemCpus.allowed().expect("the mask can be read").iter().collect()
}

/// Two roles of one worker each, on two cores where there are two.
pub(crate) fn two_roles(capacity: usize) -> AmpBuilder {
    let cores = usable();
    let on = |role, core: &usize| RoleConfig::new(role).cores([*core]).shared().capacity(capacity);
    AmpExecutor::builder().role(on(A, cores.first().unwrap())).role(on(B, cores.last().unwrap()))
}

/// One role of one worker.
pub(crate) fn one_role(capacity: usize) -> AmpBuilder {
    AmpExecutor::builder().role(RoleConfig::new(A).cores([usable()[0]]).capacity(capacity))
}

/// One role with a worker on each of the first so many CPUs of a fake machine; tasks learn theirs from [`fake_core`].
pub(crate) fn fake_workers(workers: usize, capacity: usize) -> AmpBuilder {
    AmpExecutor::builder()
        .role(RoleConfig::new(A).cores(0..workers).capacity(capacity))
        .cpus(Arc::new(FakeCpus { pins: Pins::Granted }))
}

/// The CPU of a fake machine that the calling worker is pinned to.
pub(crate) fn fake_core() -> Option<usize> {
    PINNED_TO.get()
}

/// Holds a role's worker until it is dropped or released.
pub(crate) struct Hold {
    release: mpsc::Sender<()>,
    pub(crate) task: amp_executor::JoinHandle<()>,
}

/// Occupies one worker of `role`, and returns when it is occupied.
pub(crate) fn hold(role: &RoleHandle) -> Hold {
    let (release, released) = mpsc::channel();
    let (begin, begun) = mpsc::channel();
    let task = role
        .spawn(move || {
            begin.send(()).unwrap();
            let _ = released.recv();
        })
        .unwrap();
    begun.recv().unwrap();
    Hold { release, task }
}

impl Hold {
    pub(crate) fn release(self) {
        drop(self.release);
        self.task.join().unwrap();
    }

    /// Lets go without waiting.
    pub(crate) fn let_go(self) {}
}

/// Fills the channel of a role whose workers are held.
pub(crate) fn fill(role: &RoleHandle) -> Vec<amp_executor::JoinHandle<()>> {
    (role.depth()..role.capacity()).map(|_| role.try_spawn(|| {}).unwrap()).collect()
}

/// Waits for a state of the executor that nothing signals.
pub(crate) fn until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

/// Waits until all workers sleep.
pub(crate) fn until_asleep(amp: &AmpExecutor) {
    until(|| amp.metrics().workers.iter().all(is_asleep));
}

/// Whether the worker sleeps.
pub(crate) fn is_asleep(worker: &WorkerMetrics) -> bool {
    worker.parks == worker.wakes + 1
}

/// Lets it become later than `instant`.
pub(crate) fn until_after(instant: Instant) {
    until(|| Instant::now() > instant);
}

/// Fails unless all tasks that were admitted have been accounted for. Nothing waits or runs any more.
#[track_caller]
pub(crate) fn assert_accounted(metrics: &ExecutorMetrics) {
    for role in &metrics.roles {
        let ended = role.completed + role.claimed + role.expired + role.cancelled;
        assert_eq!(role.admitted, ended, "{role:#?}");
    }
}

/// What tasks have written, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<String>>);

impl Log {
    /// A task that writes a letter.
    pub(crate) fn note(&self, letter: char) -> impl FnOnce() + Send + 'static + use<> {
        let log = self.clone();
        move || log.write(letter)
    }

    pub(crate) fn write(&self, letter: char) {
        self.0.lock().unwrap().push(letter);
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    /// The text, once it has so many letters.
    pub(crate) fn text_of(&self, letters: usize) -> String {
        until(|| self.0.lock().unwrap().len() >= letters);
        self.text()
    }
}

/// Tells the thread on which it is dropped.
#[derive(Debug)]
pub(crate) struct TellsDrop(pub(crate) mpsc::Sender<ThreadId>);

impl Drop for TellsDrop {
    fn drop(&mut self) {
        let _ = self.0.send(std::thread::current().id());
    }
}

/// How a fake machine answers a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pins {
    Granted,
    /// An error.
    Refused,
    /// No error, and no effect.
    Ignored,
    /// Granted on even CPUs alone.
    EvenOnly,
}

/// A machine with CPUs 0 to 7, of which this process may use 0 to 3.
#[derive(Debug)]
pub(crate) struct FakeCpus {
    pub(crate) pins: Pins,
}

std::thread_local! {
    static PINNED_TO: std::cell::Cell<Option<usize>> = const { std::cell::Cell::new(None) };
}

impl CpuControl for FakeCpus {
    fn allowed(&self) -> io::Result<CpuSet> {
        Ok(match PINNED_TO.get() {
            Some(cpu) => [cpu].into_iter().collect(),
            None => (0..4).collect(),
        })
    }

    fn pin(&self, cpu: usize) -> io::Result<()> {
        match self.pins {
            Pins::Granted => {}
            Pins::EvenOnly if cpu.is_multiple_of(2) => {}
            Pins::Refused | Pins::EvenOnly => {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not for you"));
            }
            Pins::Ignored => return Ok(()),
        }
        PINNED_TO.set(Some(cpu));
        Ok(())
    }

    fn current_cpu(&self) -> Option<usize> {
        PINNED_TO.get()
    }

    fn exists(&self, cpu: usize) -> bool {
        cpu < 8
    }
}
