//! The atomic operations and fences of a source file.

use std::collections::HashMap;
use std::fmt;

use anyhow::{Result, bail};
use proc_macro2::{LineColumn, Span, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, Token, Type};

use super::sources::{Source, is_in_a_model};

/// As in the standard library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ordering {
    /// As in the standard library.
    Relaxed,
    /// As in the standard library.
    Acquire,
    /// As in the standard library.
    Release,
    /// As in the standard library.
    AcqRel,
    /// As in the standard library.
    SeqCst,
}

/// What an operation does, as far as its weaker forms depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Reads.
    Load,
    /// Writes.
    Store,
    /// Reads and writes in one.
    ReadModifyWrite,
    /// A fence with an ordering.
    Fence,
    /// One side of a pair of fences, which is there or not.
    PairedFence,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The file, from the root of the workspace.
    pub file: String,
    /// The function around it: `Type::method`, or the name alone.
    pub function: String,
    /// The operation's name.
    pub operation: String,
    /// How many of the same name come before it in the function.
    pub index: usize,
    /// What it does.
    pub kind: Kind,
    /// What it is asked for: one ordering, or one for success and one for failure, or none.
    pub orderings: Vec<Ordering>,
    /// Where a call of it happens according to the compiler, both from 1.
    pub line: usize,
    /// As `line`.
    pub column: usize,
}

impl Site {
    /// The place, as the models name it.
    pub fn location(&self) -> String {
        format!("{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}#{}", self.file, self.function, self.operation, self.index)
    }
}

/// All operations of the file.
///
/// # Errors
///
/// If there is one where it cannot be read.
pub fn sites(source: &Source) -> Result<Vec<Site>> {
    let mut finder = Finder { file: &source.path, ..Finder::default() };
    for item in &source.items {
        finder.visit_item(item);
    }
    if let Some(span) = finder.unread {
        bail!("{}:{}: an ordering in a macro's own syntax", source.path, span.start().line);
    }
    Ok(finder.sites)
}

#[derive(Default)]
struct Finder<'a> {
    file: &'a str,
    /// The type whose methods come.
    of_type: Option<String>,
    function: Option<String>,
    sites: Vec<Site>,
    /// How many of an operation there have been in a function.
    counts: HashMap<(String, String), usize>,
    /// A macro that has an ordering inside, and cannot be read.
    unread: Option<Span>,
}

