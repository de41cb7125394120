//! Why a plan is as it is, in sentences.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use executor_common::cpu::{CpuSet, LogicalCpu};

use super::layout::Layout;
use super::request::{Kind, Size};
use super::waiting::Waiting;

/// One sentence for each fact and each decision.
pub(super) fn explain(layout: &Layout<'_>, waiting: &[Waiting]) -> Vec<String> {
    let mut lines = machine(layout);
    for (role, waiting) in waiting.iter().enumerate() {
        let name = layout.requests[role].role();
        let mut say = |text: String| lines.push(format!("{name}: {text}"));
        say(size(layout, role));
        say(place(layout, role));
        for &other in layout.partners(role) {
            if layout.requests[role].nears().contains(&layout.requests[other].role()) {
                say(nearness(layout, role, other));
            }
        }
        for sentence in neighbours(layout, role) {
            say(sentence);
        }
        if let Some(reason) = &waiting.reason {
            say(reason.clone());
        }
    }
    let (kept, unused) = layout.unused();
    if !kept.is_empty() {
        lines.push(format!(
            "{} unused: SMT siblings of latency-critical workers",
            list("CPU", &kept)
        ));
    }
    if !unused.is_empty() {
        let reason = match layout.supply.quota {
            Some(_) => "the quota is worth no more, or no role asks for more",
            None => "no role asks for more",
        };
        lines.push(format!("{} unused: {reason}", list("CPU", &unused)));
    }
    lines
}

fn machine(layout: &Layout<'_>) -> Vec<String> {
    let supply = layout.supply;
    let machine = supply.machine;
    let usable = supply.usable();
    let mut lines = vec![format!("machine: {}", machine.topology)];
    lines.extend(machine.topology.notes().iter().map(|note| format!("machine: {note}")));
    lines.push(format!("this process may use {}", list("CPU", &usable)));
    let unknown: CpuSet = machine.allowed.iter().filter(|cpu| !usable.contains(*cpu)).collect();
    if !unknown.is_empty() {
        lines.push(format!(
            "{} in the affinity mask: not online, and not used",
            list("CPU", &unknown)
        ));
    }
    if let Some(quota) = supply.quota {
        lines.push(format!(
            "cgroup quota: {quota} CPUs' worth of time, so that {} of them {} used at most: more workers than that would all be \
             stopped for the rest of each period",
            supply.budget,
            if supply.budget == 1 { "is" } else { "are" },
        ));
    }
    if layout.is_oversubscribed() {
        lines.push(format!(
            "OVERSUBSCRIBED: the roles ask for {} workers on {}, so that roles share CPUs and wait for each other",
            layout.minimum,
            count(supply.budget, "CPU"),
        ));
    }
    lines
}

fn size(layout: &Layout<'_>, role: usize) -> String {
    let request = &layout.requests[role];
    let got = count(layout.cpus(role).len(), "core");
    match request.size() {
        Size::Cores(_) if request.is_sized() => format!("{got}, as it asks for"),
        Size::Cores(_) => {
            format!("{got}, which is what a latency-critical role gets that does not say")
        }
        Size::Share(_) if layout.is_oversubscribed() => {
            format!("{got}, the least that a role can have")
        }
        Size::Share(weight) => {
            let weights = layout.requests.iter().map(|request| match request.size() {
                Size::Cores(_) => 0,
                Size::Share(weight) => u64::from(weight),
            });
            format!("{got}, its share ({weight} of {}) of what is left", weights.sum::<u64>())
        }
    }
}

