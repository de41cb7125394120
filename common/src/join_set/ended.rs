//! Who has ended, in which order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::sync::Mutex;
use crate::task::TaskId;

/// The members that have ended. The standard library's `Arc`, as wakers need it; what is published goes through
/// the lock.
#[derive(Default)]
pub(super) struct Ended {
    queue: Mutex<EndedQueue>,
}

#[derive(Default)]
struct EndedQueue {
    /// In the order in which they ended. A member that was let go of meanwhile may be among them.
    ids: VecDeque<TaskId>,
    /// Who waits for the next one.
    waiter: Option<Waker>,
}

/// The waker that a member's task wakes at its end.
struct MemberWaker {
    id: TaskId,
    ended: Arc<Ended>,
}

impl Wake for MemberWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waiter = {
            let mut queue = self.ended.queue.lock();
            queue.ids.push_back(self.id);
            queue.waiter.take()
        };
        // A waker is foreign code: not under the lock.
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

impl Ended {
    /// What the member `id` is to wake at its end.
    pub(super) fn waker_of(self: &Arc<Self>, id: TaskId) -> Waker {
        Waker::from(Arc::new(MemberWaker { id, ended: Arc::clone(self) }))
    }

    /// The member `id` has ended, and nobody waits.
    pub(super) fn push(&self, id: TaskId) {
        self.queue.lock().ids.push_back(id);
    }

    pub(super) fn len(&self) -> usize {
        self.queue.lock().ids.len()
    }

    pub(super) fn pop(&self) -> Option<TaskId> {
        self.queue.lock().ids.pop_front()
    }

    /// Takes the first id, or sees to it that `waker` is woken when there is one.
    pub(super) fn pop_or_register(&self, waker: &Waker) -> Option<TaskId> {
        let mut queue = self.queue.lock();
        if let Some(id) = queue.ids.pop_front() {
            return Some(id);
        }
        let is_registered = queue.waiter.as_ref().is_some_and(|current| current.will_wake(waker));
        let replaced = if is_registered { None } else { queue.waiter.replace(waker.clone()) };
        // A waker is foreign code: not under the lock.
        drop(queue);
        drop(replaced);
        None
    }
}
