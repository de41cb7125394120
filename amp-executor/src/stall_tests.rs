use super::detector::{Detector, Stall};
use super::*;
use executor_common::sync::Mutex;
use std::sync::mpsc;
use std::time::Instant;

const MS: Duration = Duration::from_millis(1);
const LIMIT: Duration = Duration::from_millis(100);
const ROLE: Role = Role::new("io");

fn id(number: u64) -> TaskId {
    TaskId::from_u64(number).unwrap()
}

fn runs(sequence: u64, task: u64) -> Sample {
    Sample { sequence, task: TaskId::from_u64(task) }
}

fn stall(task: u64, held_for: Duration) -> Option<Stall> {
    Some(Stall { task: id(task), held_for, is_to_be_reported: true })
}

#[test]
fn a_run_stalls_once_when_it_has_been_seen_for_the_limit() {
    let begin = Instant::now();
    let mut detector = Detector::new(LIMIT);
    let mut look = |at: u32, sample| detector.look(begin + MS * at, sample);
    assert_eq!(look(0, runs(1, 9)), None);
    assert_eq!(look(99, runs(1, 9)), None);
    assert_eq!(look(125, runs(1, 9)), stall(9, 125 * MS));
    assert_eq!(look(1_000, runs(1, 9)), None, "once");
    // The same future, polled again.
    assert_eq!(look(1_001, runs(2, 9)), None);
    assert_eq!(look(1_100, runs(2, 9)), None);
    assert_eq!(look(1_101, runs(2, 9)), stall(9, 100 * MS));
}

#[test]
fn short_runs_and_idle_time_do_not_add_up() {
    let begin = Instant::now();
    let mut detector = Detector::new(LIMIT);
    for look in 0..100_u32 {
        let at = begin + 25 * MS * look;
        let sample = match look % 8 {
            // Seen for 75 ms.
            0..=3 => runs(u64::from(look / 8) + 1, 5),
            // Between tasks, for as long.
            _ => runs(u64::from(look / 8) + 1, 0),
        };
        assert_eq!(detector.look(at, sample), None);
    }
    // Another task at each look, in the same sequence number even, as a look between two stores might see it.
    for look in 0..100 {
        assert_eq!(detector.look(begin + 25 * MS * look, runs(50, 1 + u64::from(look))), None);
    }
}

#[test]
fn a_watch_that_was_late_itself_says_what_it_has_seen() {
    let begin = Instant::now();
    let mut detector = Detector::new(LIMIT);
    assert_eq!(detector.look(begin, runs(1, 9)), None);
    let late = begin + 5_000 * MS;
    assert_eq!(detector.look(late, runs(1, 9)), stall(9, 5_000 * MS));
    // Or it has slept through the run.
    assert_eq!(detector.look(late + 5_000 * MS, runs(2, 9)), None);
}

#[test]
fn five_reports_a_minute_and_the_rest_is_counted() {
    let begin = Instant::now();
    let mut detector = Detector::new(LIMIT);
    let mut sequence = 0;
    let mut stall_at = |seconds: u64| {
        sequence += 1;
        let at = begin + Duration::from_secs(seconds);
        assert_eq!(detector.look(at, runs(sequence, 3)), None);
        detector.look(at + LIMIT, runs(sequence, 3)).expect("it has stalled").is_to_be_reported
    };
    assert!((0..5).all(|second| stall_at(10 * second)));
    assert!(!stall_at(50) && !stall_at(59), "those at 0, 10, 20, 30, 40 are too recent");
    assert!(stall_at(60) && !stall_at(61));
    assert!(stall_at(70) && !stall_at(71));
    assert!((0..5).all(|second| stall_at(200 + second)));
    assert!(!stall_at(205));
}

#[test]
fn what_is_published_is_seen() {
    let running = RunningTask::default();
    assert_eq!(running.sample(), runs(0, 0));
    running.begin(id(4));
    assert_eq!(running.sample(), runs(1, 4));
    running.end();
    assert_eq!(running.sample(), runs(1, 0));
    running.begin(id(4));
    assert_eq!(running.sample(), runs(2, 4));
}

