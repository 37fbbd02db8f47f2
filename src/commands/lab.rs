//! `rootwalk lab`: the built-in internet on loopback sockets, and a resolver on it. Needs no network and no rights.
//!
//! What others need to join in (root hints, trust anchor, a configuration for `rootwalk explain`) is written to a
//! folder of its own, which goes away when the lab ends.

use std::fmt::Write as _;
use std::fs::DirBuilder;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, io};

use clap::Args;

use super::{Exit, print};
use crate::app::serve::StartError;
use crate::app::{logging, serve};
use crate::clock::Clock;
use crate::config::{self, Configuration, Fault};
use crate::dns::NameError;
use crate::lab::sockets::{ServeError, Serving};
use crate::lab::{Internet, WorldError, builtin};
use crate::net::listen::Passed;

/// Threads of the resolver: enough to see it work, and no more.
const THREADS: usize = 2;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where the resolver listens
    #[arg(long, default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5300))]
    listen: SocketAddr,
    /// The port of the lab's name servers, on addresses of 127.53.0.0/16
    #[arg(long, default_value_t = 5301)]
    port: u16,
    /// Decides which keys the zones have
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the names worth trying, and end
    #[arg(long)]
    print: bool,
}

/// Why there is no lab.
#[derive(Debug, thiserror::Error)]
enum LabError {
    #[error(transparent)]
    World(#[from] WorldError),
    #[error("a name of the built-in list is no name: {0}")]
    Name(#[from] NameError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot write to {0}: {1}")]
    Write(PathBuf, io::Error),
    #[error("the system gave no threads: {0}")]
    Runtime(io::Error),
    #[error("the lab's own configuration is refused: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Configuration(Vec<Fault>),
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match lab(arguments) {
        Ok(()) => Exit::Good,
        Err(error) => {
            eprintln!("{error}");
            Exit::Failed
        }
    }
}

fn lab(arguments: &Arguments) -> Result<(), LabError> {
    let internet = Arc::new(builtin::world(arguments.seed, Clock::system().unix()).build()?);
    let listing = builtin::listing(&internet)?;
    if arguments.print {
        print(&listing);
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .map_err(LabError::Runtime)?;
    let result = runtime.block_on(serve_lab(arguments, &internet, &listing));
    runtime.shutdown_background();
    result
}

async fn serve_lab(arguments: &Arguments, internet: &Arc<Internet>, listing: &str) -> Result<(), LabError> {
    is_free(arguments.listen)?;
    let serving = Serving::start(internet, arguments.port).await?;
    let folder = Folder::new()?;
    let configuration = configure(&folder, arguments, internet)?;
    logging::begin(&configuration.settings.log);
    print(&greeting(&folder, arguments, serving.len(), listing));
    serve::run(configuration, THREADS, Passed::default()).await?;
    Ok(())
}

/// Says so before anything is printed if the resolver could not listen.
fn is_free(address: SocketAddr) -> Result<(), ServeError> {
    UdpSocket::bind(address).map_err(|error| ServeError::of(address, error))?;
    TcpListener::bind(address).map_err(|error| ServeError::of(address, error))?;
    Ok(())
}

/// A folder for the time the lab runs.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, LabError> {
        let path = std::env::temp_dir().join(format!("rootwalk-lab-{}", std::process::id()));
        // Fails if somebody else has put something there.
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| LabError::Write(path.clone(), error))?;
        Ok(Self(path))
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, LabError> {
        let path = self.0.join(name);
        fs::write(&path, text).map_err(|error| LabError::Write(path.clone(), error))?;
        Ok(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in the folder for temporary files troubles nobody.
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// Writes what others need to join in, and reads the configuration back.
fn configure(folder: &Folder, arguments: &Arguments, internet: &Internet) -> Result<Configuration, LabError> {
    folder.write("root.hints", &internet.hints_text())?;
    folder.write("root.key", &internet.anchor_text())?;
    // Its own copy: the resolver keeps the states of the keys there, which others do not read.
    folder.write("kept.key", &internet.anchor_text())?;
    folder.write("delv.key", &internet.delv_anchor_text())?;
    let path = folder.write("rootwalk.toml", &configuration_text(arguments))?;
    config::load(Some(&path)).map_err(LabError::Configuration)
}

fn configuration_text(arguments: &Arguments) -> String {
    let Arguments { listen, port, .. } = arguments;
    format!(
        "# The resolver of `rootwalk lab`.\n\
         [server]\n\
         listen = [\"{listen}\"]\n\
         [resolver]\n\
         root-hints = \"root.hints\"\n\
         ipv6 = false\n\
         upstream-port = {port}\n\
         do-not-query-localhost = false\n\
         [dnssec]\n\
         trust-anchor-file = \"kept.key\"\n"
    )
}

fn greeting(folder: &Folder, arguments: &Arguments, servers: usize, listing: &str) -> String {
    let Arguments { listen, port, .. } = arguments;
    let (ip, at) = (listen.ip(), listen.port());
    let (delv, toml, anchor) =
        (folder.path("delv.key"), folder.path("rootwalk.toml"), folder.path("root.key"));
    let mut text = format!("{listing}\n");
    let lines = [
        format!("A resolver listens on {listen}; {servers} name servers on 127.53.0.0/16, port {port}. Try:"),
        format!("  dig @{ip} -p {at} +dnssec www.p256.lab"),
        format!("  dig @{ip} -p {at} +dnssec www.expired.lab"),
        format!("  delv @{ip} -p {at} -a {delv} www.p256.lab"),
        format!("  drill -S -k {anchor} -p {at} www.p256.lab @{ip}"),
        format!("  rootwalk explain --config {toml} www.expired.lab"),
        "Ctrl-C ends it.".to_owned(),
    ];
    for line in lines {
        // Writing to a `String` cannot fail.
        writeln!(text, "{line}").unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labs_configuration_is_a_valid_one_and_its_folder_goes_away() {
        let arguments =
            Arguments { listen: "127.0.0.1:5300".parse().unwrap(), port: 5301, seed: 1, print: false };
        let internet = builtin::world(1, Clock::system().unix()).build().unwrap();
        let folder = Folder::new().unwrap();
        let path = folder.0.clone();
        let configuration = configure(&folder, &arguments, &internet).unwrap();
        assert_eq!(configuration.settings.resolver.upstream_port, 5301);
        assert!(!configuration.anchors.is_empty() && !configuration.root_hints.is_empty());
        drop(folder);
        assert!(!path.exists());
    }
}
