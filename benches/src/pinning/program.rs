//! The programs, and a turn of one under one policy.

use std::time::{Duration, Instant};

use amp_executor::{AmpExecutor, RoleConfig, RoleHandle};
use anyhow::ensure;
use executor_common::Role;
use executor_common::cpu::{CpuControl, SystemCpus};
use executor_common::sync::Arc;
use executor_common::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use serde::Serialize;

use super::policy::Policy;
use crate::realtime::places::Places;

const FRONT: Role = Role::new("front");
const BACK: Role = Role::new("back");

/// Tasks of a stream between two looks at the clock.
const BATCH: u64 = 64;

/// What the two roles do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shape {
    /// A future of the one role calls the other one, again and again, and waits for each answer.
    Request,
    /// A task of the one role spawns tasks onto the other one, as fast as there is room.
    Stream,
}

/// What is measured: the time of one request, or of one task of the stream.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Program {
    pub(super) shape: Shape,
    /// A stranger computes all the time on the first role's core.
    pub(super) beside_a_stranger: bool,
}

impl Program {
    /// All of them, in the order of the table.
    pub(super) const ALL: [Self; 4] = [
        Self { shape: Shape::Request, beside_a_stranger: false },
        Self { shape: Shape::Stream, beside_a_stranger: false },
        Self { shape: Shape::Request, beside_a_stranger: true },
        Self { shape: Shape::Stream, beside_a_stranger: true },
    ];

    pub(super) const fn name(self) -> &'static str {
        match (self.shape, self.beside_a_stranger) {
            (Shape::Request, false) => "request",
            (Shape::Stream, false) => "stream",
            (Shape::Request, true) => "request-beside-stranger",
            (Shape::Stream, true) => "stream-beside-stranger",
        }
    }
}

/// What one turn gave.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Round {
    /// Of one request, or of one task of the stream.
    pub(super) seconds: f64,
    /// Workers that are pinned, as read back.
    pub(super) pinned: usize,
    /// All workers.
    pub(super) workers: usize,
}

impl Program {
    /// Runs it for so long.
    pub(super) fn run(
        self,
        policy: Policy,
        time: Duration,
        places: &Places,
    ) -> anyhow::Result<Round> {
        let first = places.others.iter().next().unwrap_or(places.own);
        let executor = AmpExecutor::builder()
            .role(places.place(RoleConfig::new(FRONT), [first]))
            .role(places.place(RoleConfig::new(BACK), [places.own]))
            .pin(policy.of_executor())
            .build()?;
        let (front, back) = (executor.role(FRONT)?, executor.role(BACK)?);
        let stranger = self.beside_a_stranger.then(|| Stranger::start(first)).transpose()?;
        let seconds = match self.shape {
            Shape::Request => request(&front, back, time)?,
            Shape::Stream => stream(&front, back, time)?,
        };
        drop(stranger);
        let placement = executor.placement();
        Ok(Round { seconds, pinned: policy.pinned(&placement)?, workers: placement.len() })
    }
}

fn request(front: &RoleHandle, back: RoleHandle, time: Duration) -> anyhow::Result<f64> {
    let requests = front.spawn_future(async move {
        let start = Instant::now();
        let mut requests = 0_u64;
        while start.elapsed() < time {
            let answer = back.call(move || requests).await?;
            ensure!(answer == requests, "the answer to another request");
            requests += 1;
        }
        ensure!(requests > 0, "no request was answered");
        Ok(start.elapsed().as_secs_f64() / requests as f64)
    })?;
    requests.join()?
}

fn stream(front: &RoleHandle, back: RoleHandle, time: Duration) -> anyhow::Result<f64> {
    // Never freed, so that tasks need not count who holds it.
    let ran: &'static AtomicU64 = Box::leak(Box::default());
    let spawning = front.spawn(move || {
        let start = Instant::now();
        let mut tasks = 0;
        while start.elapsed() < time {
            for _ in 0..BATCH {
                // Ordering: Relaxed; joining the last task publishes them all.
                drop(back.spawn(|| ran.fetch_add(1, Ordering::Relaxed))?);
            }
            tasks += BATCH;
        }
        // The other role has one worker, which runs this one last.
        back.spawn(|| ())?.join()?;
        // Ordering: see above.
        let ran = ran.load(Ordering::Relaxed);
        ensure!(ran == tasks, "{ran} tasks ran, of {tasks}");
        Ok(start.elapsed().as_secs_f64() / tasks as f64)
    })?;
    spawning.join()?
}

/// A thread of somebody else's that computes on one core until it is dropped.
struct Stranger {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Stranger {
    fn start(cpu: usize) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (pinned, is_pinned) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let _ = pinned.send(SystemCpus.pin(cpu));
            // Ordering: Relaxed; nothing is published by it.
            while !stopped.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let stranger = Self { stop, thread: Some(thread) };
        is_pinned.recv()??;
        Ok(stranger)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        // Ordering: see `start`.
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
