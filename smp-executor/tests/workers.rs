//! How many workers a pool has.

#![cfg(target_os = "linux")]

mod support;

use executor_common::cpu::{CpuControl, SystemCpus};
use smp_executor::SmpExecutor;
use support::watched;

/// The mask is the calling thread's own, and each test has a thread of its own.
#[test]
fn a_pool_has_no_more_workers_than_its_maker_may_use_cores() {
    watched(|| {
        let allowed = SystemCpus.allowed().unwrap();
        let workers = SmpExecutor::new().unwrap().workers();
        assert!((1..=allowed.iter().count()).contains(&workers), "a quota can only make it fewer");

        SystemCpus.pin(allowed.iter().next().unwrap()).unwrap();
        assert_eq!(SmpExecutor::new().unwrap().workers(), 1);
    });
}
