//! What idle workers do, and why.

use executor_common::cpu::LogicalCpu;

use super::layout::Layout;
use super::request::Kind;
use crate::idle::IdlePolicy;

/// How a role's workers wait.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) idle: IdlePolicy,
    /// The role shares a CPU.
    pub(super) shared: bool,
    /// Why, as a sentence. `None` where there is nothing to say.
    pub(super) reason: Option<String>,
}

/// For each role. Spinning is for those who asked for latency, and only where it costs nobody else anything.
pub(super) fn decide(layout: &Layout<'_>) -> Vec<Waiting> {
    let mut spinning = 0;
    let roles = 0..layout.requests.len();
    roles
        .map(|role| {
            let waiting = of(layout, role, spinning);
            if waiting.idle == IdlePolicy::Spin {
                spinning += layout.cpus(role).len();
            }
            waiting
        })
        .collect()
}

fn of(layout: &Layout<'_>, role: usize, spinning: usize) -> Waiting {
    let shared = layout.cpus(role).iter().any(|cpu| layout.users(cpu).nth(1).is_some());
    if shared {
        let reason =
            Some("idle workers park: awake, they would take the other roles' time".to_owned());
        return Waiting { idle: IdlePolicy::Park, shared, reason };
    }
    let (idle, reason) = match layout.requests[role].kind() {
        Kind::Normal => (IdlePolicy::Backoff, None),
        Kind::Background => {
            (IdlePolicy::Park, Some("idle workers park: nobody waits for them".to_owned()))
        }
        Kind::LatencyCritical => match against_spinning(layout, role, spinning) {
            Some(reason) => (
                IdlePolicy::Backoff,
                Some(format!("idle workers back off and do not spin: {reason}")),
            ),
            None => {
                (IdlePolicy::Spin, Some("idle workers spin: their cores are their own".to_owned()))
            }
        },
    };
    Waiting { idle, shared, reason }
}

/// What spinning would cost whom.
fn against_spinning(layout: &Layout<'_>, role: usize, spinning: usize) -> Option<String> {
    let supply = layout.supply;
    if supply.quota.is_some() {
        return Some("it would use the cgroup quota up".to_owned());
    }
    let own = layout.cpus(role);
    for cpu in own.iter().filter_map(|cpu| supply.machine.topology.cpu(cpu)) {
        if let Some(reason) = sharing(layout, role, cpu) {
            return Some(reason);
        }
    }
    if spinning + own.len() >= supply.cpus.len() {
        return Some("no CPU would be left for the program's other threads".to_owned());
    }
    None
}

/// Who else uses the CPU's core.
fn sharing(layout: &Layout<'_>, role: usize, cpu: &LogicalCpu) -> Option<String> {
    if let Some(sibling) = layout.siblings_outside(cpu).next() {
        return Some(format!("CPU {sibling} of the same core is for other processes"));
    }
    cpu.smt_siblings.iter().find_map(|sibling| {
        let user = layout.users(sibling).next()?;
        Some(if user == role {
            format!("its CPUs {} and {sibling} are one core", cpu.id)
        } else {
            format!("CPU {sibling} of the same core is role {}'s", layout.requests[user].role())
        })
    })
}
