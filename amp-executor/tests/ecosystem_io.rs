//! Timers and sockets of `async-io` and of tokio in a role.

#[path = "../../common/tests/programs/io.rs"]
mod programs;
mod support;

use amp_executor::{AmpExecutor, AmpHandle, Role, RoleConfig};
use programs::{IO, Polled};
use support::{usable, watchdog};

const OTHER: Role = Role::new("other");

/// Runs the program in a role beside another one, and fails if a task was polled elsewhere than in its role.
fn in_a_role(program: fn(&AmpHandle, &Polled)) {
    watchdog(move || {
        let cores = usable();
        let on = |role, core: &usize| RoleConfig::new(role).cores([*core]).shared();
        let amp = AmpExecutor::builder()
            .role(on(IO, cores.first().unwrap()))
            .role(on(OTHER, cores.last().unwrap()))
            .build()
            .unwrap();
        let polled = Polled::default();
        program(&amp.handle(), &polled);
        let thread = amp.role(IO).unwrap().spawn(|| std::thread::current().id()).unwrap();
        polled.only_on(&[thread.join().unwrap()]);
        assert!(amp.shutdown().is_clean());
    });
}

#[test]
fn a_timer_of_async_io() {
    in_a_role(programs::async_io_timer);
}

#[test]
fn sockets_of_async_io() {
    in_a_role(programs::async_io_echo);
}

#[test]
fn a_timer_of_tokio() {
    in_a_role(programs::tokio_timer);
}

#[test]
fn sockets_of_tokio() {
    in_a_role(programs::tokio_echo);
}
