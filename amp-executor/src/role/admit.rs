//! How a task comes into a role.

use std::time::{Duration, Instant};

use executor_common::sync::Arc;
use executor_common::sync::atomic::Ordering;
use executor_common::{
    DomainId, JoinHandle, Runnable, SpawnSite, TrySpawnError, closure_task, expiring_closure_task,
    expiring_future_task, local_future_task, reclaim_closure,
};

use super::RoleState;
use crate::channel::{LaneId, PushError};
use crate::local::MadeThere;
use crate::queued::Route;
use crate::timed::{MissedPeriods, Periodic, PeriodicHandle, PeriodicRun};

/// On which terms a task is spawned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) lane: LaneId,
    /// It does not start after that.
    pub(crate) deadline: Option<Instant>,
    /// Who spawns it.
    pub(crate) site: SpawnSite,
}

impl RoleState {
    /// Who may run the tasks of `lane` in place.
    fn domain_of(&self, lane: LaneId) -> executor_common::DomainId {
        lane.worker().map_or(self.domain, |worker| self.workers[worker].domain)
    }

    /// Admits a closure if there is room now.
    #[inline]
    pub(crate) fn try_closure<F, T>(
        &self,
        terms: Terms,
        f: F,
    ) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // A look before the allocation: under pressure most attempts end here.
        match self.channel.lane(terms.lane).ring().probe() {
            Ok(()) => {}
            Err(PushError::Full(())) => return Err(TrySpawnError::Full(f)),
            Err(PushError::Closed(())) => return Err(TrySpawnError::Closed(f)),
        }
        let (task, handle) = self.closure(terms, f);
        let (refused, error): (_, fn(F) -> _) =
            match self.channel.push(terms.lane, self.clock.queue(task)) {
                Ok(()) => return Ok(handle),
                Err(PushError::Full(queued)) => (queued.task, TrySpawnError::Full),
                Err(PushError::Closed(queued)) => (queued.task, TrySpawnError::Closed),
            };
        // SAFETY: the two come from the call above, with this `F`; the push has not let the one out of
        // its hands, and nothing has been done with the other.
        Err(error(unsafe { reclaim_closure(refused, handle) }))
    }

    fn closure<F, T>(&self, terms: Terms, f: F) -> (executor_common::Runnable, JoinHandle<T>)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let domain = self.domain_of(terms.lane);
        let _site = terms.site.enter();
        match terms.deadline {
            None => closure_task(domain, f),
            Some(deadline) => expiring_closure_task(domain, deadline, f),
        }
    }

    /// Admits a closure if there is room now, and wakes nobody: [`Channel::announce`](crate::channel::Channel::announce)
    /// is the caller's to call.
    pub(crate) fn try_closure_quietly<F, T>(
        &self,
        terms: Terms,
        f: F,
    ) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let lane = self.channel.lane(terms.lane);
        let admitted = lane.ring().push_with(f, |f| {
            let (task, handle) = self.closure(terms, f);
            (self.clock.queue(task), handle)
        });
        admitted.map_err(refused)
    }

    /// Admits a future if there is room now.
    ///
    /// A future cannot be taken out of its cell again, hence the cell is made once there is a place for it.
    pub(crate) fn try_future<F>(
        this: &Arc<Self>,
        terms: Terms,
        future: F,
    ) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let domain = this.domain_of(terms.lane);
        let tag = Route::Lane(terms.lane).tag();
        let admitted = this.channel.push_with(terms.lane, future, |future| {
            let _site = terms.site.enter();
            // SAFETY: only the role's workers run its tasks, and only they enter its domains, which they leave before they give up
            // their share of the role. The future is `Send`.
            let (task, handle) = unsafe { future_task(this, domain, terms.deadline, future, tag) };
            (this.clock.queue(task), handle)
        });
        admitted.map_err(refused)
    }

    /// The worker that a task on these terms goes to, if it has to be one: theirs, or each in turn.
    fn one_worker(&self, terms: Terms) -> usize {
        terms.lane.worker().unwrap_or_else(|| {
            // Ordering: Relaxed; any worker would do.
            self.next_worker.fetch_add(1, Ordering::Relaxed) % self.workers.len()
        })
    }

    /// These terms, for a task that has to go to one worker.
    pub(crate) fn terms_for_one_worker(&self, terms: Terms) -> Terms {
        Terms { lane: LaneId::of_worker(self.one_worker(terms)), ..terms }
    }

    /// Admits a future that is made on the one worker that takes from the terms' lane, and stays there.
    pub(crate) fn try_local<M, F>(
        this: &Arc<Self>,
        terms: Terms,
        make: M,
    ) -> Result<JoinHandle<F::Output>, TrySpawnError<M>>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let Some(worker) = terms.lane.worker() else { unreachable!("the lane is one worker's") };
        let tag = Route::Local(worker).tag();
        let admitted = this.channel.push_with(terms.lane, make, |make| {
            let (future, domain) = (MadeThere::new(make), this.nobodys_domain);
            let _site = terms.site.enter();
            // SAFETY: the first entry goes into the lane. Whoever takes it out before the worker does drops it unrun: it is as
            // `Send` as `make` then. The worker polls it, and all other entries, those of a yield included, go by the tag to the
            // worker's queue of local futures, of which only the worker takes. No thread is in the domain, so that no handle runs
            // it, and there is no second entry beside the first. The worker does not leave before the future has been dropped
            // (`Worker::end_local_futures`), and keeps the role alive until then.
            let (task, handle) = unsafe { future_task(this, domain, terms.deadline, future, tag) };
            (this.clock.queue(task), handle)
        });
        admitted.map_err(refused)
    }

    /// Admits a closure that runs at `due`, or no later than `time_to_live` after it.
    pub(crate) fn try_timed<F, T>(
        &self,
        terms: Terms,
        due: Instant,
        time_to_live: Option<Duration>,
        f: F,
    ) -> Result<JoinHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if self.is_closing() {
            return Err(TrySpawnError::Closed(f));
        }
        let worker = self.one_worker(terms);
        let deadline = time_to_live.and_then(|time| due.checked_add(time));
        let _site = terms.site.enter();
        let handle = self.workers[worker].timers.add(due, f, |f| {
            let (task, handle) = match deadline {
                None => closure_task(self.nobodys_domain, f),
                Some(deadline) => expiring_closure_task(self.nobodys_domain, deadline, f),
            };
            (task, None, handle)
        })?;
        self.channel.call(worker);
        Ok(handle)
    }

    /// Admits a closure that runs at `first` and then once in each period.
    ///
    /// # Panics
    ///
    /// If `period` is zero.
    pub(crate) fn try_periodic<F>(
        this: &Arc<Self>,
        terms: Terms,
        first: Instant,
        period: Duration,
        missed_periods: MissedPeriods,
        f: F,
    ) -> Result<PeriodicHandle, TrySpawnError<F>>
    where
        F: FnMut() + Send + 'static,
    {
        let periodic = Arc::new(Periodic::new(period, missed_periods));
        if this.is_closing() {
            return Err(TrySpawnError::Closed(f));
        }
        let worker = this.one_worker(terms);
        let tag = Route::Lane(LaneId::of_worker(worker)).tag();
        let task = this.workers[worker].timers.add(first, f, |f| {
            let _site = terms.site.enter();
            let run = PeriodicRun { f, periodic: Arc::clone(&periodic) };
            // SAFETY: as in `try_future`; no thread enters this domain.
            let (task, handle) = unsafe { local_future_task(this.nobodys_domain, run, this, tag) };
            (task, Some(Arc::clone(&periodic)), handle)
        })?;
        this.channel.call(worker);
        Ok(PeriodicHandle::new(task, periodic, Arc::clone(this), worker))
    }
}

/// A future's task, with a deadline where there is one.
///
/// # Safety
///
/// As for [`local_future_task`].
unsafe fn future_task<F>(
    role: &Arc<RoleState>,
    domain: DomainId,
    deadline: Option<Instant>,
    future: F,
    tag: u32,
) -> (Runnable, JoinHandle<F::Output>)
where
    F: Future + 'static,
    F::Output: 'static,
{
    match deadline {
        // SAFETY: the caller's promise is passed on.
        None => unsafe { local_future_task(domain, future, role, tag) },
        // SAFETY: as above; nothing more is asked for.
        Some(deadline) => unsafe { expiring_future_task(domain, deadline, future, role, tag) },
    }
}

fn refused<W>(error: PushError<W>) -> TrySpawnError<W> {
    match error {
        PushError::Full(work) => TrySpawnError::Full(work),
        PushError::Closed(work) => TrySpawnError::Closed(work),
    }
}
