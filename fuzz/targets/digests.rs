//! Lists of digests in the form of `sha256sum`.

use std::fs;

use benches::checksum::Digests;

pub(crate) fn check(data: &[u8]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list");
    fs::write(&path, data).unwrap();
    match Digests::load(&path) {
        Ok(list) => {
            assert!(list.len() <= data.split(|byte| *byte == b'\n').count());
            assert!(list.differences(&list).is_empty() && list.contradictions(&list).is_empty());
            list.save(&path).unwrap();
            assert_eq!(Digests::load(&path).unwrap(), list, "written and read back");
            // What is written is canonical.
            let written = fs::read(&path).unwrap();
            list.save(&path).unwrap();
            assert_eq!(fs::read(&path).unwrap(), written);
        }
        Err(error) => {
            let text = format!("{error:#}");
            assert!(text.contains("not a line of sha256sum"), "{text}");
        }
    }
}
