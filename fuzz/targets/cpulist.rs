//! Lists of CPUs in the kernel's syntax.

use std::collections::BTreeSet;

use executor_common::cpu::CpuSet;

pub(crate) fn check(data: &[u8]) {
    let Ok(list) = std::str::from_utf8(data) else { return };
    let read = list.parse::<CpuSet>();
    assert_eq!(read.as_ref().ok().map(|set| set.iter().collect()), expected(list), "{list:?}");
    match read {
        Ok(set) => {
            assert_eq!(set.to_string().parse().as_ref(), Ok(&set), "written and read back");
        }
        Err(error) => {
            assert!(list.is_char_boundary(error.position), "{error} of {list:?}");
            assert!(!error.reason.is_empty());
        }
    }
}

/// The same by another way: each item says which CPUs it means, as three numbers.
fn expected(list: &str) -> Option<BTreeSet<usize>> {
    let mut cpus = BTreeSet::new();
    for item in list.split(',') {
        let [first, last, stride] = numbers(item.trim())?;
        if first > last || stride == 0 {
            return None;
        }
        cpus.extend((first..=last).filter(|cpu| (cpu - first).is_multiple_of(stride)));
    }
    Some(cpus)
}

fn numbers(item: &str) -> Option<[usize; 3]> {
    let mut texts = item.splitn(3, ['-', ':']);
    let mut next = || {
        texts.next().map(|text| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().unwrap_or(usize::MAX);
            (is_number && number <= CpuSet::MAX_CPU).then_some(number)
        })
    };
    let (first, last, stride) = (next()??, next(), next());
    // Between the numbers stand a minus and then a colon.
    let separators: String = item.chars().filter(|c| !c.is_ascii_digit()).collect();
    match (separators.as_str(), last, stride) {
        ("", None, None) => Some([first, first, 1]),
        ("-", Some(last), None) => Some([first, last?, 1]),
        ("-:", Some(last), Some(stride)) => Some([first, last?, stride?]),
        _ => None,
    }
}
