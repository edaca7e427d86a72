//! The names of the simulated disk.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use parking_lot::RwLock;

use super::NAME_BYTES;
use super::body::Body;
use super::random::{Fate, Random};
use crate::disk::path::{check, parent, with_parents};

/// A file without its name.
pub(super) struct Inode {
    id: u64,
    pub(super) body: RwLock<Body>,
}

type Names = BTreeMap<String, Arc<Inode>>;

/// Names as they are seen, as a power cut would leave them at the least, and the changes that lie between.
///
/// Directories are durable at once: `create_dir` promises that.
#[derive(Default)]
pub(super) struct Tree {
    directories: BTreeSet<String>,
    seen: Names,
    durable: Names,
    pending: Vec<Change>,
    next_id: u64,
}

/// A change of names that is not yet durable.
#[derive(Clone)]
enum Change {
    Create { path: String, inode: Arc<Inode> },
    Remove { path: String, inode: Arc<Inode> },
    Rename { from: String, to: String, inode: Arc<Inode> },
}

impl Tree {
    pub(super) fn create(&mut self, path: &str) -> io::Result<Arc<Inode>> {
        self.expect_parent(path)?;
        if self.seen.contains_key(path) || self.directories.contains(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = Arc::new(Inode { id: self.next_id, body: RwLock::default() });
        self.next_id += 1;
        self.change(Change::Create { path: path.to_owned(), inode: Arc::clone(&inode) });
        Ok(inode)
    }

    /// Makes an empty file where there is none.
    pub(super) fn touch(&mut self, path: &str) -> io::Result<()> {
        if self.seen.contains_key(path) { Ok(()) } else { self.create(path).map(drop) }
    }

    pub(super) fn find(&self, path: &str) -> io::Result<Arc<Inode>> {
        check(path)?;
        self.seen.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn remove(&mut self, path: &str) -> io::Result<()> {
        let inode = self.find(path)?;
        self.change(Change::Remove { path: path.to_owned(), inode });
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.expect_parent(to)?;
        let inode = self.find(from)?;
        if self.directories.contains(to) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.change(Change::Rename { from: from.to_owned(), to: to.to_owned(), inode });
        Ok(())
    }

    pub(super) fn create_dir(&mut self, dir: &str) -> io::Result<()> {
        check(dir)?;
        for dir in with_parents(dir) {
            if self.seen.contains_key(dir) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            self.directories.insert(dir.to_owned());
        }
        Ok(())
    }

    pub(super) fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        check(dir)?;
        let paths = self.seen.keys().chain(&self.directories).filter(|path| parent(path) == dir);
        let mut names: Vec<String> =
            paths.filter_map(|path| path.rsplit('/').next()).map(str::to_owned).collect();
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn files(&self) -> Vec<(String, u64)> {
        self.seen.iter().map(|(path, inode)| (path.clone(), inode.body.read().len())).collect()
    }

    /// Bytes of all files and their names.
    pub(super) fn used_bytes(&self) -> u64 {
        self.seen.values().map(|inode| inode.body.read().len() + NAME_BYTES).sum()
    }

    /// Makes the changes in one directory durable.
    pub(super) fn sync_dir(&mut self, dir: &str) -> io::Result<()> {
        self.expect_dir(dir)?;
        self.settle(dir, |_| true);
        Ok(())
    }

    /// A sync of a directory that failed: some changes are durable, the others never will be.
    pub(super) fn fail_sync_dir(&mut self, dir: &str, random: &mut Random) {
        self.settle(dir, |_| random.coin());
    }

    fn settle(&mut self, dir: &str, mut keep: impl FnMut(&Change) -> bool) {
        for change in std::mem::take(&mut self.pending) {
            if !change.touches(dir) {
                self.pending.push(change);
            } else if keep(&change) {
                self.pending.extend(change.settle(dir, &mut self.durable));
            }
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    fn expect_parent(&self, path: &str) -> io::Result<()> {
        check(path)?;
        if path.is_empty() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.expect_dir(parent(path))
    }

    fn expect_dir(&self, dir: &str) -> io::Result<()> {
        check(dir)?;
        if dir.is_empty() || self.directories.contains(dir) {
            return Ok(());
        }
        Err(io::ErrorKind::NotFound.into())
    }

    /// What is found after the power came back.
    pub(super) fn after_power_cut(&self, random: &mut Random) -> Self {
        let mut names = self.durable.clone();
        let fate = Fate::draw(random);
        for change in &self.pending {
            let kept = match fate {
                Fate::All => true,
                Fate::Nothing => false,
                Fate::Each => random.coin(),
            };
            if kept {
                change.apply(&mut names);
            }
        }
        let mut copies = Copies::new(|body| body.after_power_cut(random));
        let durable = copies.names(&names);
        Self {
            directories: self.directories.clone(),
            seen: durable.clone(),
            durable,
            pending: Vec::new(),
            next_id: self.next_id,
        }
    }

    /// The same tree with bytes of its own.
    pub(super) fn copy(&self) -> Self {
        let mut copies = Copies::new(Body::clone);
        Self {
            directories: self.directories.clone(),
            seen: copies.names(&self.seen),
            durable: copies.names(&self.durable),
            pending: self.pending.iter().map(|change| copies.change(change)).collect(),
            next_id: self.next_id,
        }
    }
}

impl Change {
    /// Whether the sync of this directory makes it durable.
    fn touches(&self, dir: &str) -> bool {
        match self {
            Self::Create { path, .. } | Self::Remove { path, .. } => parent(path) == dir,
            Self::Rename { from, to, .. } => parent(from) == dir || parent(to) == dir,
        }
    }

    fn apply(&self, names: &mut Names) {
        match self {
            Self::Create { path, inode } => {
                names.insert(path.clone(), Arc::clone(inode));
            }
            Self::Remove { path, inode } => unlink(names, path, inode),
            Self::Rename { from, to, inode } => {
                unlink(names, from, inode);
                names.insert(to.clone(), Arc::clone(inode));
            }
        }
    }

    /// Makes the part that lies in `dir` durable and returns the rest. Of a rename between two directories the new
    /// name can be durable before the old one is gone, never the other way round: no file system loses the file.
    fn settle(self, dir: &str, durable: &mut Names) -> Option<Self> {
        match self {
            Self::Rename { from, to, inode } if parent(from.as_str()) != dir => {
                durable.insert(to, Arc::clone(&inode));
                Some(Self::Remove { path: from, inode })
            }
            whole => {
                whole.apply(durable);
                None
            }
        }
    }
}

/// Takes a name away where it still names this file.
fn unlink(names: &mut Names, path: &str, inode: &Arc<Inode>) {
    if names.get(path).is_some_and(|found| Arc::ptr_eq(found, inode)) {
        names.remove(path);
    }
}

/// Copies inodes, each once, however many names it has.
struct Copies<F> {
    copy: F,
    done: BTreeMap<u64, Arc<Inode>>,
}

impl<F: FnMut(&Body) -> Body> Copies<F> {
    fn new(copy: F) -> Self {
        Self { copy, done: BTreeMap::new() }
    }

    fn inode(&mut self, inode: &Inode) -> Arc<Inode> {
        let Self { copy, done } = self;
        let fresh = || Arc::new(Inode { id: inode.id, body: RwLock::new(copy(&inode.body.read())) });
        Arc::clone(done.entry(inode.id).or_insert_with(fresh))
    }

    fn names(&mut self, names: &Names) -> Names {
        names.iter().map(|(path, inode)| (path.clone(), self.inode(inode))).collect()
    }

    fn change(&mut self, change: &Change) -> Change {
        let mut copy = change.clone();
        let (Change::Create { inode, .. } | Change::Remove { inode, .. } | Change::Rename { inode, .. }) =
            &mut copy;
        *inode = self.inode(inode);
        copy
    }
}
