//! Numbers that are the same in every run.

/// So many numbers that look random, by Vigna's splitmix64.
pub(super) fn random_numbers(count: usize) -> Vec<u32> {
    (1..=count as u64)
        .map(|at| (mix(at.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 32) as u32)
        .collect()
}

/// splitmix64's output function: every bit of the result depends on every bit of `number`.
pub(super) const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
