//! Starts this program again as the one that only echoes.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::account;
use crate::process::Guard;

const ADDRESS: &str = "127.0.0.1:5319";

/// The floor, running.
pub(crate) struct Floor {
    pub(crate) address: SocketAddr,
    pub(crate) guard: Guard,
}

impl Floor {
    /// `lengths`: of a reply without and with DO.
    pub(crate) fn start(folder: &Path, lengths: [usize; 2], cores: (usize, usize)) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
        command.args(["--echo", ADDRESS]);
        command.args(lengths.iter().flat_map(|length| ["--echo-length".to_owned(), length.to_string()]));
        account::stay_on(cores.0);
        let mut guard = Guard::start(&mut command, &folder.join("floor.log"));
        account::stay_on(cores.1);
        thread::sleep(Duration::from_millis(100));
        assert!(!guard.has_ended(), "the floor ended: {}", guard.said());
        Self { address: ADDRESS.parse().expect("an address"), guard }
    }
}
