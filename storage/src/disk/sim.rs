//! A file system in memory whose power can fail.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{AppendFile, Disk, ReadFile};

mod body;
mod fault;
mod random;
mod tree;

#[cfg(test)]
mod tests;

use fault::Outage;
pub use fault::{Fault, SimAction, SimCall};
use random::Random;
use tree::{Inode, Tree};

/// A file system in memory with the promises of [`Disk`] and no others. Clones share it.
///
/// It keeps apart what a call returned and what a power cut would leave, so that tests can cut the power at any call
/// ([`SimDisk::crash_at`]), look at what a reboot finds ([`SimDisk::restart`]) and let single calls fail
/// ([`SimDisk::fail`]). All of it follows from the seeds. Without faults it is also a plain database in memory.
///
/// Calls are numbered from 0 in the order in which they reach the disk; every call that can fail has a number.
#[derive(Clone)]
pub struct SimDisk {
    machine: Arc<Mutex<Machine>>,
}

/// The machine from boot to power cut.
struct Machine {
    random: Random,
    calls: u64,
    crash_at: Option<u64>,
    crashed: bool,
    faults: BTreeMap<u64, Fault>,
    outage: Option<Outage>,
    /// Bytes that fit, where it is limited.
    capacity: Option<u64>,
    /// The calls since boot, where they are recorded.
    record: Option<Vec<SimCall>>,
    locks: BTreeSet<String>,
    tree: Tree,
}

/// What becomes of a call.
enum Turn {
    /// It runs.
    Run,
    /// It fails.
    Fail(Fault),
    /// The power goes while it runs.
    Crash,
}

impl SimDisk {
    /// An empty disk. The seed decides salts, what a power cut at a call leaves half done, and what faults spoil.
    pub fn new(seed: u64) -> Self {
        Self::boot(Random::new(seed), Tree::default())
    }

    fn boot(random: Random, tree: Tree) -> Self {
        let machine = Machine {
            random,
            calls: 0,
            crash_at: None,
            crashed: false,
            faults: BTreeMap::new(),
            outage: None,
            capacity: None,
            record: None,
            locks: BTreeSet::new(),
            tree,
        };
        Self { machine: Arc::new(Mutex::new(machine)) }
    }

    /// How many calls were made since boot.
    pub fn calls(&self) -> u64 {
        self.machine.lock().calls
    }

    /// Cuts the power at a call: it may or may not still take effect; it and all later ones fail.
    pub fn crash_at(&self, call: u64) {
        self.machine.lock().crash_at = Some(call);
    }

    /// Whether the power is off.
    pub fn crashed(&self) -> bool {
        self.machine.lock().crashed
    }

    /// Lets a call fail. Several calls can be given a fault.
    pub fn fail(&self, call: u64, fault: Fault) {
        self.machine.lock().faults.insert(call, fault);
    }

    /// Lets every call fail whose path `meets` says, until [`SimDisk::heal`]; in place of an earlier such order.
    pub fn fail_where(&self, fault: Fault, meets: impl Fn(&str) -> bool + Send + 'static) {
        self.machine.lock().outage = Some(Outage { fault, meets: Box::new(meets) });
    }

    /// Ends what [`SimDisk::fail_where`] began.
    pub fn heal(&self) {
        self.machine.lock().outage = None;
    }

