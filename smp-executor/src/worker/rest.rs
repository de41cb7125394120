//! A worker without work: asleep, or out of play.

use executor_common::sync::atomic::{Ordering, fence};
use executor_common::sync::now;

use super::Worker;
use crate::observe;
use crate::shutdown::Phase;
use crate::sleep::{Searching, Woken};

impl Worker {
    /// Lies down until there is something to do. Returns the evidence if a waker counted this worker as
    /// searching.
    pub(super) async fn sleep(&self, searching: Option<Searching>) -> Option<Searching> {
        let counters = self.counters();
        counters.end_busy();
        counters.parks.add_owned(1);
        observe::call(self.shared.hooks.on_park.as_ref(), self.index);
        let begin = now();
        let is_work_left = |others| self.is_work_left(others);
        let is_bound = self.is_bound();
        let woken = self.shared.sleep.fall_asleep(
            self.index,
            &self.parker,
            searching,
            is_bound,
            is_work_left,
        );
        let woken = woken.await;
        self.patience.note_sleep(now().duration_since(begin));
        self.woken(woken)
    }

    fn woken(&self, woken: Woken) -> Option<Searching> {
        self.counters().wakes.add_owned(1);
        self.dismissed.set(matches!(woken, Woken::Dismissed));
        observe::call(self.shared.hooks.on_unpark.as_ref(), self.index);
        match woken {
            Woken::ToSearch(evidence) => Some(evidence),
            Woken::ToLook | Woken::Dismissed => None,
        }
    }

    /// Whether there are futures that only this worker may run.
    pub(super) fn is_bound(&self) -> bool {
        self.remote().own.has_live_futures()
    }

    /// A spare goes out of play, since the worker for which it came goes on. Others run what it has queued.
    pub(super) async fn retire(&self) -> Option<Searching> {
        self.counters().end_busy();
        self.open_queues();
        let shared = &self.shared;
        let if_all_asleep = || {
            if shared.lifecycle.phase() == Phase::Draining {
                // One of them finds that the pool is drained.
                shared.sleep.call_all();
            }
        };
        let ends = || shared.lifecycle.phase() == Phase::Stopping;
        if !shared.sleep.retire(self.index, ends, if_all_asleep) {
            return None;
        }
        let woken = shared.sleep.sleep_until_woken(self.index, &self.parker).await;
        self.woken(woken)
    }

    /// Moves everything to where others can steal it, and wakes somebody for it: this worker takes nothing for a while.
    pub(crate) fn open_queues(&self) {
        self.tasks.share_all(&self.remote().tasks);
        // Ordering: as in `Sleep::fall_asleep`, for the one whom this worker has put among the sleepers.
        fence(Ordering::SeqCst);
        self.shared.ask_everybody(self.index);
        if self.shared.is_work_visible() {
            self.shared.sleep.notify();
        }
    }
}
