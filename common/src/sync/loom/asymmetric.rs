//! Asymmetric fences in a model.
//!
//! Each thread has a word. A light fence is a read-modify-write of the thread's own, a heavy one of everybody's. Two of the same
//! word have an order, and who comes later sees what came before the earlier one: that is what a light and a heavy fence
//! promise each other. Light fences order nothing else, neither each other nor full fences. A heavy one is a full fence
//! besides, as the system call is.
//!
//! The words order a little more than the fences do: what came before a fence *happens* before what comes after a later one of the
//! same word, so that no model misses a release between a store and a fence.
//!
//! So many steps multiply the executions. A model whose subject they are not, or for which they are too many, says [`with_full_fences`]: a full fence on either
//! side gives the same promise, and hides what relies on more than that.

use std::cell::Cell;
// Which word is whose is no part of the model.
use std::sync::atomic::{AtomicUsize as Untracked, Ordering as UntrackedOrdering};

use loom::sync::atomic::{AtomicUsize, Ordering, fence};

use crate::sync::imp::weaken;

/// As many as loom allows in a model.
const THREADS: usize = 5;

#[derive(Debug)]
struct Words {
    words: [AtomicUsize; THREADS],
    taken: Untracked,
}

loom::lazy_static! {
    static ref WORDS: Words = Words {
        words: std::array::from_fn(|_| AtomicUsize::new(0)),
        taken: Untracked::new(0),
    };
}

loom::thread_local! {
    static OWN: Cell<Option<usize>> = Cell::new(None);
}

std::thread_local! {
    /// All threads of a model live on one thread of the operating system.
    static FULL: Cell<bool> = const { Cell::new(false) };
}

/// Explores `model` with full fences in place of asymmetric ones.
#[doc(hidden)]
pub fn with_full_fences<R>(model: impl FnOnce() -> R) -> R {
    FULL.set(true);
    let result = model();
    FULL.set(false);
    result
}

/// The calling thread's word.
fn own() -> &'static AtomicUsize {
    let own = OWN.with(|own| {
        let place =
            own.get().unwrap_or_else(|| WORDS.taken.fetch_add(1, UntrackedOrdering::Relaxed));
        own.set(Some(place));
        place
    });
    &WORDS.words[own]
}

pub(super) fn is_supported() -> bool {
    true
}

#[track_caller]
pub(super) fn light() {
    if weaken::fence("light", Ordering::SeqCst).is_some() {
        if FULL.get() {
            return fence(Ordering::SeqCst);
        }
        own().fetch_add(0, Ordering::AcqRel);
    }
}

#[track_caller]
pub(super) fn heavy() {
    if weaken::fence("heavy", Ordering::SeqCst).is_some() {
        fence(Ordering::SeqCst);
        if FULL.get() {
            return;
        }
        for word in &WORDS.words {
            word.fetch_add(0, Ordering::AcqRel);
        }
        fence(Ordering::SeqCst);
    }
}