    /// From now on all files together hold so many bytes at most, a name taking some of them; None has no end. What is
    /// there already stays, and a file that was removed gives its room back at once.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.machine.lock().capacity = bytes;
    }

    /// Bytes that all files take, with their names.
    pub fn used_bytes(&self) -> u64 {
        self.machine.lock().tree.used_bytes()
    }

    /// Records the calls from now on. Without it nothing is kept: a long life would fill the memory.
    pub fn record(&self) {
        self.machine.lock().record = Some(Vec::new());
    }

    /// The calls since [`SimDisk::record`], in order; also those that failed.
    pub fn recorded(&self) -> Vec<SimCall> {
        self.machine.lock().record.clone().unwrap_or_default()
    }

    /// What a reboot finds if the power goes now, or went at the call of [`SimDisk::crash_at`]. Calls count from 0
    /// again, without faults and without locks. This disk stays as it is: other seeds show other outcomes.
    ///
    /// Each append that was not synced survives, vanishes, is torn at a 512-byte boundary of the file or holds
    /// garbage; where a later one of the same file survives, zeros fill the gap. Each name created, renamed or removed
    /// without `sync_dir` holds or does not.
    pub fn restart(&self, seed: u64) -> Self {
        let machine = self.machine.lock();
        let mut random = machine.random.mixed(seed);
        let tree = machine.tree.after_power_cut(&mut random);
        Self::boot(random, tree)
    }

    /// A copy of the disk with all that is not yet durable. Calls count from 0 again, without faults and without
    /// locks, power on.
    pub fn image(&self) -> Self {
        let machine = self.machine.lock();
        Self::boot(machine.random.clone(), machine.tree.copy())
    }

    /// All files, sorted by path, with their lengths as a reader sees them.
    pub fn files(&self) -> Vec<(String, u64)> {
        self.machine.lock().tree.files()
    }

    /// Damages one byte, for good: bits of `mask` are turned. False where there is no such byte.
    pub fn flip(&self, path: &str, offset: u64, mask: u8) -> bool {
        let machine = self.machine.lock();
        machine.tree.find(path).is_ok_and(|inode| inode.body.write().flip(offset, mask))
    }

    /// Cuts a file to `len` bytes, for good. False where it is not there or shorter.
    pub fn truncate(&self, path: &str, len: u64) -> bool {
        let machine = self.machine.lock();
        machine.tree.find(path).is_ok_and(|inode| inode.body.write().truncate(len))
    }

    /// One call that happens or does not.
    fn call<T>(
        &self,
        action: SimAction,
        path: &str,
        work: impl FnOnce(&mut Machine) -> io::Result<T>,
    ) -> io::Result<T> {
        self.call_or_spoil(action, path, work, |_, _| ())
    }

    /// One call; `spoil` does what a fault leaves behind.
    fn call_or_spoil<T>(
        &self,
        action: SimAction,
        path: &str,
        work: impl FnOnce(&mut Machine) -> io::Result<T>,
        spoil: impl FnOnce(&mut Machine, Fault),
    ) -> io::Result<T> {
        let mut machine = self.machine.lock();
        match machine.turn(action, path)? {
            Turn::Run => work(&mut machine),
            Turn::Fail(fault) => {
                spoil(&mut machine, fault);
                Err(fault.error())
            }
            Turn::Crash => {
                if machine.random.coin() {
                    // Its answer is lost with the power.
                    let _ = work(&mut machine);
                }
                Err(power_is_off())
            }
        }
    }
}

impl Machine {
    /// Bytes that still fit.
    fn room(&self) -> u64 {
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.tree.used_bytes()))
    }

    /// Gives the call its number and its fate.
    fn turn(&mut self, action: SimAction, path: &str) -> io::Result<Turn> {
        if self.crashed {
            return Err(power_is_off());
        }
        let number = self.calls;
        self.calls += 1;
        if let Some(record) = &mut self.record {
            record.push(SimCall { number, action, path: path.to_owned() });
        }
        if self.crash_at.is_some_and(|at| at <= number) {
            self.crashed = true;
            return Ok(Turn::Crash);
        }
        let outage = self.outage.as_ref().filter(|outage| (outage.meets)(path)).map(|outage| outage.fault);
        Ok(self.faults.get(&number).copied().or(outage).map_or(Turn::Run, Turn::Fail))
    }
}

/// Bytes that a name takes of a disk that is limited.
const NAME_BYTES: u64 = 64;

fn power_is_off() -> io::Error {
    io::Error::other("simulated power cut")
}

