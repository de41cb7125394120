//! Threads that the system refuses, and pins.

use super::*;
use executor_common::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn when_a_thread_is_refused_half_way_those_before_it_are_joined() {
    for refused in 0..4 {
        let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let (started, stopped) = (Arc::clone(&counts), Arc::clone(&counts));
        let error = SmpBuilder::new()
            .workers(4)
            .on_thread_start(move |_| {
                started[0].fetch_add(1, Ordering::Relaxed);
            })
            .on_thread_stop(move |_| {
                stopped[1].fetch_add(1, Ordering::Relaxed);
            })
            .build_with(|index, spec| {
                if index == refused {
                    return Err(io::Error::from(io::ErrorKind::WouldBlock));
                }
                spec.start()
            })
            .unwrap_err();
        assert!(matches!(error, BuildError::Thread { index, .. } if index == refused));
        let counts = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        assert_eq!(counts, [refused, refused]);
    }
}

#[test]
fn pins_go_round_the_allowed_cpus() {
    let allowed: Vec<_> = SystemCpus.allowed().unwrap().iter().collect();
    let pins = SmpBuilder::new().pin_workers(true).pins(allowed.len() * 2).unwrap();
    let expected: Vec<_> = allowed.iter().chain(&allowed).map(|cpu| Some(*cpu)).collect();
    assert_eq!(pins, expected);
}
