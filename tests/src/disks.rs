//! Other file systems, mounted for a test.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A file system in an image file, mounted on a folder. It is unmounted and removed on drop.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
    device: String,
}

impl Disk {
    /// exFAT through FUSE: no hard links, no rename without replacing, no unnamed files, no attributes, no
    /// modes, and names are equal if they differ only in case. Prints `SKIPPED` and the reason if it cannot
    /// be mounted.
    pub fn exfat() -> Option<Disk> {
        Disk::mount(&["mkfs.exfat"], &["mount.exfat-fuse"])
            .inspect_err(|why| eprintln!("SKIPPED: no exFAT can be mounted: {why}"))
            .ok()
    }

    /// The kernel's FAT. Prints the reason if there is none: many kernels are built without it.
    pub fn vfat() -> Option<Disk> {
        Disk::mount(&["mkfs.vfat"], &["mount", "-t", "vfat"])
            .inspect_err(|why| eprintln!("not run: vfat: {why}"))
            .ok()
    }

    fn mount(make: &[&str], mount: &[&str]) -> Result<Disk, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root may mount".to_owned());
        }
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let image = folder.path().join("image");
        let file = std::fs::File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(256 << 20).map_err(|error| error.to_string())?;
        let at = |path: &Path| path.display().to_string();
        run(make, &[&at(&image)])?;
        let device = run(&["losetup", "-f", "--show"], &[&at(&image)])?;
        let disk = Disk { folder, device };
        std::fs::create_dir(disk.root()).map_err(|error| error.to_string())?;
        run(mount, &[&disk.device, &at(&disk.root())])?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.root()).status();
        let _ = Command::new("losetup").arg("-d").arg(&self.device).status();
    }
}

/// The output of a command.
fn run(command: &[&str], arguments: &[&str]) -> Result<String, String> {
    let [program, first @ ..] = command else { return Err("no command".to_owned()) };
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(program).args(first).args(arguments).env("PATH", path).output();
    let output = output.map_err(|error| format!("`{program}`: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(format!("`{program}`: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
