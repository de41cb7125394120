//! Random programs of operations on task cells, against a model of what each operation must bring about.

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use executor_common::sync::{Arc, Counter};
use executor_common::{
    AbortHandle, DomainId, JoinError, JoinHandle, RunOutcome, Runnable, Schedule, TaskRegistry,
    closure_task, enter_domain, expiring_closure_task, expiring_future_task, future_task,
};

use model::{End, Model, Turn, Work};

#[path = "task_cell/model.rs"]
mod model;

/// So many tasks of one program; more bring nothing that two would not.
const MOST_TASKS: usize = 6;

/// An operation of a program. A task is named by any number, modulo how many there are.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Op {
    Spawn { work: Work, expired: bool, bomb: bool },
    RunOldest,
    RunNewest,
    DropOldest,
    CancelNewest,
    Wake { task: u8, by_value: bool },
    DropWaker { task: u8 },
    Abort { task: u8 },
    KeepAborter { task: u8 },
    AbortFromElsewhere { task: u8 },
    DropAborter { task: u8 },
    Poll { task: u8, waker: bool },
    Take { task: u8 },
    Join { task: u8 },
    DropHandle { task: u8 },
    CloseRegistry,
}

/// Runs the program that `data` stands for. Panics where the task cells do something else than the model.
pub(crate) fn check(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let mut program = Program::new();
    while !bytes.is_empty() {
        let Ok(op) = Op::arbitrary(&mut bytes) else { break };
        program.apply(op);
    }
    program.end();
}

/// Counts its drops.
struct CountsDrop(Arc<Counter>);

impl Drop for CountsDrop {
    fn drop(&mut self) {
        self.0.add(1);
    }
}

/// Unwinds when it is dropped, without a word to the panic hook.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new("the destructor's panic"));
    }
}

/// What a future leaves where the program finds it.
#[derive(Default)]
struct Left {
    wakers: Vec<Waker>,
    /// For a future that aborts itself.
    own: Option<AbortHandle>,
}

/// The future of a task.
struct Script {
    turns: VecDeque<Turn>,
    panics: bool,
    left: Arc<Mutex<Left>>,
    value: Option<CountsDrop>,
    _held: CountsDrop,
    _bomb: Option<Bomb>,
}

impl Future for Script {
    type Output = CountsDrop;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CountsDrop> {
        match self.turns.pop_front() {
            Some(Turn::Suspend) => {
                self.left.lock().unwrap().wakers.push(context.waker().clone());
            }
            Some(Turn::WakeSelf) => context.waker().wake_by_ref(),
            Some(Turn::AbortSelf) => {
                let own = self.left.lock().unwrap();
                own.own.as_ref().expect("it was given one").abort();
            }
            None if self.panics => resume_unwind(Box::new("the task's own panic")),
            None => return Poll::Ready(self.value.take().expect("polled to the end once")),
        }
        Poll::Pending
    }
}

struct Queue {
    ready: mpsc::Sender<Runnable>,
    registry: TaskRegistry,
}

impl Schedule for Queue {
    fn schedule(&self, task: Runnable) {
        let _ = self.ready.send(task);
    }

    fn registry(&self) -> &TaskRegistry {
        &self.registry
    }
}

/// Wakes whoever joins.
#[derive(Default)]
struct CountsWakes(Counter);

impl Wake for CountsWakes {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.add(1);
    }
}

/// A task, and what must hold of it.
struct Task {
    model: Model,
    handle: Option<JoinHandle<CountsDrop>>,
    aborters: Vec<AbortHandle>,
    left: Arc<Mutex<Left>>,
    held: Arc<Counter>,
    value: Arc<Counter>,
    wakers: [std::sync::Arc<CountsWakes>; 2],
    id: executor_common::TaskId,
}

struct Program {
    tasks: Vec<Task>,
    entries: VecDeque<(usize, Runnable)>,
    ready: mpsc::Receiver<Runnable>,
    queue: Arc<Queue>,
    domain: DomainId,
    reports: Arc<Counter>,
    closed: bool,
}

impl Program {
    fn new() -> Self {
        let (sender, ready) = mpsc::channel();
        let queue = Arc::new(Queue { ready: sender, registry: TaskRegistry::new(1) });
        let (domain, reports) = (DomainId::unique(), Arc::new(Counter::new()));
        let counted = Arc::clone(&reports);
        enter_domain(domain, Some(Arc::new(move |_| counted.add(1))));
        let (tasks, entries) = (Vec::new(), VecDeque::new());
        Self { tasks, entries, ready, queue, domain, reports, closed: false }
    }

