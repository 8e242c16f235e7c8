//! The snapshot on disk.

use std::fs;

use super::{HERE, arp, bridge, bridge_id, complete, gone, host, ids, port_id, put};
use crate::snapshot::{Builder, Stored, load, save};

fn stored() -> Stored {
    let mut builder = Builder::new(HERE);
    builder.opened("s", &ids(&[bridge_id(1).into(), port_id(9).into()]));
    for line in [
        put(5, host()),
        put(5, bridge(1, "blue")),
        put(5, arp(1, 1)),
        gone(5, port_id(9)),
        complete(5, 1),
    ] {
        builder.line(line);
    }
    let stored = builder.stored();
    assert_eq!(stored.objects.len(), 3);
    assert_eq!(stored.absent, [port_id(9).into()]);
    stored
}

#[test]
fn what_was_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("snapshot.json");
    assert_eq!(load(&path), None);
    save(&path, &stored()).unwrap();
    assert_eq!(load(&path), Some(stored()));
}

#[test]
fn a_damaged_file_is_as_good_as_none_and_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("snapshot.json");
    save(&path, &stored()).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let unknown = good.replace("\"bridge\"", "\"widget\"");
    let newer = good.replacen("\"v\":2", "\"v\":3", 1);
    // A byte that leaves it a snapshot, of another topology.
    let other = good.replace("\"blue\"", "\"glue\"");
    assert!(unknown != good && newer != good && other != good);
    let half = &good[..good.len() / 2];
    for bad in [
        "",
        "{}",
        "null",
        "\u{0}\u{0}\u{0}",
        half,
        &unknown,
        &newer,
        &other,
    ] {
        fs::write(&path, bad).unwrap();
        assert_eq!(load(&path), None, "{bad}");
    }
    fs::write(&path, [0xff; 64]).unwrap();
    assert_eq!(load(&path), None);
    save(&path, &stored()).unwrap();
    assert_eq!(load(&path), Some(stored()));
    // A folder in its place: neither read nor written, and said so.
    let other = dir.path().join("other.json");
    fs::create_dir(&other).unwrap();
    assert_eq!(load(&other), None);
    assert!(save(&other, &stored()).is_err());
}

#[test]
fn a_write_that_fails_leaves_the_old_content() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gone/snapshot.json");
    let error = save(&path, &stored()).unwrap_err().to_string();
    assert!(error.contains("gone/snapshot.json"), "{error}");
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("snapshot.json");
    save(&path, &stored()).unwrap();
    let good = fs::read(&path).unwrap();
    for place in 0..good.len() {
        for bit in [1, 0x20] {
            let mut bad = good.clone();
            bad[place] ^= bit;
            fs::write(&path, &bad).unwrap();
            assert!(
                load(&path).is_none_or(|found| found == stored()),
                "byte {place}"
            );
        }
    }
}
