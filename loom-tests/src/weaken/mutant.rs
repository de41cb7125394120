//! The steps by which an operation can be weakened.

use std::fmt;

use super::sites::{Kind, Ordering, Site};

/// One ordering of one operation, weakened by one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// The operation.
    pub site: Site,
    /// Which of its orderings: 0, or 1 for that of a failed comparison.
    pub argument: usize,
    /// What is asked for; none: the side of a pair of fences.
    pub from: Option<Ordering>,
    /// What it gets; none: the fence is gone.
    pub to: Option<Ordering>,
}

/// The name, which stays when lines move.
impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failure = if self.argument == 1 { ".failure" } else { "" };
        write!(f, "{}{failure} ", self.site)?;
        match self.from {
            Some(from) => write!(f, "{from:?}->")?,
            None => write!(f, "Fence->")?,
        }
        f.write_str(self.to_name())
    }
}

impl Mutant {
    /// What it gets, as the models read it.
    pub fn to_name(&self) -> &'static str {
        match self.to {
            None => "None",
            Some(Ordering::Relaxed) => "Relaxed",
            Some(Ordering::Acquire) => "Acquire",
            Some(Ordering::Release) => "Release",
            Some(Ordering::AcqRel) => "AcqRel",
            Some(Ordering::SeqCst) => "SeqCst",
        }
    }
}

/// All mutants of an operation.
pub fn mutants(site: &Site) -> Vec<Mutant> {
    let mutant = |argument, from, to| Mutant { site: site.clone(), argument, from, to };
    if site.kind == Kind::PairedFence {
        return vec![mutant(0, None, None)];
    }
    let orderings = site.orderings.iter().enumerate();
    let steps = orderings.flat_map(|(argument, &from)| {
        // What a failed comparison does is a load.
        let kind = if argument == 1 { Kind::Load } else { site.kind };
        weaker(kind, from).into_iter().map(move |to| (argument, from, to))
    });
    steps.map(|(argument, from, to)| mutant(argument, Some(from), to)).collect()
}

/// One step down.
fn weaker(kind: Kind, from: Ordering) -> Vec<Option<Ordering>> {
    use Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

    match (kind, from) {
        (_, Relaxed) | (Kind::PairedFence, _) => vec![],
        (Kind::Load, SeqCst) => vec![Some(Acquire)],
        (Kind::Store, SeqCst) => vec![Some(Release)],
        (Kind::ReadModifyWrite | Kind::Fence, SeqCst) => vec![Some(AcqRel)],
        (_, AcqRel) => vec![Some(Acquire), Some(Release)],
        (Kind::Fence, Acquire | Release) => vec![None],
        (_, Acquire | Release) => vec![Some(Relaxed)],
    }
}

#[cfg(test)]
mod tests {
    use super::super::sites::sites;
    use super::super::sources::Source;
    use super::*;

    fn names(operation: &str) -> Vec<String> {
        let items = syn::parse_file(&format!("fn f() {{ {operation}; }}")).unwrap().items;
        let sites = sites(&Source { path: "a.rs".to_owned(), items }).unwrap();
        sites.iter().flat_map(mutants).map(|mutant| mutant.to_string()).collect()
    }

    #[test]
    fn each_ordering_has_its_next_weaker_ones() {
        for (operation, expected) in [
            ("x.load(Ordering::SeqCst)", &["a.rs f load#0 SeqCst->Acquire"][..]),
            ("x.load(Ordering::Acquire)", &["a.rs f load#0 Acquire->Relaxed"]),
            ("x.load(Ordering::Relaxed)", &[]),
            ("x.store(1, Ordering::SeqCst)", &["a.rs f store#0 SeqCst->Release"]),
            (
                "x.fetch_or(1, Ordering::AcqRel)",
                &["a.rs f fetch_or#0 AcqRel->Acquire", "a.rs f fetch_or#0 AcqRel->Release"],
            ),
            (
                "x.compare_exchange(0, 1, Ordering::Release, Ordering::Acquire)",
                &[
                    "a.rs f compare_exchange#0 Release->Relaxed",
                    "a.rs f compare_exchange#0.failure Acquire->Relaxed",
                ],
            ),
            ("fence(Ordering::SeqCst)", &["a.rs f fence#0 SeqCst->AcqRel"]),
            ("fence(Ordering::Acquire)", &["a.rs f fence#0 Acquire->None"]),
            ("asymmetric::heavy()", &["a.rs f heavy#0 Fence->None"]),
        ] {
            assert_eq!(names(operation), expected, "{operation}");
        }
    }
}
