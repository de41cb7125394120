//! What a turn adds to the process's memory.

use crate::resident::resident_bytes;

/// Looks at the process's memory from time to time.
#[derive(Debug)]
pub(crate) struct MemoryWatch {
    before: u64,
    most: u64,
    looks: u32,
}

/// Of so many looks one is taken: it costs about 20 us.
const EVERY: u32 = 8;

impl MemoryWatch {
    pub(crate) fn start() -> Self {
        let before = resident_bytes().unwrap_or(0);
        Self { before, most: before, looks: 0 }
    }

    pub(crate) fn look(&mut self) {
        self.looks += 1;
        if self.looks.is_multiple_of(EVERY) {
            self.most = self.most.max(resident_bytes().unwrap_or(0));
        }
    }

    /// What was used at most on top of what there was at the start.
    pub(crate) fn growth_bytes(&mut self) -> u64 {
        self.most = self.most.max(resident_bytes().unwrap_or(0));
        self.most - self.before
    }
}

/// Gives the system back what the allocator keeps, so that the next turn does not find what this one has left.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes a number and touches nothing but the allocator's own free memory, under the allocator's locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
