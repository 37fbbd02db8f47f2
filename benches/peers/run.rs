//! The options, the namespace, and the order of things.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use rootwalk::clock::{Clock, date};

use crate::authorities::Authorities;
use crate::figures::Figures;
use crate::measure::Bench;
use crate::process::first_line;
use crate::resolvers::{ALL, OURS, Resolver};
use crate::{account, echo, picture, report, world};

/// Set for the inner run: the folder it may write to.
const FOLDER: &str = "ROOTWALK_BENCH_FOLDER";
/// Where Debian keeps the servers, which is not on an ordinary user's path.
const SYSTEM_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Parser)]
#[command(about = "Rootwalk beside other resolvers: what each costs on the same work")]
struct Arguments {
    /// Which resolvers: rootwalk, unbound, kresd, pdns, bind
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// How often everything is measured
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Fewer domains, rounds and names: a look, not a measurement
    #[arg(long)]
    quick: bool,
    /// How many names are cached where many are; 0: that is left out. Ten million take half an hour and 20 GiB
    #[arg(long, default_value_t = 1_000_000)]
    names: u64,
    /// Whose growth with many names is measured
    #[arg(long, value_delimiter = ',', default_value = "rootwalk,unbound")]
    names_peers: Vec<String>,
    /// A folder for result.md and result.svg
    #[arg(long)]
    out: Option<PathBuf>,
    /// Another file of Rootwalk than the one built for this
    #[arg(long)]
    rootwalk: Option<PathBuf>,
    #[arg(long, hide = true)]
    bench: bool,
    #[arg(long, hide = true)]
    echo: Option<String>,
    #[arg(long, hide = true)]
    echo_length: Vec<usize>,
}

pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let (Some(address), [plain, signed]) = (&arguments.echo, &arguments.echo_length[..]) {
        echo::serve(address, [*plain, *signed]);
    }
    if let Some(folder) = std::env::var_os(FOLDER) {
        compare(&arguments, Path::new(&folder));
        return ExitCode::SUCCESS;
    }
    // Also with other words than Cargo's: whoever runs all benches as tests does not want this.
    if !arguments.bench {
        println!("skipped: this is run by `cargo bench --bench peers`");
        return ExitCode::SUCCESS;
    }
    if let Some(reason) = missing() {
        println!("skipped: {reason}");
        return ExitCode::SUCCESS;
    }
    run_inside()
}

/// What this machine lacks, in one sentence.
fn missing() -> Option<String> {
    let has = |name: &str| search_path().split(':').any(|folder| Path::new(folder).join(name).is_file());
    if let Some((_, package)) =
        [("nsd", "nsd"), ("nsd-control", "nsd"), ("ip", "iproute2"), ("unshare", "util-linux")]
            .iter()
            .find(|(name, _)| !has(name))
    {
        return Some(format!("{package} is not installed"));
    }
    match unshare().args(["ip", "link", "set", "lo", "up"]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            Some(format!("no namespaces of our own here: {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
        Err(error) => Some(format!("unshare cannot be started: {error}")),
    }
}

fn search_path() -> String {
    std::env::var("PATH").map_or_else(|_| SYSTEM_PATH.to_owned(), |path| format!("{path}:{SYSTEM_PATH}"))
}

/// A command in namespaces of its own; all its processes die with the first one.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child"]);
    command.args(["--mount-proc", "--"]).env("PATH", search_path());
    command
}

/// Runs this program again inside, and cleans up after it.
fn run_inside() -> ExitCode {
    // In memory where that is possible: no resolver is to wait for a disk.
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = parent.join(format!("rootwalk-bench-{}", std::process::id()));
    fs::create_dir(&folder).expect("a folder");
    let program = std::env::current_exe().expect("the path of this program");
    let status = unshare().arg(program).args(std::env::args_os().skip(1)).env(FOLDER, &folder).status();
    fs::remove_dir_all(&folder).expect("the folder is ours");
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Measures, and tells.
fn compare(arguments: &Arguments, folder: &Path) {
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    assert!(up.expect("ip runs").success(), "there is no loopback");
    let resolvers = chosen(&arguments.peers, arguments.rootwalk.as_deref());
    let (domains, rounds) =
        if arguments.quick { (300, arguments.rounds.min(2)) } else { (2_000, arguments.rounds.max(1)) };
    let names = if arguments.quick { arguments.names.min(50_000) } else { arguments.names };
    let cores = account::cores();
    account::stay_on(cores.1);
    let unix = Clock::system().unix();
    println!("an internet of {domains} domains is signed");
    let scene = world::scene(domains, unix);
    let authorities = Authorities::start(folder, &scene);
    println!("{} questions, {rounds} rounds", scene.cold.len());
    let versions: Vec<String> = resolvers.iter().map(|one| one.version()).collect();
    let figures = Figures::default();
    let mut bench = Bench { folder, scene: &scene, authorities: &authorities, cores, resolvers, figures };
    // Hits take least and vary most.
    bench.hits(3 * rounds);
    for round in 0..rounds {
        bench.cold(round);
    }
    let nsd = first_line("nsd", "-v");
    let about = report::About {
        date: date(unix).split(' ').next().unwrap_or_default().to_owned(),
        machine: account::machine(),
        versions,
        servers: nsd.split_whitespace().last().unwrap_or_default().to_owned(),
        rounds,
        questions: scene.cold.len(),
        names,
    };
    tell(&bench, &about, arguments.out.as_deref());
    if names > 0 {
        // Takes longest: whoever does not wait for it has the rest.
        let words: Vec<&str> = arguments.names_peers.iter().map(String::as_str).collect();
        bench.growth(names, &words);
        tell(&bench, &about, arguments.out.as_deref());
    }
}

/// Prints all figures there are, and writes them to the folder.
fn tell(bench: &Bench<'_>, about: &report::About, out: Option<&Path>) {
    let columns: Vec<&'static str> = bench.resolvers.iter().map(|one| one.name).collect();
    let text = report::markdown(&bench.figures, &columns, about);
    println!("\n{text}");
    if let Some(out) = out {
        fs::create_dir_all(out).expect("a folder for the results");
        fs::write(out.join("result.md"), text).expect("a place for the result");
        fs::write(out.join("result.svg"), picture::draw(&bench.figures, &columns, about))
            .expect("a place for the picture");
    }
}

/// The resolvers that are wanted and there.
fn chosen(words: &[String], ours: Option<&Path>) -> Vec<&'static Resolver> {
    for word in words {
        assert!(ALL.iter().any(|one| one.word == word), "no resolver is called {word}: see --help");
    }
    let wanted = ALL.iter().filter(|one| words.is_empty() || words.iter().any(|word| word == one.word));
    let mut resolvers = Vec::new();
    for one in wanted {
        match one.missing(&search_path()) {
            Some(package) => println!("{} is left out: the package {package} is not installed", one.name),
            None => resolvers.push(ours.filter(|_| one.name == OURS).map_or(one, |file| one.of_file(file))),
        }
    }
    assert!(!resolvers.is_empty(), "there is no resolver to measure");
    resolvers
}
