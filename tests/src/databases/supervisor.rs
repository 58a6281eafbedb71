//! The shell script that runs a server beside this process and ends it with this process, however that ends.

use super::{Kind, Missing};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const POSTGRES: &str = include_str!("postgres.sh");
const MARIADB: &str = include_str!("mariadb.sh");
const SUPERVISOR: &str = include_str!("supervisor.sh");

/// When this is dropped or the process ends, the pipe closes. The script then ends the server and removes its
/// files.
#[derive(Debug)]
pub(super) struct Supervisor {
    folder: PathBuf,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    script: Child,
}

impl Supervisor {
    /// Makes a server's files.
    pub(super) fn new(kind: Kind) -> Result<Supervisor, Missing> {
        let of_kind = match kind {
            Kind::Sqlite => return Err(Missing::new(kind, "it has no server")),
            Kind::Postgres => POSTGRES,
            Kind::MariaDb => MARIADB,
        };
        let script = format!("{of_kind}\n{SUPERVISOR}");
        let mut command = Command::new("sh");
        // Not as an argument, which would fill a list of processes.
        command.args(["-c", "eval \"$SUPERVISOR\""]).env("SUPERVISOR", script);
        // A separate process group: Ctrl-C goes to the tests, and the script cleans up after them.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut script =
            command.spawn().map_err(|error| Missing::new(kind, format!("`sh` does not start: {error}")))?;
        let commands = script.stdin.take();
        let answers = BufReader::new(script.stdout.take().expect("standard output is piped"));
        let mut supervisor = Supervisor { folder: PathBuf::new(), commands, answers, script };
        let answer = supervisor.answer();
        match answer.split_once(' ') {
            Some(("ok", folder)) => supervisor.folder = PathBuf::from(folder),
            Some(("missing", what)) => return Err(Missing::new(kind, format!("{what} is not installed"))),
            _ => panic!("{kind} cannot be set up: {answer}"),
        }
        Ok(supervisor)
    }

    /// Where the server's files and its socket are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Sends a command. Returns the rest of an answer that begins with `ok`, or else the whole answer as an
    /// error.
    pub(super) fn tell(&mut self, command: &str) -> Result<String, String> {
        let commands = self.commands.as_mut().expect("the pipe is open as long as this lives");
        // If the script is gone, the answer is empty.
        let _ = writeln!(commands, "{command}");
        let answer = self.answer();
        match answer.strip_prefix("ok") {
            Some(rest) => Ok(rest.trim().to_owned()),
            None => Err(answer),
        }
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(_) => line.trim_end().to_owned(),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.commands.take());
        let _ = self.script.wait();
    }
}
