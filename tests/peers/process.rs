//! Processes that end with their owner, and tools whose failure is a panic with their own words.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// A running process; dropping it kills and reaps it.
pub(crate) struct Guard {
    child: Child,
    name: String,
    log: Option<PathBuf>,
}

impl Guard {
    pub(crate) fn start(command: &mut Command, name: &str) -> Self {
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self { child, name: name.to_owned(), log: None }
    }

    /// Starts a server whose two outputs go to `log`.
    pub(crate) fn start_logged(command: &mut Command, name: &str, log: &Path) -> Self {
        let file = File::create(log).expect("a log file");
        let again = file.try_clone().expect("a second handle");
        let mut guard = Self::start(command.stdin(Stdio::null()).stdout(file).stderr(again), name);
        guard.log = Some(log.to_owned());
        guard
    }

    /// What a logged server has said so far.
    pub(crate) fn said(&self) -> String {
        self.log.as_ref().and_then(|log| std::fs::read_to_string(log).ok()).unwrap_or_default()
    }

    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the state of a child")
    }

    /// Waits for the end, however long it takes.
    pub(crate) fn wait(mut self) {
        self.child.wait().expect("the end of a child");
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A process that has ended by itself cannot be killed, which is as good.
        if self.child.kill().is_ok() && self.child.wait().is_err() {
            println!("{} could not be reaped", self.name);
        }
    }
}

/// Runs a tool in `folder` to its end and gives what it printed.
pub(crate) fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let (status, printed, complained) = output(folder, program, arguments);
    assert!(status.success(), "{program} {}: {status}\n{printed}{complained}", arguments.join(" "));
    printed
}

/// Runs a client and gives all it said, whether it was content or not.
pub(crate) fn hear(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let (_, printed, complained) = output(folder, program, arguments);
    printed + &complained
}

fn output(folder: &Path, program: &str, arguments: &[&str]) -> (ExitStatus, String, String) {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status, text(&output.stdout), text(&output.stderr))
}
