//! Lists of digests in the form of `sha256sum`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, anyhow};

use super::input::path_bytes;
use super::program::{Digest, Outcome};

/// Digests by the bytes of the paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests(BTreeMap<Vec<u8>, Digest>);

/// How a list differs from the one it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The digest is another one.
    Differs,
    /// The file is not there, or could not be read.
    Missing,
    /// The file is there, and should not be.
    Extra,
}

impl Digests {
    /// The digests of the files that could be read.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let readable = outcomes.iter().filter_map(|outcome| {
            let (_, digest) = outcome.result.as_ref().ok()?;
            Some((path_bytes(&outcome.path).to_owned(), *digest))
        });
        Self(readable.collect())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads a list that `sha256sum` or [`Digests::save`] has written.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a line of it, which is named, has another form.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut digests = BTreeMap::new();
        for (index, line) in BufReader::new(file).split(b'\n').enumerate() {
            let line = line.with_context(|| format!("cannot read {}", path.display()))?;
            let (digest, name) = parse_line(&line).ok_or_else(|| {
                anyhow!("{}:{}: not a line of sha256sum", path.display(), index + 1)
            })?;
            digests.insert(name, digest);
        }
        Ok(Self(digests))
    }

    /// Writes the list as `sha256sum` does, in ascending order of the paths.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let write = || -> io::Result<()> {
            let mut out = BufWriter::new(File::create(path)?);
            for (name, digest) in &self.0 {
                write_line(&mut out, name, digest)?;
            }
            out.flush()
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// Where this list differs from the `expected` one, in ascending order of the paths.
    pub fn differences(&self, expected: &Self) -> Vec<(String, Difference)> {
        let mut found = BTreeMap::new();
        for (name, digest) in &expected.0 {
            match self.0.get(name) {
                None => found.insert(name, Difference::Missing),
                Some(actual) if actual != digest => found.insert(name, Difference::Differs),
                Some(_) => None,
            };
        }
        for name in self.0.keys().filter(|name| !expected.0.contains_key(*name)) {
            found.insert(name, Difference::Extra);
        }
        found.into_iter().map(|(name, what)| (printable(name), what)).collect()
    }

    /// The files that both lists have, with different digests.
    pub fn contradictions(&self, other: &Self) -> Vec<String> {
        let both =
            self.0.iter().filter_map(|(name, digest)| Some((name, digest, other.0.get(name)?)));
        both.filter(|(_, here, there)| here != there).map(|(name, ..)| printable(name)).collect()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Differs => "differs",
            Self::Missing => "missing",
            Self::Extra => "extra",
        })
    }
}

fn printable(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// A backslash before the digest says that the name is escaped, which it is only where it has to be.
fn write_line(out: &mut impl Write, name: &[u8], digest: &Digest) -> io::Result<()> {
    let escaped = name.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r'));
    if escaped {
        out.write_all(b"\\")?;
    }
    for byte in digest {
        write!(out, "{byte:02x}")?;
    }
    out.write_all(b"  ")?;
    if escaped {
        for byte in name {
            match byte {
                b'\\' => out.write_all(b"\\\\")?,
                b'\n' => out.write_all(b"\\n")?,
                b'\r' => out.write_all(b"\\r")?,
                other => out.write_all(&[*other])?,
            }
        }
    } else {
        out.write_all(name)?;
    }
    out.write_all(b"\n")
}

/// Digest, a space, a space or the asterisk of binary mode, and the name.
fn parse_line(line: &[u8]) -> Option<(Digest, Vec<u8>)> {
    let (line, escaped) = match line.strip_prefix(b"\\") {
        Some(rest) => (rest, true),
        None => (line, false),
    };
    let (hex, rest) = line.split_at_checked(2 * size_of::<Digest>())?;
    let name = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *"))?;
    if name.is_empty() {
        return None;
    }
    let mut digest = Digest::default();
    for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
        let digit = |character: u8| char::from(character).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some((digest, if escaped { unescape(name)? } else { name.to_owned() }))
}

fn unescape(name: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(name.len());
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'r' => b'\r',
                _ => return None,
            },
            other => *other,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &[u8]) -> Vec<u8> {
        let mut line = Vec::new();
        write_line(&mut line, name, &[0xa5; 32]).unwrap();
        line
    }

    #[test]
    fn odd_names_survive() {
        let names: [&[u8]; 6] =
            [b"plain", b" leading space", b"*star", b"back\\slash", b"new\nline\r", b"\xff\xfe"];
        for name in names {
            let line = line(name);
            let parsed = parse_line(line.strip_suffix(b"\n").unwrap());
            assert_eq!(parsed, Some(([0xa5; 32], name.to_owned())));
        }
    }

    #[test]
    fn names_are_escaped_only_where_they_must_be() {
        assert!(line(b"a b").starts_with(b"a5a5"));
        let escaped = line(b"a\\b\nc");
        assert!(escaped.starts_with(b"\\a5a5"));
        assert!(escaped.ends_with(b"  a\\\\b\\nc\n"));
    }

    #[test]
    fn lines_of_another_form_are_refused() {
        let digest = "a5".repeat(32);
        for line in [
            "".to_owned(),
            "a5a5  short".to_owned(),
            format!("{digest} one-space"),
            format!("{digest}  "),
            format!("{}zz  no-hex", "a5".repeat(31)),
            format!("\\{digest}  bad\\escape"),
            format!("\\{digest}  ends\\"),
        ] {
            assert_eq!(parse_line(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn differences_are_named() {
        let list = |entries: &[(&str, u8)]| {
            let entries =
                entries.iter().map(|(name, fill)| (name.as_bytes().to_owned(), [*fill; 32]));
            Digests(entries.collect())
        };
        let actual = list(&[("a", 1), ("b", 2), ("d", 4)]);
        let expected = list(&[("a", 1), ("b", 9), ("c", 3)]);
        let found = actual.differences(&expected);
        let named = |name: &str, what| (name.to_owned(), what);
        assert_eq!(
            found,
            [
                named("b", Difference::Differs),
                named("c", Difference::Missing),
                named("d", Difference::Extra)
            ]
        );
        assert_eq!(actual.contradictions(&expected), ["b"]);
    }
}