impl Disk for SimDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn AppendFile>> {
        let inode = self.call(SimAction::Create, path, |machine| {
            if machine.room() < NAME_BYTES {
                return Err(Fault::Enospc.error());
            }
            machine.tree.create(path)
        })?;
        Ok(Arc::new(SimAppend(self.handle(path, inode))))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn ReadFile>> {
        let inode = self.call(SimAction::Read, path, |machine| machine.tree.find(path))?;
        Ok(Arc::new(SimRead(self.handle(path, inode))))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.call(SimAction::Read, dir, |machine| machine.tree.list(dir))
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        self.call(SimAction::CreateDir, dir, |machine| machine.tree.create_dir(dir))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.call(SimAction::Remove, path, |machine| machine.tree.remove(path))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.call(SimAction::Rename, to, |machine| machine.tree.rename(from, to))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        let spoil = |machine: &mut Machine, fault| {
            if fault == Fault::FailedSync {
                machine.tree.fail_sync_dir(dir, &mut machine.random);
            }
        };
        self.call_or_spoil(SimAction::SyncDir, dir, |machine| machine.tree.sync_dir(dir), spoil)
    }

    fn lock(&self, path: &str) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.call(SimAction::Lock, path, |machine| {
            machine.tree.touch(path)?;
            let free = machine.locks.insert(path.to_owned());
            if free { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
        })?;
        Ok(Box::new(Held { disk: self.clone(), path: path.to_owned() }))
    }

    fn random(&self) -> u64 {
        self.machine.lock().random.next()
    }

    fn root(&self) -> String {
        "memory".to_owned()
    }
}

impl SimDisk {
    fn handle(&self, path: &str, inode: Arc<Inode>) -> Handle {
        Handle { disk: self.clone(), path: path.to_owned(), inode }
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = self.machine.lock();
        let mut out = f.debug_struct("SimDisk");
        out.field("calls", &machine.calls).field("crashed", &machine.crashed).finish_non_exhaustive()
    }
}

/// A lock until it is dropped.
struct Held {
    disk: SimDisk,
    path: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.machine.lock().locks.remove(&self.path);
    }
}

/// An open file.
struct Handle {
    disk: SimDisk,
    path: String,
    inode: Arc<Inode>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)
    }
}

#[derive(Debug)]
struct SimAppend(Handle);

impl AppendFile for SimAppend {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let inode = &self.0.inode;
        let work = |machine: &mut Machine| {
            // As much as fits lands, as write(2) does it.
            let fits = machine.room().min(bytes.len() as u64) as usize;
            inode.body.write().append(bytes.get(..fits).unwrap_or(bytes));
            if fits < bytes.len() { Err(Fault::ShortWrite.error()) } else { Ok(()) }
        };
        let spoil = |machine: &mut Machine, fault| {
            if fault == Fault::ShortWrite {
                let part = machine.random.below(bytes.len());
                inode.body.write().append(bytes.get(..part).unwrap_or_default());
            }
        };
        self.0.disk.call_or_spoil(SimAction::Append, &self.0.path, work, spoil)
    }

    fn sync(&self) -> io::Result<()> {
        let inode = &self.0.inode;
        let work = |_: &mut Machine| {
            inode.body.write().sync();
            Ok(())
        };
        let spoil = |machine: &mut Machine, fault| {
            if fault == Fault::FailedSync {
                inode.body.write().fail_sync(&mut machine.random);
            }
        };
        self.0.disk.call_or_spoil(SimAction::Sync, &self.0.path, work, spoil)
    }
}

#[derive(Debug)]
struct SimRead(Handle);

impl ReadFile for SimRead {
    fn len(&self) -> io::Result<u64> {
        self.0.disk.call(SimAction::Read, &self.0.path, |_| Ok(self.0.inode.body.read().len()))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        // The bytes are copied outside the machine's lock, so that readers do not wait for each other.
        self.0.disk.call(SimAction::Read, &self.0.path, |_| Ok(()))?;
        self.0.inode.body.read().read_at(offset, buffer)
    }
}