fn place(layout: &Layout<'_>, role: usize) -> String {
    let cpus = cpus(layout, role);
    let cores: BTreeSet<_> = cpus.iter().map(|cpu| cpu.core).collect();
    let caches: BTreeSet<_> = cpus.iter().map(|cpu| cpu.last_level_cache).collect();
    let mut text = list("CPU", layout.cpus(role));
    if cores.len() < cpus.len() {
        let _ = write!(text, " on {}", count(cores.len(), "physical core"));
    } else if cores.len() > 1 {
        text.push_str(", each on a physical core of its own");
    }
    if caches.len() > 1 {
        let _ = write!(text, ", in {} last-level caches", caches.len());
    }
    let hybrid = layout.supply.cpus.iter().any(|cpu| cpu.is_little());
    match cpus.iter().filter(|cpu| cpu.is_little()).count() {
        0 if hybrid => text.push_str(", big"),
        0 => {}
        little if little == cpus.len() => text.push_str(", little"),
        little => {
            let _ = write!(text, ", {little} of them little");
        }
    }
    if layout.requests[role].kind() == Kind::LatencyCritical {
        let on_first = cpus.iter().any(|cpu| cpu.id == 0 || cpu.smt_siblings.contains(0));
        text.push_str(if on_first {
            "; the core of CPU 0, to which interrupts go by default, for want of another"
        } else {
            "; away from CPU 0, to which interrupts go by default"
        });
    }
    text
}

fn nearness(layout: &Layout<'_>, role: usize, other: usize) -> String {
    let caches = |role| cpus(layout, role).iter().map(|cpu| cpu.last_level_cache).collect();
    let (own, theirs): (BTreeSet<usize>, BTreeSet<usize>) = (caches(role), caches(other));
    let name = layout.requests[other].role();
    if own.is_subset(&theirs) {
        format!("in the last-level cache of {name}")
    } else if own.is_disjoint(&theirs) {
        format!("NOT in the last-level cache of {name}: there is no room")
    } else {
        format!("partly in the last-level cache of {name}: there is not room for all")
    }
}

/// Who uses the same CPUs and the same cores.
fn neighbours(layout: &Layout<'_>, role: usize) -> Vec<String> {
    let mut shared: BTreeMap<Vec<usize>, CpuSet> = BTreeMap::new();
    for cpu in layout.cpus(role).iter() {
        let others = layout.users(cpu).filter(|other| *other != role).collect();
        shared.entry(others).or_default().insert(cpu);
    }
    shared.remove(&Vec::new());
    let sharing = shared.into_iter().map(|(others, cpus)| {
        let names = others.iter().map(|other| layout.requests[*other].role().name());
        let names: Vec<_> = names.collect();
        format!("shares {} with {}", list("CPU", &cpus), names.join(", "))
    });
    let mut sentences: Vec<_> = sharing.collect();
    let others = (0..layout.requests.len()).filter(|other| *other != role);
    for other in others {
        let name = layout.requests[other].role();
        let theirs = layout.cpus(other);
        let siblings = cpus(layout, role);
        let siblings = siblings.iter().flat_map(|cpu| cpu.smt_siblings.iter());
        let beside: CpuSet = siblings.filter(|cpu| theirs.contains(*cpu)).collect();
        if !beside.is_empty() {
            let siblings = list("SMT sibling", &beside);
            sentences.push(format!("{siblings} of its CPUs {} {name}'s", is_or_are(&beside)));
        }
    }
    if layout.requests[role].kind() == Kind::LatencyCritical {
        let siblings = cpus(layout, role);
        let siblings: CpuSet = siblings.iter().flat_map(|cpu| cpu.smt_siblings.iter()).collect();
        let (kept, _) = layout.unused();
        let kept: CpuSet = siblings.iter().filter(|cpu| kept.contains(*cpu)).collect();
        if !kept.is_empty() {
            let siblings = list("SMT sibling", &kept);
            sentences.push(format!("{siblings} {} kept free for it", is_or_are(&kept)));
        }
        let lost: CpuSet = siblings.iter().filter(|cpu| layout.released.contains(*cpu)).collect();
        if !lost.is_empty() {
            let siblings = list("SMT sibling", &lost);
            sentences.push(format!(
                "{siblings} could not be kept free: there are too few CPUs for that"
            ));
        }
    }
    sentences
}

fn cpus<'a>(layout: &Layout<'a>, role: usize) -> Vec<&'a LogicalCpu> {
    let usable = layout.supply.cpus.iter();
    usable.filter(|cpu| layout.cpus(role).contains(cpu.id)).copied().collect()
}

fn list(noun: &str, cpus: &CpuSet) -> String {
    format!("{noun}{} {cpus}", if cpus.len() == 1 { "" } else { "s" })
}

fn is_or_are(cpus: &CpuSet) -> &'static str {
    if cpus.len() == 1 { "is" } else { "are" }
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
