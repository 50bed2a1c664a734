//! Compares the messages written here with the files of the RFC's archive, where the environment
//! variable `STROWGER_TORTURE_DIR` names a folder that holds them.

use std::path::Path;

use super::{all, treat};

#[test]
fn the_archive_holds_the_same_bytes() {
    let Some(folder) = std::env::var_os("STROWGER_TORTURE_DIR") else {
        // The bytes below are the archive's; without the archive their sum is what can be checked.
        assert_eq!(all().iter().map(|(_, bytes, _)| bytes.len()).sum::<usize>(), 24_658);
        return;
    };
    for (name, ours, treatment) in all() {
        let path = Path::new(&folder).join(format!("{name}.dat"));
        let theirs = std::fs::read(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        assert!(ours == theirs, "{name}: our bytes differ from {}", path.display());
        assert_eq!(treat(&theirs), treatment, "{name}");
    }
}
