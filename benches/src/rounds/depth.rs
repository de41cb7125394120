//! Where on the stack a measurement runs.
//!
//! Processors compare the low twelve bits of addresses first when they look whether a load needs what a store in flight
//! has written. Code that forks at every call, whoever provides the fork, keeps a few words at fixed addresses, and is
//! up to 1.5 times slower where those bits are the same as in its innermost frames: a matter of luck, which one build may
//! have and the next one not. So the repetitions run at different depths, the same ones for all peers.

use std::hint::black_box;

/// What one frame of [`deeper`] takes, about.
const FRAME_BYTES: usize = 240;

/// Depths that cover the range of the low twelve bits.
pub const DEPTHS: usize = 4096 / FRAME_BYTES;

/// Calls `f` so many frames deeper.
#[inline(never)]
pub fn deeper<R>(frames: usize, f: impl FnOnce() -> R) -> R {
    if frames == 0 {
        return f();
    }
    let frame = [0_u8; FRAME_BYTES - 40];
    black_box(&frame);
    let result = deeper(frames - 1, f);
    // After the call, so that it is not a jump.
    black_box(&frame);
    result
}
