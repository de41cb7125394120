//! Real work: a digest, a compression, a parse, a sort.

use std::fmt;
use std::hint::black_box;

use indicatif::HumanCount;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What all inputs follow from.
const SEED: u64 = 1;

/// How many different words a text has.
const WORDS: usize = 4096;

/// Work, and what it is done on.
#[derive(Debug)]
pub(super) enum Kernel {
    /// The digest of these bytes, or of what was read.
    Sha256(Vec<u8>),
    /// Compresses this text.
    Zstd(Vec<u8>),
    /// Parses this document.
    Json(Vec<u8>),
    /// Sorts a copy of these.
    Sort(Vec<u64>),
}

impl Kernel {
    /// On random bytes.
    pub(super) fn sha256(bytes: usize) -> Self {
        let mut block = vec![0; bytes];
        numbers().fill_bytes(&mut block);
        Self::Sha256(block)
    }

    /// On a text that has about half the size when it is compressed.
    pub(super) fn zstd(bytes: usize) -> Self {
        let mut numbers = numbers();
        let vocabulary: Vec<_> = (0..WORDS).map(|_| word(&mut numbers)).collect();
        let mut text = Vec::with_capacity(bytes + 16);
        while text.len() < bytes {
            text.extend_from_slice(vocabulary.choose(&mut numbers).map_or(b"", Vec::as_slice));
            text.push(b' ');
        }
        text.truncate(bytes);
        Self::Zstd(text)
    }

    /// On a list of records, at least one, about so many bytes.
    pub(super) fn json(bytes: usize) -> Self {
        let mut numbers = numbers();
        let mut document = b"[".to_vec();
        loop {
            document.extend(record(&mut numbers).to_string().into_bytes());
            if document.len() >= bytes {
                break;
            }
            document.push(b',');
        }
        document.push(b']');
        Self::Json(document)
    }

    /// On random numbers.
    pub(super) fn sort(elements: usize) -> Self {
        Self::Sort(numbers().random_iter().take(elements).collect())
    }

    /// Does the work, on `input` where this kind of work is done on what was read.
    pub(super) fn run(&self, input: Option<&[u8]>) {
        // The optimiser is to see neither what goes in nor that nobody needs what comes out.
        match self {
            Self::Sha256(block) => {
                black_box(digest(black_box(input.unwrap_or(block))));
            }
            Self::Zstd(text) => {
                black_box(compressed(black_box(text)));
            }
            Self::Json(document) => {
                drop(black_box(parsed(black_box(document))));
            }
            Self::Sort(elements) => {
                black_box(sorted(black_box(elements)));
            }
        }
    }
}

fn digest(block: &[u8]) -> [u8; 32] {
    Sha256::digest(block).into()
}

fn compressed(text: &[u8]) -> Vec<u8> {
    compress_to_vec(text, CompressionLevel::Fastest)
}

fn parsed(document: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(document)
}

fn sorted(elements: &[u64]) -> Vec<u64> {
    let mut elements = elements.to_vec();
    elements.sort_unstable();
    elements
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(block) => write!(f, "SHA-256 of {}", size(block.len())),
            Self::Zstd(text) => write!(f, "zstd of {}", size(text.len())),
            Self::Json(document) => write!(f, "JSON parse of {}", size(document.len())),
            Self::Sort(elements) => {
                write!(f, "sort of {} numbers", HumanCount(elements.len() as u64))
            }
        }
    }
}

fn numbers() -> Pcg64Mcg {
    Pcg64Mcg::seed_from_u64(SEED)
}

/// Small letters.
fn word(numbers: &mut impl Rng) -> Vec<u8> {
    let length = numbers.random_range(2..10);
    (0..length).map(|_| numbers.random_range(b'a'..=b'z')).collect()
}

/// About 150 bytes, with all that JSON has.
fn record(numbers: &mut impl Rng) -> Value {
    let mut text = || String::from_utf8_lossy(&word(numbers)).into_owned();
    let (name, tags) = (text(), [text(), text(), text()]);
    json!({
        "id": numbers.random::<u32>(),
        "name": name,
        "active": numbers.random::<bool>(),
        "balance": f64::from(numbers.random_range(0..1_000_000)) / 100.0,
        "parent": null,
        "tags": tags,
        "address": { "street": "Ö \"quoted\" \u{1f600}", "number": numbers.random::<u8>() },
    })
}

/// In KiB where that is a whole number.
fn size(bytes: usize) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        _ if bytes > 0 && bytes.is_multiple_of(1024) => {
            format!("{} KiB", HumanCount((bytes / 1024) as u64))
        }
        _ => format!("{} bytes", HumanCount(bytes as u64)),
    }
}
