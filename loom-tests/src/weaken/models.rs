//! The models, and which operations each one reaches.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::Message;

/// Tests about the models, which are none themselves.
const NO_MODELS: [&str; 2] = ["wiring", "orderings"];

/// One model: a test of one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Model {
    /// The file's name without its ending.
    pub file: String,
    /// The test's path in it.
    pub test: String,
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.file, self.test)
    }
}

/// What a model does when it is left alone.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// How long it takes.
    pub takes: Duration,
    /// The places that it reaches, `file:line:column`.
    pub sites: BTreeSet<String>,
}

/// All models, built.
#[derive(Debug)]
pub struct Models {
    /// The programs, by file.
    programs: BTreeMap<String, PathBuf>,
    /// The models, in order.
    pub models: Vec<Model>,
}

impl Models {
    /// Builds the models as `cargo loom` does, and lists them.
    ///
    /// # Errors
    ///
    /// If they cannot be built.
    pub fn build(root: &Path) -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut child = Command::new(cargo)
            .args(["loom", "--no-run", "--tests", "--message-format", "json-render-diagnostics"])
            // They would take the place of the alias's own, and with them of loom.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .current_dir(root)
            .stdout(Stdio::piped())
            .spawn()
            .context("starting cargo")?;
        let stdout = child.stdout.take().context("cargo's messages")?;
        let mut programs = BTreeMap::new();
        for message in Message::parse_stream(BufReader::new(stdout)) {
            let Message::CompilerArtifact(artifact) = message? else { continue };
            let Some(program) = artifact.executable.filter(|_| artifact.target.is_test()) else {
                continue;
            };
            if !NO_MODELS.contains(&artifact.target.name.as_str()) {
                programs.insert(artifact.target.name, program.into_std_path_buf());
            }
        }
        ensure!(child.wait()?.success(), "the models cannot be built");

        let mut models = Vec::new();
        for (file, program) in &programs {
            let ignored = tests(program, &["--ignored"])?;
            let listed = tests(program, &[])?.into_iter().filter(|test| !ignored.contains(test));
            models.extend(listed.map(|test| Model { file: file.clone(), test }));
        }
        ensure!(!models.is_empty(), "there are no models");
        Ok(Self { programs, models })
    }

    /// The program that a model is in.
    pub fn program(&self, model: &Model) -> &Path {
        &self.programs[&model.file]
    }

    /// The model of this name, if there is one.
    pub fn find(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.to_string() == name)
    }

    /// What is known of the models from an earlier time, if they are still the same programs.
    ///
    /// # Errors
    ///
    /// If a file from then is malformed.
    pub fn read_coverage(&self) -> Result<HashMap<Model, Coverage>> {
        let mut known = HashMap::new();
        for model in &self.models {
            let path = self.coverage_path(model);
            let built = fs::metadata(self.program(model))?.modified()?;
            if !fs::metadata(&path).is_ok_and(|file| file.modified().is_ok_and(|at| at > built)) {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            let (takes, sites) = text.split_once('\n').context("a first line")?;
            let takes = Duration::from_micros(takes.parse()?);
            known.insert(model.clone(), Coverage { takes, sites: recorded(sites) });
        }
        Ok(known)
    }

    /// Keeps what a model does, for later.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn keep_coverage(&self, model: &Model, coverage: &Coverage) -> Result<()> {
        let mut text = format!("{}\n", coverage.takes.as_micros());
        for site in &coverage.sites {
            text.extend([site, "\n"]);
        }
        fs::write(self.coverage_path(model), text).context("writing the coverage")
    }

    /// Beside the program.
    fn coverage_path(&self, model: &Model) -> PathBuf {
        let test = model.test.replace("::", "-");
        self.program(model).with_extension(format!("{test}.coverage"))
    }
}

/// The places in a record.
pub fn recorded(record: &str) -> BTreeSet<String> {
    let places = record.lines().filter_map(|line| line.split('\t').next());
    places.map(str::to_owned).collect()
}

/// The tests in a program.
fn tests(program: &Path, arguments: &[&str]) -> Result<Vec<String>> {
    let output =
        Command::new(program).args(["--list", "--format", "terse"]).args(arguments).output()?;
    ensure!(output.status.success(), "{} cannot list its tests", program.display());
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

/// The names of all tests in the models' files, read off the source.
///
/// # Errors
///
/// If a file cannot be read.
pub fn in_source(root: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(root.join("loom-tests/tests"))? {
        let path = entry?.path();
        let Some(file) = path.file_stem().and_then(|stem| stem.to_str()) else {
            bail!("{}: a name that is text", path.display());
        };
        if path.extension().is_some_and(|it| it == "rs") && !NO_MODELS.contains(&file) {
            let items = syn::parse_file(&fs::read_to_string(&path)?)?.items;
            add_tests(&items, file, &mut names);
        }
    }
    Ok(names)
}

fn add_tests(items: &[syn::Item], module: &str, names: &mut BTreeSet<String>) {
    for item in items {
        match item {
            syn::Item::Fn(function) if is_test(function) => {
                names.insert(format!("{module}::{}", function.sig.ident));
            }
            syn::Item::Mod(inner) => {
                if let Some((_, items)) = &inner.content {
                    add_tests(items, &format!("{module}::{}", inner.ident), names);
                }
            }
            _ => {}
        }
    }
}

fn is_test(function: &syn::ItemFn) -> bool {
    function.attrs.iter().any(|attribute| attribute.path().is_ident("test"))
}
