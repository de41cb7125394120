//! The files that a package is made of in a model.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Item, ItemMod, Lit, Meta, Token};

/// The packages whose orderings are weakened.
const PACKAGES: [&str; 3] = ["common", "smp-executor", "amp-executor"];

/// What has no mutants.
///
/// The facade itself: it hands the orderings of others on. The stand-in for `crossbeam-deque`: its orderings are those of
/// that crate, and not ours to choose.
const LEFT_OUT: [&str; 2] = ["common/src/sync", "smp-executor/src/queue/loom.rs"];

/// A source file, read.
pub struct Source {
    /// From the root of the workspace, as the compiler names it.
    pub path: String,
    /// Its content.
    pub items: Vec<Item>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Whether a file, named from the root of the workspace, has mutants.
pub fn has_mutants(file: &str) -> bool {
    let package = PACKAGES.iter().any(|package| Path::new(file).starts_with(package));
    package
        && !LEFT_OUT.iter().any(|path| Path::new(file).starts_with(path) || is_module(file, path))
}

/// Whether `file` is the file of the module whose folder is `folder`.
fn is_module(file: &str, folder: &str) -> bool {
    file.strip_suffix(".rs") == Some(folder)
}

/// All files that are compiled in a model and have mutants.
///
/// # Errors
///
/// If one of them is missing or no Rust.
pub fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for package in PACKAGES {
        let folder = Path::new(package).join("src");
        add(root, &folder.join("lib.rs"), &folder, &mut sources)?;
    }
    Ok(sources)
}

/// Adds a file and those of its modules. The modules without a `path` of their own lie in `folder`.
fn add(root: &Path, file: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let path = file.to_str().context("a path that is text")?.to_owned();
    let text = fs::read_to_string(root.join(file)).with_context(|| format!("reading {path}"))?;
    let items = syn::parse_file(&text).with_context(|| format!("parsing {path}"))?.items;
    let here = file.parent().context("a file in a folder")?;
    add_modules(root, &items, here, folder, sources)?;
    if has_mutants(&path) {
        sources.push(Source { path, items });
    }
    Ok(())
}

fn add_modules(
    root: &Path,
    items: &[Item],
    here: &Path,
    folder: &Path,
    sources: &mut Vec<Source>,
) -> Result<()> {
    for item in items {
        let Item::Mod(module) = item else { continue };
        if !is_in_a_model(&module.attrs) {
            continue;
        }
        let below = folder.join(module.ident.to_string());
        if let Some((_, items)) = &module.content {
            add_modules(root, items, &below, &below, sources)?;
        } else if let Some(path) = path_attribute(module) {
            let file = here.join(path);
            let folder = file.parent().context("a file in a folder")?.to_owned();
            add(root, &file, &folder, sources)?;
        } else {
            let file = [below.with_extension("rs"), below.join("mod.rs")];
            let Some(file) = file.into_iter().find(|file| root.join(file).exists()) else {
                bail!("no file for the module {}", below.display());
            };
            add(root, &file, &below, sources)?;
        }
    }
    Ok(())
}

fn path_attribute(module: &ItemMod) -> Option<PathBuf> {
    module.attrs.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) => Some(PathBuf::from(path.value())),
            _ => None,
        },
        _ => None,
    })
}

/// Whether something with these attributes is compiled in a model.
pub fn is_in_a_model(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).all(|attribute| {
        let holds = attribute.parse_args().ok().and_then(|condition| holds(&condition));
        holds != Some(false)
    })
}

/// Whether a condition holds in a model; unknown for what a model does not determine.
fn holds(condition: &Meta) -> Option<bool> {
    match condition {
        Meta::Path(name) if name.is_ident("loom") => Some(true),
        // Models are tests of another crate.
        Meta::Path(name) if name.is_ident("test") || name.is_ident("doctest") => Some(false),
        Meta::Path(_) | Meta::NameValue(_) => None,
        Meta::List(list) => {
            let parse = Punctuated::<Meta, Token![,]>::parse_terminated;
            let parts = list.parse_args_with(parse).ok()?;
            let parts: Vec<_> = parts.iter().map(holds).collect();
            let is = |name| list.path.is_ident(name);
            let [decisive, other] = match () {
                () if is("all") => [false, true],
                () if is("any") => [true, false],
                () if is("not") => return parts.first().copied().flatten().map(|holds| !holds),
                () => return None,
            };
            if parts.contains(&Some(decisive)) {
                Some(decisive)
            } else {
                parts.iter().all(|part| *part == Some(other)).then_some(other)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_a_model(attribute: &str) -> bool {
        let item: Item = syn::parse_str(&format!("{attribute} fn f() {{}}")).unwrap();
        let Item::Fn(function) = item else { panic!("a function") };
        is_in_a_model(&function.attrs)
    }

    #[test]
    fn conditions_are_judged_as_in_a_model() {
        for attribute in [
            "",
            "#[inline]",
            "#[cfg(loom)]",
            "#[cfg(not(test))]",
            "#[cfg(target_os = \"linux\")]",
            "#[cfg(not(feature = \"config\"))]",
            "#[cfg(any(test, loom))]",
        ] {
            assert!(in_a_model(attribute), "{attribute}");
        }
        for attribute in
            ["#[cfg(test)]", "#[cfg(not(loom))]", "#[cfg(all(test, unix))]", "#[cfg(doctest)]"]
        {
            assert!(!in_a_model(attribute), "{attribute}");
        }
    }

    #[test]
    fn only_the_executors_own_orderings_have_mutants() {
        for file in ["common/src/park.rs", "smp-executor/src/queue.rs"] {
            assert!(has_mutants(file), "{file}");
        }
        for file in [
            "common/src/sync.rs",
            "common/src/sync/loom/atomic.rs",
            "smp-executor/src/queue/loom.rs",
            "loom-tests/src/witness.rs",
        ] {
            assert!(!has_mutants(file), "{file}");
        }
    }
}
