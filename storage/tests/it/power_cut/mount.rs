//! An ext4 file system in a file, which can be shut down as if the power went.
#![expect(clippy::disallowed_methods, reason = "mounts are below what Disk knows")]

use std::fs::{self, File};
use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `FS_IOC_SHUTDOWN` of linux/fs.h, the same as `EXT4_IOC_SHUTDOWN`.
const SHUT_DOWN: rustix::ioctl::Opcode = rustix::ioctl::opcode::read::<u32>(b'X', 125);
/// Neither data nor journal are written.
const NO_LOG_FLUSH: u32 = 2;

/// The file, and where it is mounted; both go when it is dropped, also in a panic.
pub struct Image {
    directory: PathBuf,
}

impl Image {
    /// Makes the file system.
    pub fn new(bytes: u64) -> Result<Self, String> {
        let directory = std::env::temp_dir().join(format!("driftline-power-cut-{}", std::process::id()));
        let image = Self { directory };
        let text = |error: std::io::Error| error.to_string();
        fs::create_dir_all(image.mount_point()).map_err(text)?;
        File::create(image.file()).and_then(|file| file.set_len(bytes)).map_err(text)?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image.file()))?;
        Ok(image)
    }

    /// Tries all that is needed, so that later failures are failures of the test.
    pub fn cut_power_once(&self) -> Result<(), String> {
        self.mount()?;
        self.shut_down()?;
        self.unmount()
    }

    fn file(&self) -> PathBuf {
        self.directory.join("image")
    }

    fn mount_point(&self) -> PathBuf {
        self.directory.join("mount")
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.mount_point().join("data")
    }

    /// Mounts it; the loop device goes by itself with the mount.
    pub fn mount(&self) -> Result<(), String> {
        run(Command::new("mount").args(["-t", "ext4", "-o", "loop"]).arg(self.file()).arg(self.mount_point()))
    }

    /// Unmounts it.
    pub fn unmount(&self) -> Result<(), String> {
        run(Command::new("umount").arg(self.mount_point()))
    }

    /// Cuts the power: every later write to the file system fails, nothing in memory reaches the image.
    pub fn shut_down(&self) -> Result<(), String> {
        let mount_point = self.mount_point();
        if device(&mount_point)? == device(&self.directory)? {
            // Without the mount this would be the machine's own file system.
            return Err(format!("{} is no mount of its own", mount_point.display()));
        }
        let directory = File::open(&mount_point).map_err(|error| error.to_string())?;
        // SAFETY: `FS_IOC_SHUTDOWN` reads one u32 behind the pointer that `Setter` passes and keeps nothing of it.
        let outcome = unsafe {
            let request = rustix::ioctl::Setter::<SHUT_DOWN, u32>::new(NO_LOG_FLUSH);
            rustix::ioctl::ioctl(&directory, request)
        };
        outcome.map_err(|error| format!("FS_IOC_SHUTDOWN: {error}"))
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if device(&self.mount_point()).ok() != device(&self.directory).ok() {
            let _ = run(Command::new("umount").arg("--lazy").arg(self.mount_point()));
        }
        // Never through a mount that is still there.
        if device(&self.mount_point()).ok() == device(&self.directory).ok() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

fn device(path: &Path) -> Result<u64, String> {
    fs::metadata(path).map(|data| data.st_dev()).map_err(|error| format!("{}: {error}", path.display()))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