/// A worker that only publishes.
#[derive(Default)]
struct Fake {
    running: RunningTask,
    stalls: Counter,
}

impl Observed for Arc<Fake> {
    fn running(&self) -> &RunningTask {
        &self.running
    }

    fn stalls(&self) -> &Counter {
        &self.stalls
    }
}

fn watched(worker: usize, fake: &Arc<Fake>) -> Watched<Arc<Fake>> {
    Watched { role: ROLE, worker, core: worker + 10, observed: Arc::clone(fake) }
}

/// Fails if `body` has not finished after a minute.
fn watchdog(body: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        body();
        let _ = done.send(());
    });
    if finished.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("the test hangs");
    }
    thread.join().unwrap();
}

#[test]
fn the_thread_reports_who_holds_which_worker() {
    watchdog(|| {
        let fakes: Vec<_> = (0..3).map(|_| Arc::new(Fake::default())).collect();
        let workers = fakes.iter().enumerate().map(|(worker, fake)| watched(worker, fake));
        let (tell, told) = mpsc::channel();
        let hook: EventHook = std::sync::Arc::new(move |event: &Event| {
            tell.send(event.clone()).unwrap();
            panic!("which ends nothing");
        });
        let watch = StallWatch::start(5 * MS, workers.collect(), Some(hook)).unwrap();
        for (worker, task) in [(1, 7), (0, 8), (1, 7)] {
            fakes[worker].running.begin(id(task));
            let Event::Stall { role, worker: at, core, task: stalled, held_for } =
                told.recv().unwrap()
            else {
                panic!("another event")
            };
            fakes[worker].running.end();
            assert_eq!((role, at, core, stalled), (ROLE, worker, worker + 10, id(task)));
            assert!(held_for >= 5 * MS);
        }
        drop(watch);
        assert!(told.recv().is_err(), "the hook is gone, and nothing else was reported");
        let stalls: Vec<_> = fakes.iter().map(|fake| fake.stalls.get()).collect();
        assert_eq!(stalls, [1, 2, 0]);
    });
}

#[test]
fn stalls_are_counted_where_nobody_listens() {
    watchdog(|| {
        let fake = Arc::new(Fake::default());
        let watch = StallWatch::start(Duration::ZERO, vec![watched(0, &fake)], None).unwrap();
        fake.running.begin(id(1));
        while fake.stalls.get() == 0 {
            std::thread::yield_now();
        }
        watch.let_go();
    });
}

#[test]
fn the_thread_ends_at_once_however_long_the_limit() {
    watchdog(|| {
        for limit in [Duration::from_secs(3_600), Duration::MAX] {
            let fake = Arc::new(Fake::default());
            drop(StallWatch::start(limit, vec![watched(0, &fake)], None).unwrap());
            assert_eq!(Arc::strong_count(&fake), 1, "the thread has been joined");
        }
    });
}

/// The hook may end the executor, and the watch with it.
#[test]
fn a_watch_that_is_dropped_by_its_own_hook_does_not_wait_for_itself() {
    watchdog(|| {
        let fake = Arc::new(Fake::default());
        let place: Arc<Mutex<Option<StallWatch>>> = Arc::default();
        let (tell, told) = mpsc::channel();
        let own_place = Arc::clone(&place);
        let hook: EventHook = std::sync::Arc::new(move |_: &Event| {
            let watch = own_place.lock().take();
            assert!(watch.is_some());
            drop(watch);
            tell.send(()).unwrap();
        });
        *place.lock() = Some(StallWatch::start(MS, vec![watched(0, &fake)], Some(hook)).unwrap());
        fake.running.begin(id(1));
        told.recv().unwrap();
        assert!(told.recv().is_err(), "the thread has ended, and its hook with it");
    });
}
