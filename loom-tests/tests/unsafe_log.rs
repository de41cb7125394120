//! `UNSAFE.md` tells of each file with unsafe code how much it has, what that relies on, and what a review found.
//!
//! A table that somebody has to remember is wrong after a month. This test counts.

#![cfg(not(any(loom, shuttle)))]

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

const CRATES: [&str; 3] = ["common", "smp-executor", "amp-executor"];

/// The unsafe code of a file, without its tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    blocks: usize,
    functions: usize,
    impls: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {} | {}", self.blocks, self.functions, self.impls)
    }
}

/// Whether an item is there in tests only.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let condition = list.tokens.to_string();
        list.path.is_ident("cfg")
            && (condition == "test"
                || condition.starts_with("all (test")
                || condition.starts_with("all(test"))
    })
}

impl<'ast> Visit<'ast> for Counts {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.blocks += 1;
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        // A declaration in a trait counts like a function: its implementors rely on it.
        self.functions += usize::from(matches!(signature.safety, syn::Safety::Unsafe(_)));
        visit::visit_signature(self, signature);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.impls += usize::from(item.unsafety.is_some());
        visit::visit_item_impl(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.impls += usize::from(item.unsafety.is_some());
        visit::visit_item_trait(self, item);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let text = call.tokens.to_string();
        self.blocks +=
            text.split(|c: char| !c.is_alphanumeric()).filter(|w| *w == "unsafe").count();
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.file_stem().unwrap().to_str().unwrap().ends_with("tests")
        {
            found.push(path);
        }
    }
}

/// What the sources have.
fn counted() -> BTreeMap<String, Counts> {
    let root = root();
    let mut files = Vec::new();
    for name in CRATES {
        sources(&root.join(name).join("src"), &mut files);
    }
    let mut counted = BTreeMap::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let mut counts = Counts::default();
        counts.visit_file(&file);
        if counts != Counts::default() {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            counted.insert(name, counts);
        }
    }
    counted
}

/// What the table says: rows that begin with a file's name and its three counts.
fn logged() -> BTreeMap<String, Counts> {
    let text = fs::read_to_string(root().join("UNSAFE.md")).unwrap();
    let mut logged = BTreeMap::new();
    for line in text.lines() {
        let Some(row) = line.strip_prefix("| `") else { continue };
        if !row.split('`').next().is_some_and(|first| first.ends_with(".rs")) {
            continue;
        }
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [file, blocks, functions, impls, relies_on, checked_by, ..] = cells[..] else {
            panic!("too few cells: {line}")
        };
        let number = |cell: &str| cell.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let counts =
            Counts { blocks: number(blocks), functions: number(functions), impls: number(impls) };
        assert!(!relies_on.is_empty() && !checked_by.is_empty(), "an empty cell: {line}");
        let file = file.trim_end_matches('`').to_owned();
        assert!(logged.insert(file, counts).is_none(), "twice: {line}");
    }
    logged
}

#[test]
fn the_log_has_every_file_with_its_counts() {
    let (counted, logged) = (counted(), logged());
    let mut wrong = String::new();
    for (file, counts) in &counted {
        if logged.get(file) != Some(counts) {
            wrong += &format!("| `{file}` | {counts} |\n");
        }
    }
    for file in logged.keys().filter(|file| !counted.contains_key(*file)) {
        wrong += &format!("{file} has no unsafe code, or is gone\n");
    }
    assert!(wrong.is_empty(), "review these, and bring UNSAFE.md up to date:\n{wrong}");
}

#[test]
fn counting_sees_each_kind_and_leaves_tests_out() {
    let text = "
        unsafe trait T { unsafe fn declared(); }
        unsafe impl T for () { unsafe fn declared() { unsafe { a() } } }
        fn safe(f: unsafe fn()) { let g = || unsafe { f() }; call!(unsafe { f() }); }
        #[cfg(test)] mod tests { fn t() { unsafe { a() } } }
        #[cfg(all(test, not(loom)))] mod more { fn t() { unsafe { a() } } }
        #[cfg(not(loom))] mod other { fn t() { unsafe { a() } } }
    ";
    let mut counts = Counts::default();
    counts.visit_file(&syn::parse_file(text).unwrap());
    assert_eq!(counts, Counts { blocks: 4, functions: 2, impls: 2 });
}