impl Finder<'_> {
    fn in_function(&mut self, name: &syn::Ident, visit: impl FnOnce(&mut Self)) {
        let name = match self.of_type.take() {
            Some(of_type) => format!("{of_type}::{name}"),
            None => name.to_string(),
        };
        let outer = self.function.replace(name);
        visit(self);
        self.function = outer;
    }

    fn add(&mut self, operation: &str, kind: Kind, orderings: Vec<Ordering>, at: LineColumn) {
        let function = self.function.clone().unwrap_or_else(|| "(static)".to_owned());
        let count = self.counts.entry((function.clone(), operation.to_owned())).or_default();
        let index = *count;
        *count += 1;
        self.sites.push(Site {
            file: self.file.to_owned(),
            function,
            operation: operation.to_owned(),
            index,
            kind,
            orderings,
            line: at.line,
            column: at.column + 1,
        });
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_in_a_model(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if is_in_a_model(&item.attrs) {
            self.in_function(&item.sig.ident, |this| visit::visit_item_fn(this, item));
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if is_in_a_model(&item.attrs) {
            for part in &item.items {
                self.of_type = Some(type_name(&item.self_ty));
                self.visit_impl_item(part);
            }
            self.of_type = None;
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if is_in_a_model(&item.attrs) {
            self.in_function(&item.sig.ident, |this| visit::visit_impl_item_fn(this, item));
        }
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        if is_in_a_model(&item.attrs) {
            for part in &item.items {
                self.of_type = Some(item.ident.to_string());
                self.visit_trait_item(part);
            }
            self.of_type = None;
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.in_function(&item.sig.ident, |this| visit::visit_trait_item_fn(this, item));
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if is_in_a_model(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_expr_block(&mut self, block: &'ast syn::ExprBlock) {
        if is_in_a_model(&block.attrs) {
            visit::visit_expr_block(self, block);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        visit::visit_expr_method_call(self, call);
        let name = call.method.to_string();
        let arguments: Vec<_> = call.args.iter().collect();
        let at = call.method.span().start();
        match (name.as_str(), arguments.as_slice()) {
            ("fast" | "slow", []) => self.add(&name, Kind::PairedFence, Vec::new(), at),
            _ => {
                if let Some((kind, orderings)) = access(&name, &arguments) {
                    self.add(&name, kind, orderings, at);
                }
            }
        }
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        visit::visit_expr_call(self, call);
        let Expr::Path(path) = &*call.func else { return };
        let Some(name) = path.path.segments.last().map(|last| last.ident.to_string()) else {
            return;
        };
        let arguments: Vec<_> = call.args.iter().collect();
        let at = call.span().start();
        match (name.as_str(), arguments.as_slice()) {
            ("light" | "heavy", []) => self.add(&name, Kind::PairedFence, Vec::new(), at),
            ("fence", [argument]) => {
                if let Some(ordering) = ordering(argument) {
                    self.add(&name, Kind::Fence, vec![ordering], at);
                }
            }
            _ => {}
        }
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        let parse = Punctuated::<Expr, Token![,]>::parse_terminated;
        if let Ok(arguments) = invocation.parse_body_with(parse) {
            for argument in &arguments {
                Visit::visit_expr(self, argument);
            }
        } else if names_an_ordering(invocation.tokens.clone()) {
            self.unread.get_or_insert(invocation.path.span());
        }
    }
}

/// The kind and the orderings of an access of this name with these arguments, if it is one. An ordering is written
/// where it is used: that of a variable is not seen here, and the models tell that they reach what was not found.
fn access(name: &str, arguments: &[&Expr]) -> Option<(Kind, Vec<Ordering>)> {
    let (kind, orderings) = match (name, arguments) {
        ("load", [ordering]) => (Kind::Load, vec![ordering]),
        ("store", [_, ordering]) => (Kind::Store, vec![ordering]),
        ("fetch_update", [set, fetch, _]) => (Kind::ReadModifyWrite, vec![set, fetch]),
        ("compare_exchange" | "compare_exchange_weak", [_, _, success, failure]) => {
            (Kind::ReadModifyWrite, vec![success, failure])
        }
        (name, [_, ordering]) if name == "swap" || name.starts_with("fetch_") => {
            (Kind::ReadModifyWrite, vec![ordering])
        }
        _ => return None,
    };
    let orderings: Option<Vec<_>> =
        orderings.into_iter().map(|argument| ordering(argument)).collect();
    Some((kind, orderings?))
}

fn ordering(argument: &Expr) -> Option<Ordering> {
    let Expr::Path(path) = argument else { return None };
    match path.path.segments.last()?.ident.to_string().as_str() {
        "Relaxed" => Some(Ordering::Relaxed),
        "Acquire" => Some(Ordering::Acquire),
        "Release" => Some(Ordering::Release),
        "AcqRel" => Some(Ordering::AcqRel),
        "SeqCst" => Some(Ordering::SeqCst),
        _ => None,
    }
}

fn names_an_ordering(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(name) => name == "Ordering",
        TokenTree::Group(group) => names_an_ordering(group.stream()),
        _ => false,
    })
}

fn type_name(of: &Type) -> String {
    match of {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        _ => None,
    }
    .unwrap_or_else(|| "(type)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Site>> {
        let items = syn::parse_file(text).unwrap().items;
        sites(&Source { path: "a.rs".to_owned(), items })
    }

    fn names(text: &str) -> Vec<String> {
        read(text).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn operations_are_counted_in_their_function() {
        let found = names(
            "impl<T> State<T> {
                 fn twice(&self) { self.0.load(Ordering::Acquire); self.0.load(Ordering::Relaxed); }
                 fn once(&self) { let f = || self.0.load(Ordering::Acquire); }
             }
             fn free() { asymmetric::light(); fence(Ordering::SeqCst); fences.slow(); }",
        );
        assert_eq!(
            found,
            [
                "a.rs State::twice load#0",
                "a.rs State::twice load#1",
                "a.rs State::once load#0",
                "a.rs free light#0",
                "a.rs free fence#0",
                "a.rs free slow#0",
            ]
        );
    }

    #[test]
    fn both_orderings_of_a_comparison_are_read() {
        let found = read(
            "fn f() {
                 x
                     .compare_exchange(0, 1, Ordering::AcqRel, Ordering::Acquire);
                 x.fetch_update(Ordering::Release, Ordering::Relaxed, |it| Some(it));
             }",
        );
        let found = found.unwrap();
        assert_eq!(found[0].orderings, [Ordering::AcqRel, Ordering::Acquire]);
        assert_eq!((found[0].line, found[0].column), (3, 23), "where the name begins");
        assert_eq!(found[1].orderings, [Ordering::Release, Ordering::Relaxed]);
    }

    #[test]
    fn what_only_looks_like_an_operation_is_none() {
        assert_eq!(names("fn f() { list.swap(0, pivot); state.load(); a.fetch_sub(1); }"), [""; 0]);
        assert_eq!(
            names("#[cfg(test)] mod tests { fn f() { x.load(Ordering::Acquire); } }"),
            [""; 0]
        );
        assert_eq!(names("#[cfg(not(loom))] fn f() { fence(Ordering::SeqCst); }"), [""; 0]);
    }

    #[test]
    fn macros_are_read_or_refused() {
        assert_eq!(names("fn f() { assert_eq!(x.load(Ordering::Acquire), 1); }").len(), 1);
        assert!(read("fn f() { m!(x => x.load(Ordering::Acquire)); }").is_err());
    }
}
