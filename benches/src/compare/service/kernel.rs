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

    /// Does the work, on `input` where this kind of work is done on what was read. Returns a number that says a little of what came
    /// out.
    pub(super) fn run(&self, input: Option<&[u8]>) -> u64 {
        // The optimiser is to see neither what goes in nor that nobody needs all that comes out.
        match self {
            Self::Sha256(block) => {
                let digest = black_box(digest(black_box(input.unwrap_or(block))));
                digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
            }
            Self::Zstd(text) => black_box(compressed(black_box(text))).len() as u64,
            Self::Json(document) => {
                let parsed = black_box(parsed(black_box(document)));
                parsed.ok().and_then(|parsed| Some(parsed.as_array()?.len())).unwrap_or(0) as u64
            }
            Self::Sort(elements) => {
                black_box(sorted(black_box(elements))).first().copied().unwrap_or(0)
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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use ruzstd::decoding::StreamingDecoder;

    use super::*;

    const NEVER_READ: Option<&[u8]> = None;

    #[test]
    fn digests_are_those_of_the_standard() {
        // The example of FIPS 180-4.
        let abc = [
            0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae,
            0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61,
            0xf2, 0x00, 0x15, 0xad,
        ];
        assert_eq!(digest(b"abc"), abc);
    }

    #[test]
    fn a_digest_is_of_what_was_read() {
        let kernel = Kernel::sha256(1000);
        assert_eq!(kernel.run(Some(b"abc")), 0xba78_16bf_8f01_cfea);
        assert_eq!(kernel.run(Some(b"")), 0xe3b0_c442_98fc_1c14);
    }

    #[test]
    fn a_digest_is_of_its_own_block_where_nothing_was_read() {
        let kernel = Kernel::sha256(1000);
        let Kernel::Sha256(block) = &kernel else { panic!("{kernel:?}") };
        assert_eq!(block.len(), 1000);
        assert_eq!(kernel.run(NEVER_READ), kernel.run(Some(block)));
        assert_ne!(kernel.run(NEVER_READ), kernel.run(Some(&block[1..])));
        assert_ne!(kernel.run(NEVER_READ), Kernel::sha256(999).run(NEVER_READ));
    }

    #[test]
    fn a_text_has_its_size_and_about_half_of_it_compressed() {
        for bytes in [0, 1, 4096, 65_536, 1 << 20] {
            let Kernel::Zstd(text) = Kernel::zstd(bytes) else { panic!("another kernel") };
            assert_eq!(text.len(), bytes);

            let compressed = compressed(&text);
            let mut back = Vec::new();
            StreamingDecoder::new(&compressed[..]).unwrap().read_to_end(&mut back).unwrap();
            assert_eq!(back, text);
            if bytes >= 65_536 {
                let ratio = compressed.len() as f64 / bytes as f64;
                assert!((0.35..0.65).contains(&ratio), "{ratio} of {bytes} bytes");
            }
        }
    }

    #[test]
    fn a_document_is_valid_and_about_as_large_as_asked_for() {
        for bytes in [0, 1, 1024, 100_000] {
            let Kernel::Json(document) = Kernel::json(bytes) else { panic!("another kernel") };
            assert!((bytes..bytes + 250).contains(&document.len()), "{} bytes", document.len());
            let parsed = parsed(&document).unwrap();
            assert_eq!(parsed.to_string().as_bytes(), document);
        }
    }

    #[test]
    fn a_parse_sees_every_record() {
        let kernel = Kernel::json(16 << 10);
        let Kernel::Json(document) = &kernel else { panic!("{kernel:?}") };
        let ids = document.windows(5).filter(|window| *window == b"\"id\":").count();
        assert!(ids > 50, "{ids}");
        assert_eq!(kernel.run(NEVER_READ), ids as u64);
    }

    #[test]
    fn numbers_are_sorted_and_their_source_is_not() {
        let kernel = Kernel::sort(10_000);
        for _ in 0..2 {
            let Kernel::Sort(elements) = &kernel else { panic!("{kernel:?}") };
            assert_eq!(elements.len(), 10_000);
            assert!(!elements.is_sorted());
            let sorted = sorted(elements);
            assert!(sorted.is_sorted());
            assert_eq!(sorted.len(), elements.len());
            assert!(elements.iter().all(|element| sorted.binary_search(element).is_ok()));
            assert_eq!(Some(&kernel.run(NEVER_READ)), elements.iter().min());
        }
    }

    #[test]
    fn all_that_is_not_for_reading_ignores_what_was_read() {
        for kernel in [Kernel::zstd(5000), Kernel::json(5000), Kernel::sort(5000)] {
            assert_eq!(kernel.run(Some(b"[1, 2]")), kernel.run(NEVER_READ), "{kernel}");
        }
    }

    #[test]
    fn inputs_are_always_the_same() {
        assert_eq!(format!("{:?}", Kernel::sha256(99)), format!("{:?}", Kernel::sha256(99)));
        assert_eq!(format!("{:?}", Kernel::zstd(999)), format!("{:?}", Kernel::zstd(999)));
        assert_eq!(format!("{:?}", Kernel::json(999)), format!("{:?}", Kernel::json(999)));
        assert_eq!(format!("{:?}", Kernel::sort(99)), format!("{:?}", Kernel::sort(99)));
    }

    #[test]
    fn descriptions_name_the_size() {
        assert_eq!(Kernel::sha256(65_536).to_string(), "SHA-256 of 64 KiB");
        assert_eq!(Kernel::zstd(1).to_string(), "zstd of 1 byte");
        assert_eq!(Kernel::zstd(1500).to_string(), "zstd of 1,500 bytes");
        assert_eq!(Kernel::sort(20_000).to_string(), "sort of 20,000 numbers");
    }
}
