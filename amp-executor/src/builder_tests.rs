//! What becomes of a build that cannot be finished.

use super::*;
use executor_common::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn a_thread_that_cannot_be_made_ends_those_before_it() {
    let role = Role::new("io");
    let core = SystemCpus.allowed().unwrap().iter().next().unwrap();
    let shared = |role| RoleConfig::new(role).cores([core]).shared();
    for failing in 0..3 {
        let (started, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (count_start, count_stop) = (Arc::clone(&started), Arc::clone(&stopped));
        let mut made = 0;
        let error = AmpBuilder::new()
            .role(shared(Role::new("first")))
            .role(shared(Role::new("second")))
            .role(shared(role))
            .on_thread_start(move |_| {
                count_start.fetch_add(1, Ordering::SeqCst);
            })
            .on_thread_stop(move |_| {
                count_stop.fetch_add(1, Ordering::SeqCst);
            })
            .make_thread(Box::new(move |builder, main| {
                made += 1;
                if made > failing {
                    return Err(io::Error::other("no more threads"));
                }
                builder.spawn(main)
            }))
            .build()
            .unwrap_err();
        let BuildError::Thread { worker, core: at, ref source, .. } = error else {
            panic!("{error}")
        };
        assert_eq!((worker, at), (failing, core));
        assert_eq!(source.to_string(), "no more threads");
        assert!(error.to_string().contains(&format!("worker {failing}")));
        assert_eq!(started.load(Ordering::SeqCst), failing);
        assert_eq!(stopped.load(Ordering::SeqCst), failing, "started threads have ended");
    }
}
