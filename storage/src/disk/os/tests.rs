use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A directory that goes away with the test.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("driftline-os-disk-{}-{number}", std::process::id())))
    }

    fn disk(&self) -> OsDisk {
        OsDisk::new(&self.0).unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn kind<T>(result: io::Result<T>) -> io::ErrorKind {
    result.err().unwrap().kind()
}

#[test]
fn appended_bytes_are_read_back() {
    let place = Temporary::new();
    let disk = place.disk();
    let file = disk.create("a").unwrap();
    file.append(b"one").unwrap();
    file.append(b"two").unwrap();
    file.sync().unwrap();
    disk.sync_dir("").unwrap();
    assert_eq!(disk.read("a").unwrap(), b"onetwo");
    let mut middle = [0; 2];
    disk.open("a").unwrap().read_at(2, &mut middle).unwrap();
    assert_eq!(&middle, b"et");
    assert_eq!(kind(disk.open("a").unwrap().read_at(5, &mut middle)), io::ErrorKind::UnexpectedEof);
}

#[test]
fn create_refuses_a_name_that_exists() {
    let place = Temporary::new();
    let disk = place.disk();
    disk.create("a").unwrap();
    assert_eq!(kind(disk.create("a")), io::ErrorKind::AlreadyExists);
    assert_eq!(kind(disk.create("no/a")), io::ErrorKind::NotFound);
}

#[test]
fn lists_are_sorted_and_empty_where_nothing_is() {
    let place = Temporary::new();
    let disk = place.disk();
    disk.create_dir("x/y").unwrap();
    disk.create_dir("x/y").unwrap();
    for name in ["x/c", "x/a", "x/b"] {
        disk.create(name).unwrap();
    }
    assert_eq!(disk.list("x").unwrap(), ["a", "b", "c", "y"]);
    assert_eq!(disk.list("").unwrap(), ["x"]);
    assert!(disk.list("missing").unwrap().is_empty());
}

#[test]
fn publish_replaces_and_leaves_no_temporary() {
    let place = Temporary::new();
    let disk = place.disk();
    disk.create("m.tmp").unwrap().append(b"left by a crash").unwrap();
    disk.publish("m", b"old").unwrap();
    disk.publish("m", b"new").unwrap();
    assert_eq!(disk.read("m").unwrap(), b"new");
    assert_eq!(disk.list("").unwrap(), ["m"]);
}

#[test]
fn a_removed_file_stays_readable_where_it_is_open() {
    let place = Temporary::new();
    let disk = place.disk();
    disk.publish("a", b"bytes").unwrap();
    let reader = disk.open("a").unwrap();
    disk.remove("a").unwrap();
    let mut bytes = [0; 5];
    reader.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"bytes");
    assert_eq!(kind(disk.open("a")), io::ErrorKind::NotFound);
}

#[test]
fn the_lock_has_one_holder_and_names_it() {
    let place = Temporary::new();
    let (one, two) = (place.disk(), place.disk());
    let held = one.lock("LOCK").unwrap();
    assert_eq!(kind(two.lock("LOCK")), io::ErrorKind::WouldBlock);
    let holder = String::from_utf8(one.read("LOCK").unwrap()).unwrap();
    assert_eq!(holder.trim(), std::process::id().to_string());
    drop(held);
    two.lock("LOCK").unwrap();
}

#[test]
fn no_path_leads_out_of_the_directory() {
    let place = Temporary::new();
    let disk = place.disk();
    for path in ["../a", "/etc/hosts", "a/../../b", "a//b", "a/"] {
        assert_eq!(kind(disk.create(path)), io::ErrorKind::InvalidInput, "{path}");
        assert_eq!(kind(disk.open(path)), io::ErrorKind::InvalidInput, "{path}");
    }
}

#[test]
fn a_root_below_missing_directories_is_made() {
    let place = Temporary::new();
    let disk = OsDisk::new(place.0.join("a/b")).unwrap();
    disk.create("c").unwrap();
    assert!(place.0.join("a/b/c").is_file());
    assert!(disk.root().ends_with("a/b"));
    assert_eq!(kind(OsDisk::new(place.0.join("a/b/c"))), io::ErrorKind::AlreadyExists);
}

#[test]
fn random_numbers_differ() {
    let place = Temporary::new();
    let disk = place.disk();
    assert_ne!(disk.random(), disk.random());
}

#[test]
fn a_map_holds_the_whole_file_and_outlives_its_name() {
    let place = Temporary::new();
    let disk = place.disk();
    disk.publish("a", b"bytes").unwrap();
    disk.publish("empty", b"").unwrap();
    let map = disk.open("a").unwrap().map().unwrap().unwrap();
    disk.remove("a").unwrap();
    assert_eq!(&*map, b"bytes");
    assert!(disk.open("empty").unwrap().map().unwrap().is_none());
}
