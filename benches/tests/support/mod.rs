//! What the tests share.

mod watchdog;

use std::fs;
use std::path::Path;

pub(crate) use watchdog::within_a_minute;

/// Contents of so many bytes that differ from chunk to chunk.
pub(crate) fn contents(bytes: usize) -> Vec<u8> {
    (0..bytes as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// Fills a directory with files of telling sizes and names.
pub(crate) fn plant(directory: &Path) {
    let chunk = benches::checksum::CHUNK_BYTES;
    let write = |name: &str, bytes: usize| {
        fs::write(directory.join(name), contents(bytes)).unwrap();
    };
    write("empty", 0);
    write("small", 1);
    write("one chunk", chunk);
    write("one chunk and a byte", chunk + 1);
    write("two chunks", 2 * chunk);
    write("large", 20 * chunk + 7);
    for below in ["sub", "sub/deeper"] {
        fs::create_dir(directory.join(below)).unwrap();
        for number in 0..200 {
            write(&format!("{below}/{number}"), number * 31);
        }
    }
    #[cfg(unix)]
    {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        write("back\\slash", 10);
        write("new\nline and return\r", 11);
        write("\\", 12);
        write(" leading and trailing ", 13);
        write("*star", 14);
        let no_text = directory.join(OsStr::from_bytes(b"\xff\xfe no text"));
        fs::write(no_text, contents(15)).unwrap();
        // None of these is read.
        std::os::unix::fs::symlink("small", directory.join("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", directory.join("dangling")).unwrap();
        std::os::unix::fs::symlink("..", directory.join("sub/loop")).unwrap();
    }
}