    fn apply(&mut self, op: Op) {
        let count = self.tasks.len();
        let at = |task: u8| usize::from(task).checked_rem(count);
        let mut scheduled = Vec::new();
        match op {
            Op::Spawn { work, expired, bomb } if count < MOST_TASKS => {
                self.spawn(work, expired, bomb);
            }
            Op::Spawn { .. } => {}
            Op::RunOldest => self.run(|entries| entries.pop_front()),
            Op::RunNewest => self.run(|entries| entries.pop_back()),
            Op::DropOldest => {
                if let Some((index, entry)) = self.entries.pop_front() {
                    drop(entry);
                    let _ = self.tasks[index].model.cancel();
                }
            }
            Op::CancelNewest => {
                if let Some((index, entry)) = self.entries.pop_back() {
                    let expected = self.tasks[index].model.cancel();
                    assert_eq!(name(&entry.cancel()), expected);
                }
            }
            Op::Wake { task, by_value } => {
                let Some(index) = at(task) else { return };
                let task = &mut self.tasks[index];
                let Some(waker) = task.left.lock().unwrap().wakers.pop() else { return };
                if by_value {
                    waker.wake();
                } else {
                    waker.wake_by_ref();
                    task.left.lock().unwrap().wakers.push(waker);
                }
                scheduled.extend(task.model.wake().then_some(index));
            }
            Op::DropWaker { task } => {
                let Some(index) = at(task) else { return };
                let waker = self.tasks[index].left.lock().unwrap().wakers.pop();
                drop(waker);
            }
            Op::Abort { task } => {
                let Some(index) = at(task) else { return };
                let task = &mut self.tasks[index];
                let Some(handle) = &task.handle else { return };
                handle.abort();
                scheduled.extend(task.model.abort().then_some(index));
            }
            Op::KeepAborter { task } => {
                let Some(index) = at(task) else { return };
                let task = &mut self.tasks[index];
                let another = match (&task.handle, task.aborters.last()) {
                    (Some(handle), _) => handle.abort_handle(),
                    (None, Some(aborter)) => aborter.clone(),
                    (None, None) => return,
                };
                task.aborters.push(another);
            }
            Op::AbortFromElsewhere { task } => {
                let Some(index) = at(task) else { return };
                let task = &mut self.tasks[index];
                let Some(aborter) = task.aborters.last() else { return };
                aborter.abort();
                scheduled.extend(task.model.abort().then_some(index));
            }
            Op::DropAborter { task } => {
                let Some(index) = at(task) else { return };
                self.tasks[index].aborters.pop();
            }
            Op::Poll { task, waker } => {
                let Some(index) = at(task) else { return };
                self.tasks[index].poll(usize::from(waker));
            }
            Op::Take { task } => {
                let Some(index) = at(task) else { return };
                let closed = self.closed;
                let task = &mut self.tasks[index];
                let Some(handle) = task.handle.take() else { return };
                task.model.run_in_place(closed);
                match handle.join_timeout(Duration::ZERO) {
                    Ok(result) => task.expect(result),
                    Err(handle) => {
                        assert_eq!(task.model.end(), None, "a task that has ended is joined");
                        task.handle = Some(handle);
                        task.model.watch(None);
                    }
                }
            }
            Op::Join { task } => {
                let Some(index) = at(task) else { return };
                let closed = self.closed;
                let task = &mut self.tasks[index];
                let mut after = task.model.clone();
                after.run_in_place(closed);
                if after.end().is_none() {
                    // It would wait for ever.
                    return;
                }
                let Some(handle) = task.handle.take() else { return };
                task.model = after;
                let result = handle.join();
                task.expect(result);
            }
            Op::DropHandle { task } => {
                let Some(index) = at(task) else { return };
                let task = &mut self.tasks[index];
                if let Some(handle) = task.handle.take() {
                    drop(handle);
                    task.model.drop_handle();
                }
            }
            Op::CloseRegistry => {
                let mut expected = 0;
                for (index, task) in self.tasks.iter_mut().enumerate() {
                    let (was_in, is_scheduled) = task.model.close_registry();
                    expected += usize::from(was_in);
                    scheduled.extend(is_scheduled.then_some(index));
                }
                assert_eq!(self.queue.registry.close(), expected);
                self.closed = true;
            }
        }
        self.collect(scheduled);
        self.compare();
    }

    fn spawn(&mut self, work: Work, expired: bool, bomb: bool) {
        let (held, value) = (Arc::new(Counter::new()), Arc::new(Counter::new()));
        let (holds, output) = (CountsDrop(Arc::clone(&held)), CountsDrop(Arc::clone(&value)));
        let left = Arc::new(Mutex::new(Left::default()));
        let model = Model::new(work, expired, bomb);
        let (turns, panics) = (model.turns(), model.panics());
        // A second panic while the first one unwinds would end the process.
        let bomb = if bomb && !panics { Some(Bomb) } else { None };
        let deadline = expired.then(Instant::now);
        let aborts_itself = turns.contains(&Turn::AbortSelf);
        let (entry, handle) = if model.is_future() {
            let future = Script {
                turns,
                panics,
                left: Arc::clone(&left),
                value: Some(output),
                _held: holds,
                _bomb: bomb,
            };
            match deadline {
                // SAFETY: the queue lives as long as the program, which alone runs the task; all of it is `Send`.
                Some(at) => unsafe {
                    expiring_future_task(self.domain, at, future, &self.queue, 0)
                },
                // SAFETY: as above.
                None => unsafe { future_task(self.domain, future, &self.queue) },
            }
        } else {
            let closure = move || {
                let (_holds, output) = (holds, output);
                drop(bomb);
                if panics {
                    resume_unwind(Box::new("the task's own panic"));
                }
                output
            };
            match deadline {
                Some(at) => expiring_closure_task(self.domain, at, closure),
                None => closure_task(self.domain, closure),
            }
        };
        if aborts_itself {
            left.lock().unwrap().own = Some(handle.abort_handle());
        }
        self.entries.push_back((self.tasks.len(), entry));
        let wakers = Default::default();
        let (id, handle, aborters) = (handle.id(), Some(handle), Vec::new());
        self.tasks.push(Task { model, handle, aborters, left, held, value, wakers, id });
    }

