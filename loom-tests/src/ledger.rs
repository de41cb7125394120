//! What became of each task.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use executor_common::JoinError;

use crate::random::{Planned, chance, planned_panic};

/// All tasks of a program. The standard library's lock, under which nobody is interrupted.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Mutex<Book>>);

#[derive(Debug)]
struct Book {
    entries: Vec<Entry>,
    /// Tasks that may still be made.
    left: usize,
    planned_panics: usize,
    reported_panics: usize,
}

/// One task.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    begun: u32,
    ended: u32,
    dropped: u32,
    excused: bool,
}

/// What a task carries in its closure or future: it is dropped with that.
#[derive(Debug)]
pub struct Ticket {
    ledger: Ledger,
    index: usize,
}

/// A task's line in the ledger, for whoever looks after it.
#[derive(Debug)]
pub struct Line {
    ledger: Ledger,
    index: usize,
}

impl Ledger {
    /// For a program of so many tasks.
    pub fn new(tasks: usize) -> Self {
        let entries = Vec::with_capacity(tasks);
        let book = Book { entries, left: tasks, planned_panics: 0, reported_panics: 0 };
        Self(Arc::new(Mutex::new(book)))
    }

    /// A task that is about to be spawned, if there may be one more.
    pub fn enter(&self) -> Option<(Ticket, Line)> {
        let mut book = self.book();
        book.left = book.left.checked_sub(1)?;
        let index = book.entries.len();
        book.entries.push(Entry::default());
        drop(book);
        Some((Ticket { ledger: self.clone(), index }, Line { ledger: self.clone(), index }))
    }

    /// What a handle has said.
    ///
    /// # Panics
    ///
    /// If it is a panic that was not planned.
    pub fn note<T>(&self, result: Result<T, JoinError>) {
        if let Err(error) = result
            && let Ok(payload) = error.try_into_panic()
        {
            assert!(payload.is::<Planned>(), "an unplanned panic");
            self.note_panic();
        }
    }

    /// A handle or a hook was told of a panic.
    pub fn note_panic(&self) {
        self.book().reported_panics += 1;
    }

    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        let book = self.book();
        book.entries.iter().all(|entry| entry.dropped > 0)
            && book.planned_panics == book.reported_panics
    }

    /// Nothing is left: each task has been dropped, once, and somebody was told of each panic.
    ///
    /// # Panics
    ///
    /// If that is not so.
    pub fn check_end(&self) {
        let book = self.book();
        for (index, entry) in book.entries.iter().enumerate() {
            assert_eq!(entry.dropped, 1, "task {index} was lost, or dropped twice: {entry:?}");
        }
        assert_eq!(book.planned_panics, book.reported_panics, "somebody is told of each panic");
    }

    /// Each task has run to its end, but for those that are excused.
    ///
    /// # Panics
    ///
    /// If one has not.
    pub fn check_all_ended(&self) {
        for (index, entry) in self.book().entries.iter().enumerate() {
            assert!(entry.excused || entry.ended == 1, "task {index} did not end: {entry:?}");
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// The task begins.
    ///
    /// # Panics
    ///
    /// If it has begun before.
    pub fn begin(&self) {
        let entry = &mut self.ledger.book().entries[self.index];
        entry.begun += 1;
        assert_eq!((entry.begun, entry.dropped), (1, 0), "a task begins once, and before its end");
    }

    /// The task is about to return, or panics right here.
    ///
    /// # Panics
    ///
    /// Now and then; and if the task has not begun, or has ended before.
    pub fn end(&self) {
        let panics = chance(8);
        let mut book = self.ledger.book();
        book.planned_panics += usize::from(panics);
        let entry = &mut book.entries[self.index];
        entry.ended += 1;
        assert_eq!((entry.begun, entry.ended, entry.dropped), (1, 1, 0), "a task ends once");
        drop(book);
        if panics {
            planned_panic();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.ledger.book().entries[self.index].dropped += 1;
    }
}

impl Line {
    /// The task need not run: it is refused, or about to be aborted.
    pub fn excuse(&self) {
        self.ledger.book().entries[self.index].excused = true;
    }

    /// Compares what the task's handle says with what has happened.
    ///
    /// # Panics
    ///
    /// If they differ, or if what the task was made of had not been dropped by now.
    pub fn check(self, result: Result<(), JoinError>, is_closure: bool) {
        let entry = self.ledger.book().entries[self.index];
        assert_eq!(entry.dropped, 1, "destructor before completion: {entry:?}");
        let has_ended = match &result {
            Ok(()) => true,
            Err(error) => error.is_panic(),
        };
        assert_eq!(entry.ended == 1, has_ended, "{entry:?}, but the handle says {result:?}");
        if is_closure {
            assert_eq!(entry.begun, entry.ended, "a running closure is not interrupted");
        }
        self.ledger.note(result);
    }
}
