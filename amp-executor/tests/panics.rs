//! Panics end in handles, hooks and metrics, never in a worker's end.

mod support;

use std::future::pending;
use std::sync::mpsc;

use amp_executor::{AmpExecutor, RoleHandle, TaskPanic};
use support::{A, hold, one_role, watchdog};

fn works_on(role: &RoleHandle) {
    assert_eq!(role.spawn(|| 7).unwrap().join().unwrap(), 7);
}

fn with_hook() -> (AmpExecutor, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let amp = one_role(8)
        .on_panic(move |panic: TaskPanic| tell.send(panic.message().to_owned()).unwrap())
        .build()
        .unwrap();
    (amp, told)
}

#[test]
fn the_handle_gets_the_panic() {
    watchdog(|| {
        let (amp, told) = with_hook();
        let role = amp.role(A).unwrap();
        let closure = role.spawn(|| panic!("in a closure")).unwrap().join();
        let closure: amp_executor::JoinError = closure.unwrap_err();
        assert!(closure.is_panic() && closure.to_string().contains("in a closure"));
        let future = role.spawn_future(async { panic!("in a future") }).unwrap();
        let error = future.join().unwrap_err();
        assert!(error.is_panic() && error.to_string().contains("in a future"));
        works_on(&role);
        assert_eq!(amp.metrics().workers[0].panics, 2);
        assert!(told.try_recv().is_err(), "the hook is for panics that no handle takes");
    });
}

#[test]
fn the_hook_gets_the_panic_of_a_detached_task() {
    watchdog(|| {
        let (amp, told) = with_hook();
        let role = amp.role(A).unwrap();
        drop(role.spawn(|| panic!("detached closure")).map(drop));
        assert_eq!(told.recv().unwrap(), "detached closure");
        drop(role.spawn_future(async { panic!("detached future") }).map(drop));
        assert_eq!(told.recv().unwrap(), "detached future");
        works_on(&role);
    });
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("in a destructor");
    }
}

#[test]
fn a_panic_in_a_futures_destructor() {
    watchdog(|| {
        let (amp, told) = with_hook();
        let role = amp.role(A).unwrap();
        let bomb = PanicsInDrop;
        let ended = role
            .spawn_future(async move {
                let _bomb = bomb;
            })
            .unwrap();
        assert!(ended.join().unwrap_err().is_panic());
        let bomb = PanicsInDrop;
        let aborted = role
            .spawn_future(async move {
                let _bomb = bomb;
                pending::<()>().await;
            })
            .unwrap();
        aborted.abort();
        assert!(aborted.join().unwrap_err().is_panic());
        works_on(&role);
        let bomb = PanicsInDrop;
        drop(role.spawn_future(async move {
            let _bomb = bomb;
        }));
        assert_eq!(told.recv().unwrap(), "in a destructor");
        works_on(&role);
    });
}

#[test]
fn a_panic_in_a_destructor_during_the_executors_end() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        let bomb = PanicsInDrop;
        let suspended = role
            .spawn_future(async move {
                let _bomb = bomb;
                pending::<()>().await;
            })
            .unwrap();
        let held = hold(&role);
        let bomb = PanicsInDrop;
        let queued = role.spawn(move || drop(bomb)).unwrap();
        held.let_go();
        drop(amp);
        assert!(suspended.join().unwrap_err().is_panic());
        assert!(queued.join().unwrap_err().is_panic());
    });
}

#[test]
fn a_panic_in_the_hook_ends_nothing() {
    watchdog(|| {
        let (tell, told) = mpsc::channel();
        let amp = one_role(8)
            .on_panic(move |_| {
                tell.send(()).unwrap();
                panic!("in the hook");
            })
            .build()
            .unwrap();
        let role = amp.role(A).unwrap();
        for _ in 0..3 {
            drop(role.spawn(|| panic!("detached")).map(drop));
            told.recv().unwrap();
        }
        works_on(&role);
        assert!(amp.shutdown().is_clean());
    });
}

#[test]
fn a_handle_joined_from_within_its_own_task() {
    watchdog(|| {
        let amp = one_role(8).build().unwrap();
        let role = amp.role(A).unwrap();
        let (give, given) = mpsc::channel::<amp_executor::JoinHandle<()>>();
        let (say, said) = mpsc::channel();
        let task = role
            .spawn(move || {
                let own = given.recv().unwrap();
                say.send(own.join().unwrap_err()).unwrap();
            })
            .unwrap();
        give.send(task).unwrap();
        let error = said.recv().unwrap();
        assert!(error.is_self_join(), "{error}");
        works_on(&role);
    });
}

#[test]
fn a_destructor_that_panics_during_the_drop_reaches_the_hook() {
    watchdog(|| {
        let (amp, told) = with_hook();
        let inside = PanicsInDrop;
        let future = async move {
            let _inside = inside;
            pending::<()>().await;
        };
        drop(amp.role(A).unwrap().spawn_future(future).unwrap());
        drop(amp);
        assert_eq!(told.recv().unwrap(), "in a destructor");
    });
}
