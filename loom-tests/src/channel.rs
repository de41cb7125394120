//! A channel between futures, with room for one item.
//!
//! On the facade's lock: a real one that is held while a waker is cloned would be waited for by a thread that cannot go on, since
//! all share one thread of the operating system.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use executor_common::sync::{Arc, Mutex};

#[derive(Debug)]
struct State<T> {
    item: Option<T>,
    is_closed: bool,
    /// Of whoever waits: for an item, or for room. There is one of each side, and one of them does not wait.
    waker: Option<Waker>,
}

/// The end that items go in.
#[derive(Debug)]
pub struct Sender<T>(Arc<Mutex<State<T>>>);

/// The end that they come out.
#[derive(Debug)]
pub struct Receiver<T>(Arc<Mutex<State<T>>>);

/// An empty channel.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state = Arc::new(Mutex::new(State { item: None, is_closed: false, waker: None }));
    (Sender(Arc::clone(&state)), Receiver(state))
}

impl<T> Sender<T> {
    /// Waits for room. False if nobody receives any more.
    pub async fn send(&mut self, item: T) -> bool {
        let mut item = Some(item);
        poll_fn(|context| {
            step(&self.0, context, |state| match &state.item {
                _ if state.is_closed => Some(false),
                Some(_) => None,
                None => {
                    state.item = item.take();
                    Some(true)
                }
            })
        })
        .await
    }
}

impl<T> Receiver<T> {
    /// Waits for an item. `None` if none comes any more.
    pub async fn receive(&mut self) -> Option<T> {
        poll_fn(|context| {
            step(&self.0, context, |state| match state.item.take() {
                None if !state.is_closed => None,
                taken => Some(taken),
            })
        })
        .await
    }
}

/// Changes the state and wakes the other side, or waits for it.
fn step<T, R>(
    state: &Mutex<State<T>>,
    context: &Context<'_>,
    change: impl FnOnce(&mut State<T>) -> Option<R>,
) -> Poll<R> {
    let mut state = state.lock();
    let Some(result) = change(&mut state) else {
        let replaced = state.waker.replace(context.waker().clone());
        drop(state);
        drop(replaced);
        return Poll::Pending;
    };
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
    Poll::Ready(result)
}

fn close<T>(state: &Mutex<State<T>>) {
    let mut state = state.lock();
    state.is_closed = true;
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        close(&self.0);
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        close(&self.0);
    }
}
