//! Runs a test in a separate process, where umask, user, limits and mounts can be changed.

use super::*;
use std::process::{Command, Stdio};

const MARK: &str = "FILEFIELD_TEST_CHILD";

/// Whether this process was started by [`run_in`].
pub(super) fn is_child() -> bool {
    std::env::var_os(MARK).is_some()
}

/// The directory that the parent created for the child.
pub(super) fn directory() -> PathBuf {
    std::env::var_os(MARK).unwrap().into()
}

/// The command that runs only the test `test` of this module.
fn command(test: &str, wrapper: &[&str], script: &str, dir: &Path) -> Command {
    let mut words = wrapper.iter().chain(&["sh", "-c", script]).copied().collect::<Vec<_>>();
    let mut command = Command::new(words.remove(0));
    let module = module_path!().trim_start_matches("filefield::").trim_end_matches("::child");
    command.args(words).arg(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("{module}::{test}"), "--nocapture"]);
    command.env("DIR", dir).env(MARK, dir);
    command
}

/// Starts the test `test` of this module in a separate process and kills it after `time`.
pub(super) fn kill_after(test: &str, time: Duration, dir: &Path) {
    let mut child = command(test, &[], "exec \"$0\" \"$@\"", dir).stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(time);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
}

/// Runs only the test `test` of this module, after the shell commands `setup`, with `$DIR` as its directory.
/// Prints a message and returns `false` if `probe` does not work here.
pub(super) fn run_in(test: &str, probe: &str, wrapper: &[&str], setup: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let probed = command(test, wrapper, probe, dir.path()).output();
    if !probed.as_ref().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped {test}: `{} {probe}` is not possible here", wrapper.join(" "));
        return false;
    }
    let output =
        command(test, wrapper, &format!("{setup}\nexec \"$0\" \"$@\""), dir.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    true
}

pub(super) fn am_root() -> bool {
    rustix::process::geteuid().is_root()
}
