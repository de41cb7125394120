//! What follows from gaps.

/// Who comes at a uniformly random instant of `total_ns` finds himself with probability `g / total` in a gap of length `g`, and has to
/// wait for what is left of it: anything from 0 to `g`, all equally likely. This is the wait that the part `quantile` of them does not
/// exceed, exactly.
///
/// The probability of a wait above `x` is the sum of `max(0, g - x) / total` over all gaps. Where the `k` longest gaps are those above
/// `x`, it equals `(sum of the k - k x) / total`, so that `x` follows for each `k`; the right `k` is the one for which exactly the `k`
/// longest are above what follows.
pub(super) fn wait_ns(gaps_ns: &[u64], total_ns: u64, quantile: f64) -> u64 {
    let mut gaps = gaps_ns.to_vec();
    gaps.sort_unstable_by(|one, other| other.cmp(one));
    let left_out = (1.0 - quantile) * total_ns as f64;
    let mut sum = 0.0;
    for (index, gap) in gaps.iter().enumerate() {
        sum += *gap as f64;
        let wait = (sum - left_out) / (index + 1) as f64;
        let next = gaps.get(index + 1).copied().unwrap_or(0);
        if wait >= next as f64 {
            return wait.round() as u64;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gaps_or_too_few_are_no_wait() {
        assert_eq!(wait_ns(&[], 1_000, 0.99), 0);
        assert_eq!(wait_ns(&[], 0, 0.99), 0);
        // A hundredth of the time is just what is left out.
        assert_eq!(wait_ns(&[4_000, 6_000], 1_000_000, 0.99), 0);
    }

    #[test]
    fn one_gap_is_shared_by_those_who_come_in_it() {
        // 5 % of all come in the gap, and wait from 0 to 50,000: a fifth of them, 1 % of all, more than 40,000.
        assert_eq!(wait_ns(&[50_000], 1_000_000, 0.99), 40_000);
        assert_eq!(wait_ns(&[50_000], 1_000_000, 0.95), 0);
        assert_eq!(wait_ns(&[50_000], 1_000_000, 1.0), 50_000);
    }

    #[test]
    fn short_gaps_do_not_matter_beyond_their_length() {
        // 1 % of 1,000,000 is 10,000. Above 30,000: 20,000 of the long gap. Above 35,000: 15,000; above 40,000: 10,000.
        assert_eq!(wait_ns(&[10_000, 50_000, 30_000], 1_000_000, 0.99), 40_000);
        // Above 28,000 are 22,000 of the long one and 2,000 of the middle one: 2.4 %.
        assert_eq!(wait_ns(&[10_000, 50_000, 30_000], 1_000_000, 0.976), 28_000);
    }

    #[test]
    fn it_is_what_trying_all_instants_gives() {
        // Gaps from a fixed sequence, and every instant as a time of arrival.
        let mut state = 1_u64;
        let gaps: Vec<u64> = (0..40)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 40) % 700
            })
            .collect();
        let total = 100_000;
        let mut waits: Vec<u64> = gaps.iter().flat_map(|gap| 0..*gap).collect();
        waits.resize(total, 0);
        waits.sort_unstable();
        for quantile in [0.5, 0.9, 0.95, 0.99, 0.999] {
            let expected = waits[(quantile * total as f64) as usize - 1];
            let wait = wait_ns(&gaps, total as u64, quantile);
            assert!(wait.abs_diff(expected) <= 1, "{quantile}: {wait} or {expected}");
        }
    }
}
