//! A control loop with a deadline: 1,000 times a second it looks where a motor is and moves it, beside a role that computes
//! without pause. A tick must have ended half a period after it was due; one that has not moves nothing and is counted.
//!
//! `cargo run --release -p amp-executor --example control_loop`, and the seconds that it is to run, 1 if left out
//!
//! It prints where the workers are, how the ticks went, how late they began, and where the motor is at the end. It fails if a tick is
//! unaccounted for; how many were in time is the machine's affair.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use amp_executor::{
    AmpBuilder, AmpExecutor, IdlePolicy, MissedPeriods, Role, RoleConfig, RolePlan, RoleRequest,
    SchedClass, with_state,
};

const CONTROL: Role = Role::new("control");
const COMPUTE: Role = Role::new("compute");

const PERIOD: Duration = Duration::from_millis(1);
const DEADLINE: Duration = Duration::from_micros(500);

/// What the loop works on. It is made on the loop's core, never leaves it, and needs no lock.
#[derive(Clone, Copy, Default)]
struct Motor {
    /// It is to go to 1.
    position: f64,
    in_time: u64,
    too_late: u64,
}

impl Motor {
    /// One tick. All are due whole periods after `first`, however late one of them is.
    fn tick(&mut self, first: Instant) {
        let step = (1.0 - self.position) / 100.0;
        if first.elapsed().as_nanos() % PERIOD.as_nanos() <= DEADLINE.as_nanos() {
            self.position += step;
            self.in_time += 1;
        } else {
            self.too_late += 1;
        }
    }
}

/// Two milliseconds of something else.
fn something_else() {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2) {
        black_box(begun);
    }
}

/// The kernel runs the loop before everything else on its core, if this process may ask for that. Such a worker must not spin for
/// ever; it sleeps, and spins the last stretch before each tick.
fn tuned(config: RoleConfig) -> RoleConfig {
    if config.role() == CONTROL {
        config.sched(SchedClass::Fifo(50)).idle(IdlePolicy::Park)
    } else {
        config.capacity(8) // whoever gives it more waits
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let time = Duration::from_secs(std::env::args().nth(1).map_or(Ok(1), |text| text.parse())?);
    let plan = RolePlan::suggest([
        RoleRequest::new(CONTROL).cores(1).latency_critical(),
        RoleRequest::new(COMPUTE),
    ])?;
    let roles = plan.plan().roles().cloned().map(tuned);
    let amp = roles
        .fold(AmpExecutor::builder(), AmpBuilder::role)
        .state(CONTROL, |_core| Motor::default())
        .build()?;
    amp.placement().iter().for_each(|worker| println!("{worker}"));
    let (control, compute) = (amp.role(CONTROL)?, amp.role(COMPUTE)?);

    let first = Instant::now() + PERIOD;
    let ticks = control.spawn_every_from(first, PERIOD, MissedPeriods::Skip, move || {
        with_state(|motor: &mut Motor| motor.tick(first)).expect("the role has a motor");
    })?;
    let end = first + time;
    while Instant::now() < end {
        compute.spawn(something_else)?; // blocks while eight of them wait
    }
    ticks.stop();
    let (runs, missed, lateness) = (ticks.runs(), ticks.missed(), ticks.lateness());
    let periods = (first.elapsed().as_nanos() / PERIOD.as_nanos()) as u64 + 1;
    ticks.join()?;

    let motor = control.with_state(|motor: &mut Motor| *motor)?.join()?;
    println!(
        "{} ticks in time, {} too late, {missed} periods without any; begun late by p50 {:?}, p99 {:?}, max {:?}",
        motor.in_time, motor.too_late, lateness.p50, lateness.p99, lateness.max
    );
    println!("the motor is at {:.3}; {}", motor.position, amp.shutdown());

    let expected = 1.0 - 0.99_f64.powf(motor.in_time as f64);
    let is_where_it_should_be = (motor.position - expected).abs() < 1e-9;
    let is_accounted_for = motor.in_time + motor.too_late >= runs && runs + missed <= periods;
    if !(is_where_it_should_be && is_accounted_for && runs > 0) {
        return Err(format!("{runs} runs in {periods} periods do not add up").into());
    }
    Ok(())
}
