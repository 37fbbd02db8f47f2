//! What the kernel says of a process: its run time, its resident memory; and of this machine.

use std::fs;
use std::path::PathBuf;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The run time of all threads of a process, in microseconds. Threads that have ended are not counted: no resolver here
/// ends one while it serves.
pub(crate) fn cpu_us(process: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("the process runs");
    let of = |task: PathBuf| -> f64 {
        let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
    };
    tasks.flatten().map(|task| of(task.path())).sum::<f64>() / 1_000.0
}

/// Resident octets of a process, pages of mapped files among them.
pub(crate) fn resident(process: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number of kibibytes") * 1_024.0
}

/// The cores that this process may use: the resolvers' and that of all others. One core does for both where there is
/// no other, and then says little.
pub(crate) fn cores() -> (usize, usize) {
    let allowed = sched_getaffinity(Pid::from_raw(0)).expect("the kernel tells it");
    let mut cores = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false));
    let first = cores.next().expect("there is a core");
    (first, cores.next().unwrap_or(first))
}

/// Keeps this thread, and what it starts from now on, to one core.
pub(crate) fn stay_on(core: usize) {
    let mut set = CpuSet::new();
    set.set(core).expect("the core exists");
    sched_setaffinity(Pid::from_raw(0), &set).expect("the kernel allows it");
}

/// The processor, the number of cores, the kernel and the system.
pub(crate) fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("\"unknown\"");
    let numbers: String =
        kernel.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    format!(
        "{}, {cores} cores, Linux {}, {}",
        model.trim_start_matches([' ', '\t', ':']).trim(),
        numbers.trim_end_matches('.'),
        name.trim_matches('"')
    )
}
