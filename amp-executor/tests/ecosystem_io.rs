//! Timers and sockets of `async-io` and of tokio in a role.

#[path = "../../common/tests/programs/io.rs"]
mod programs;
mod support;

use amp_executor::{AmpExecutor, AmpHandle, AsyncIo, Role, RoleConfig};
use programs::{IO, Polled};
use support::{usable, watchdog};

const OTHER: Role = Role::new("other");

/// With a role for I/O beside another one, which waits in place, or in a reactor.
fn executors() -> [AmpExecutor; 3] {
    let cores = usable();
    let on = |role, core: &usize| RoleConfig::new(role).cores([*core]).shared();
    let builder = || {
        AmpExecutor::builder()
            .role(on(IO, cores.first().unwrap()))
            .role(on(OTHER, cores.last().unwrap()))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    [builder(), builder().reactor(IO, AsyncIo), builder().reactor(IO, runtime)]
        .map(|builder| builder.build().unwrap())
}

/// Runs the program in the role, and fails if a task was polled elsewhere.
fn in_a_role(program: fn(&AmpHandle, &Polled)) {
    watchdog(move || {
        for amp in executors() {
            let polled = Polled::default();
            program(&amp.handle(), &polled);
            let thread = amp.role(IO).unwrap().spawn(|| std::thread::current().id()).unwrap();
            polled.only_on(&[thread.join().unwrap()]);
            assert!(amp.shutdown().is_clean());
        }
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