    /// Runs the entry that `which` takes.
    fn run(
        &mut self,
        which: impl Fn(&mut VecDeque<(usize, Runnable)>) -> Option<(usize, Runnable)>,
    ) {
        let Some((index, entry)) = which(&mut self.entries) else { return };
        let task = &mut self.tasks[index];
        assert_eq!((entry.id(), entry.is_future()), (task.id, task.model.is_future()));
        assert_eq!(entry.is_void(), task.model.end().is_some());
        let expected = task.model.run(self.closed);
        let outcome = entry.run();
        assert_eq!(name(&outcome), expected);
        if let RunOutcome::Yielded(again) = outcome {
            self.entries.push_back((index, again));
        }
    }

    /// Takes what was scheduled, which must be entries of these tasks.
    fn collect(&mut self, mut expected: Vec<usize>) {
        while let Ok(entry) = self.ready.try_recv() {
            let index = self.tasks.iter().position(|task| task.id == entry.id()).unwrap();
            let place = expected.iter().position(|task| *task == index);
            expected.swap_remove(place.expect("nothing else is scheduled"));
            self.entries.push_back((index, entry));
        }
        assert!(expected.is_empty(), "{expected:?} must have been scheduled");
    }

    fn compare(&self) {
        for task in &self.tasks {
            let end = task.model.end();
            if let Some(handle) = &task.handle {
                assert_eq!((handle.is_finished(), handle.id()), (end.is_some(), task.id));
            }
            assert!(task.aborters.iter().all(|each| each.is_finished() == end.is_some()));
            assert_eq!(task.held.get(), u64::from(end.is_some()), "what the work owned");
            assert_eq!(task.value.get(), u64::from(task.model.is_value_gone()), "the output");
            let wakes = [0, 1].map(|waker: usize| task.wakers[waker].0.get());
            assert_eq!(wakes, task.model.wakes(), "who joins is woken once");
        }
        let in_registry = self.tasks.iter().filter(|task| task.model.is_in_registry()).count();
        assert_eq!(self.queue.registry.len(), in_registry);
        let reported = self.tasks.iter().filter(|task| task.model.is_reported()).count();
        assert_eq!(self.reports.get(), reported as u64, "panics that no handle took");
    }

    /// Lets go of everything, after which nothing may be left.
    fn end(mut self) {
        self.apply(Op::CloseRegistry);
        while !self.entries.is_empty() {
            self.apply(Op::DropOldest);
        }
        for task in 0..self.tasks.len() as u8 {
            assert!(self.tasks[usize::from(task)].model.end().is_some(), "nothing is forgotten");
            self.apply(Op::DropHandle { task });
        }
        self.tasks.iter_mut().for_each(|task| task.aborters.clear());
        for task in &self.tasks {
            let left = mem::take(&mut *task.left.lock().unwrap());
            drop(left);
            assert_eq!((task.held.get(), task.value.get()), (1, 1));
            let shares = task.wakers.each_ref().map(std::sync::Arc::strong_count);
            assert_eq!(shares, [1, 1], "no waker is kept");
        }
        assert_eq!(Arc::strong_count(&self.queue), 1, "every cell has been freed");
        enter_domain(DomainId::NONE, None);
    }
}

impl Task {
    fn poll(&mut self, waker: usize) {
        let Some(handle) = &mut self.handle else { return };
        let counting = Waker::from(std::sync::Arc::clone(&self.wakers[waker]));
        match Pin::new(handle).poll(&mut Context::from_waker(&counting)) {
            Poll::Pending => {
                assert_eq!(self.model.end(), None);
                self.model.watch(Some(waker));
            }
            Poll::Ready(result) => {
                self.expect(result);
                self.handle = None;
            }
        }
    }

    /// The result is the one that the model says.
    fn expect(&mut self, result: Result<CountsDrop, JoinError>) {
        match (self.model.take(), &result) {
            (End::Output, Ok(_)) => {}
            (End::Panic, Err(error)) => assert!(error.is_panic(), "{error}"),
            (End::Cancelled, Err(error)) => assert!(error.is_cancelled(), "{error}"),
            (End::Expired, Err(error)) => assert!(error.is_expired(), "{error}"),
            (end, result) => panic!("{end:?}, and the handle has {:?}", result.as_ref().err()),
        }
    }
}

fn name(outcome: &RunOutcome) -> String {
    format!("{outcome:?}")
}
