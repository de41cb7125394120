//! Quotas of control groups: `/proc/self/cgroup`, and the files of the groups that it names.

use std::fs;

use arbitrary::{Arbitrary, Unstructured};
use executor_common::cpu::cpu_quota_in;

/// The files are in groups of these names.
const GROUPS: [&str; 4] = ["", "a", "a/b", "a/b/c"];

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// The name of a file, the group's number, and its content.
    files: [(Name, u8, Content<'a>); 4],
    membership: Membership<'a>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Name {
    Unified,
    LegacyQuota,
    LegacyPeriod,
}

#[derive(Arbitrary, Debug)]
enum Content<'a> {
    Pair(u64, u64),
    Max(u32),
    Number(i64),
    Bytes(&'a [u8]),
}

#[derive(Arbitrary, Debug)]
enum Membership<'a> {
    /// Of a group in version 2, and of one in version 1.
    Lines(u8, u8),
    Text(&'a str),
}

pub(crate) fn check(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let directory = tempfile::tempdir().unwrap();
    let mount = directory.path();
    for (name, group, content) in &input.files {
        let group = GROUPS[usize::from(*group) % GROUPS.len()];
        let (root, name) = match name {
            Name::Unified => (mount.to_owned(), "cpu.max"),
            Name::LegacyQuota => (mount.join("cpu"), "cpu.cfs_quota_us"),
            Name::LegacyPeriod => (mount.join("cpu"), "cpu.cfs_period_us"),
        };
        let bytes = match content {
            Content::Pair(quota, period) => format!("{quota} {period}\n").into_bytes(),
            Content::Max(period) => format!("max {period}\n").into_bytes(),
            Content::Number(number) => format!("{number}\n").into_bytes(),
            Content::Bytes(bytes) => bytes.to_vec(),
        };
        let place = root.join(group);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join(name), bytes).unwrap();
    }
    let text = match input.membership {
        Membership::Lines(unified, legacy) => {
            let name = |group: u8| GROUPS[usize::from(group) % GROUPS.len()];
            format!("3:cpu,cpuacct:/{}\n0::/{}\n", name(legacy), name(unified))
        }
        // What is above the hierarchy is somebody else's.
        Membership::Text(text) if text.contains("..") => return,
        Membership::Text(text) => text.to_owned(),
    };
    let quota = cpu_quota_in(&text, mount);
    assert!(quota.is_none_or(|quota| quota.is_finite() && quota >= 0.0), "{quota:?}");
    // A process that belongs to more groups does not get more.
    let also = cpu_quota_in(&format!("{text}\n0::/\n"), mount);
    assert!(quota.is_none() || also.is_some_and(|also| also <= quota.unwrap()), "{also:?}");
}
