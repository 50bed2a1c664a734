//! Recordings as files: ranges, conditions, and no way out of the directory.

use std::fs;
use std::os::unix::fs::symlink;

use crate::client::Answer;
use crate::fake::recording;
use crate::site::Site;

fn audio(call: u128) -> String {
    format!("/api/v1/recordings/{call:032x}/audio")
}

/// A site with one recording of 200,000 bytes that count up, and those bytes.
fn recorded() -> (Site, Vec<u8>) {
    let site = Site::new();
    let bytes: Vec<u8> =
        (0..200_000u32).map(|n| n.to_le_bytes()[usize::from(n % 2 == 1)]).collect();
    fs::create_dir(site.place.path().join("day")).unwrap();
    fs::write(site.place.path().join("day/one.wav"), &bytes).unwrap();
    site.fake.set(|tables| {
        tables.recordings =
            vec![recording(1, "t", "day/one.wav"), recording(2, "u", "day/one.wav")];
    });
    (site, bytes)
}

fn range(site: &Site, range: &str) -> Answer {
    site.get_with(&audio(1), &[("Range", range)])
}

#[test]
fn the_whole_file_comes_with_its_version() {
    let (site, bytes) = recorded();
    let answer = site.get(&audio(1));
    assert_eq!(answer.status, 200);
    assert!(answer.body == bytes);
    assert_eq!(answer.header("content-type"), Some("audio/wav"));
    assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    let name = format!("attachment; filename=\"{:032x}.wav\"", 1);
    assert_eq!(answer.header("content-disposition"), Some(name.as_str()));
    let (tag, date) = (answer.header("etag").unwrap(), answer.header("last-modified").unwrap());
    for (name, value) in [("If-None-Match", tag), ("If-Modified-Since", date)] {
        let again = site.get_with(&audio(1), &[(name, value)]);
        assert_eq!((again.status, again.body.len()), (304, 0), "{name}");
        assert_eq!(again.header("etag"), Some(tag));
    }
    let stale = site.get_with(&audio(1), &[("Range", "bytes=0-1"), ("If-Range", "\"old\"")]);
    assert_eq!((stale.status, stale.body.len()), (200, bytes.len()));
    let fresh = site.get_with(&audio(1), &[("Range", "bytes=0-1"), ("If-Range", tag)]);
    assert_eq!((fresh.status, fresh.body.len()), (206, 2));
}

#[test]
fn each_recording_of_a_call_can_be_had_until_it_is_removed() {
    let site = Site::new();
    let name = |part: &str| format!("{:032x}{part}.wav", 1);
    for (part, sound) in [("", "first"), ("-2", "second")] {
        fs::write(site.place.path().join(name(part)), sound).unwrap();
    }
    // Newest first, as the store has them.
    let rows = vec![recording(1, "t", &name("-2")), recording(1, "t", &name(""))];
    site.fake.set(|tables| tables.recordings = rows);
    let heard = |query: &str| site.get(&format!("{}{query}", audio(1))).body;
    assert_eq!(heard(""), b"second");
    assert_eq!((heard("?part=1"), heard("?part=2")), (b"first".to_vec(), b"second".to_vec()));
    site.get(&format!("{}?part=3", audio(1))).problem(404);
    let named = site.get("/api/v1/recordings").json()["items"][1]["audio"].clone();
    assert_eq!(named, format!("{}?part=1", audio(1)));
    site.fake.set(|tables| tables.recordings[0].removed_at = Some(9));
    assert!(site.get(&audio(1)).problem(410).contains("removed"));
    assert_eq!(heard("?part=1"), b"first");
}

#[test]
fn parts_are_what_they_say() {
    let (site, bytes) = recorded();
    let size = bytes.len();
    for (asked, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=100-70000", 100, 70_000),
        ("bytes=199999-", size - 1, size - 1),
        ("bytes=-44", size - 44, size - 1),
        ("bytes=5-999999", 5, size - 1),
    ] {
        let answer = range(&site, asked);
        assert_eq!(answer.status, 206, "{asked}");
        let says = format!("bytes {first}-{last}/{size}");
        assert_eq!(answer.header("content-range"), Some(says.as_str()));
        assert!(answer.body == bytes[first..=last], "{asked}");
    }
    let behind = range(&site, "bytes=200000-");
    behind.problem(416);
    assert_eq!(behind.header("content-range"), Some("bytes */200000"));
    assert_eq!(range(&site, "bytes=0-1,5-6").status, 200, "several parts are not offered");
}

#[test]
fn a_head_has_no_body_and_the_connection_goes_on() {
    let (site, bytes) = recorded();
    let mut connection = site.connect();
    let key = [("Authorization", "Bearer admin-t")];
    connection.request("HEAD", &audio(1), &key, "");
    let head = connection.answer("HEAD");
    assert_eq!(head.header("content-length"), Some(bytes.len().to_string().as_str()));
    connection.request("GET", &audio(1), &key, "");
    assert_eq!(connection.answer("GET").body.len(), bytes.len());
}

#[test]
fn another_tenants_recording_does_not_exist() {
    let (site, _) = recorded();
    let detail = site.get(&audio(2)).problem(404);
    assert_eq!(
        detail,
        site.get(&audio(3)).problem(404).replace(&format!("{:032x}", 3), &format!("{:032x}", 2))
    );
    assert_eq!(site.get_as("admin-u", &audio(2)).status, 200);
    assert_eq!(site.get_as("reader-t", &audio(1)).status, 200);
}

#[test]
fn no_row_leads_out_of_the_directory() {
    let (site, _) = recorded();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.wav");
    fs::write(&secret, "secret").unwrap();
    symlink(&secret, site.place.path().join("link.wav")).unwrap();
    symlink(outside.path(), site.place.path().join("folder")).unwrap();
    let up = format!("../{}/secret.wav", outside.path().file_name().unwrap().to_str().unwrap());
    let absolute = secret.to_str().unwrap();
    for path in [&up, absolute, "link.wav", "folder/secret.wav", "", ".", "day", "gone.wav"] {
        site.fake.set(|tables| tables.recordings = vec![recording(1, "t", path)]);
        let answer = site.get(&audio(1));
        answer.problem(404);
        assert!(!answer.text().contains("secret"), "{path}");
    }
    for path in ["../../../etc/passwd", "..%2f..%2fetc%2fpasswd"] {
        site.get(&format!("/api/v1/recordings/{path}/audio")).problem(404);
    }
}
