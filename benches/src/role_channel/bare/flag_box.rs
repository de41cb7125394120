//! A pointer in one cache line, and an allocation for each message.

use std::hint::spin_loop;
use std::ptr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_utils::CachePadded;
use executor_common::sync::atomic::{AtomicPtr, Ordering};

use crate::role_channel::consumer::{Answer, nanos_since};
use crate::role_channel::exchange::{Exchange, Way};
use crate::role_channel::place::Place;

/// What is allocated and freed: a cache line, as a small task is.
struct Message {
    content: Content,
    _rest: [u64; 4],
}

enum Content {
    /// When it was sent, to be told how long ago that is.
    Stamp(Instant),
    /// To be answered.
    Reply,
    /// The receiver is to leave.
    End,
}

/// Two threads that spin on a pointer.
pub(super) struct FlagBox {
    message: Arc<CachePadded<AtomicPtr<Message>>>,
    answer: &'static Answer,
    receiver: Option<JoinHandle<()>>,
}

impl FlagBox {
    pub(super) fn start(place: &Place) -> anyhow::Result<Self> {
        let message = Arc::new(CachePadded::new(AtomicPtr::new(ptr::null_mut())));
        let received = Arc::clone(&message);
        let answer = Answer::leak();
        let receiver = place.start(move || receive(&received, answer))?;
        Ok(Self { message, answer, receiver: Some(receiver) })
    }

    /// Not before the last message has been answered.
    fn send(&self, content: Content) {
        let message = Box::into_raw(Box::new(Message { content, _rest: [0; 4] }));
        // Ordering: Release pairs with the Acquire in `receive`, which reads the message.
        self.message.store(message, Ordering::Release);
    }
}

fn receive(place: &AtomicPtr<Message>, answer: &'static Answer) {
    loop {
        // Ordering: Acquire, see `send`.
        let message = place.load(Ordering::Acquire);
        if message.is_null() {
            spin_loop();
            continue;
        }
        // SAFETY: `send` has made it of a box and given it away. It is taken once: the place is empty before the answer,
        // which the sender waits for before it sends the next one.
        let message = unsafe { Box::from_raw(message) };
        let number = match message.content {
            Content::Stamp(sent) => nanos_since(sent),
            Content::Reply => 0,
            Content::End => return,
        };
        // Ordering: Relaxed; the answer publishes it.
        place.store(ptr::null_mut(), Ordering::Relaxed);
        answer.give(number);
        drop(message);
    }
}

impl Exchange for FlagBox {
    fn exchange(&mut self, way: Way) -> u64 {
        let sent = Instant::now();
        match way {
            Way::OneWay => {
                self.send(Content::Stamp(sent));
                self.answer.take()
            }
            Way::RoundTrip => {
                self.send(Content::Reply);
                self.answer.take();
                nanos_since(sent)
            }
        }
    }
}

impl Drop for FlagBox {
    fn drop(&mut self) {
        self.send(Content::End);
        if let Some(receiver) = self.receiver.take() {
            let _ = receiver.join();
        }
    }
}
