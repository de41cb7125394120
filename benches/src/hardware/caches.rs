//! The sizes of the data caches, and who shares them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use executor_common::cpu::CpuSet;
use serde::Serialize;

use super::{as_texts, listed, text};

/// No CPU has more caches than this.
const MOST_CACHES: usize = 16;

/// The data caches of the allowed CPUs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Caches(pub Vec<Cache>);

/// Caches of one kind and size. A machine with different cores has several of one level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// As in `L1d`.
    pub name: String,
    /// The size of each.
    pub bytes: u64,
    /// For each of them, the CPUs that share it, those that this process may not use included.
    #[serde(serialize_with = "as_texts")]
    pub shared_by: Vec<CpuSet>,
}

impl Caches {
    pub(super) fn read(root: &Path, allowed: &CpuSet) -> Self {
        // By level first. Sets of CPUs have no order of their own; the first CPU of each is in no other one.
        let mut kinds: BTreeMap<(u32, bool, u64), BTreeMap<usize, CpuSet>> = BTreeMap::new();
        for cpu in allowed.iter() {
            for index in 0..MOST_CACHES {
                let path = format!("sys/devices/system/cpu/cpu{cpu}/cache/index{index}");
                let Some((kind, shared_by)) = read_one(root, &path) else { continue };
                let first = shared_by.iter().next();
                if let Some(first) = first {
                    kinds.entry(kind).or_default().insert(first, shared_by);
                }
            }
        }
        let caches = kinds.into_iter().map(|((level, unified, bytes), groups)| Cache {
            name: format!("L{level}{}", if unified { "" } else { "d" }),
            bytes,
            shared_by: groups.into_values().collect(),
        });
        Self(caches.collect())
    }
}

/// Level, whether it is for instructions too, and size; and who shares it. Nothing for a cache of instructions alone.
fn read_one(root: &Path, path: &str) -> Option<((u32, bool, u64), CpuSet)> {
    let part = |name: &str| text(root, format!("{path}/{name}"));
    let unified = match part("type")?.as_str() {
        "Data" => false,
        "Unified" => true,
        _ => return None,
    };
    let (level, bytes) = (part("level")?.parse().ok()?, bytes(&part("size")?)?);
    Some(((level, unified, bytes), part("shared_cpu_list")?.parse().ok()?))
}

/// As the kernel writes it: in KiB.
fn bytes(size: &str) -> Option<u64> {
    size.strip_suffix('K')?.parse::<u64>().ok()?.checked_mul(1024)
}

impl fmt::Display for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("unknown");
        }
        // Those that the same CPUs share are named together.
        let mut separator = "";
        let mut rest = &self.0[..];
        while let Some(first) = rest.first() {
            let alike = rest.iter().take_while(|cache| cache.shared_by == first.shared_by).count();
            let (together, others) = rest.split_at(alike);
            rest = others;
            f.write_str(separator)?;
            separator = ", ";
            for (index, Cache { name, bytes, .. }) in together.iter().enumerate() {
                let and = if index == 0 { "" } else { " and " };
                write!(f, "{and}{name} {}", indicatif::BinaryBytes(*bytes))?;
            }
            let counts: BTreeSet<_> = first.shared_by.iter().map(CpuSet::len).collect();
            match counts.first() {
                Some(1) if counts.len() == 1 => f.write_str(" for each CPU")?,
                _ => write!(f, " shared by CPUs {}", listed(&first.shared_by))?,
            }
        }
        Ok(())
    }
}
