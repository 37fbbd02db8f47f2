//! A running server: from the sockets to the signal that ends it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::assemble::assemble;
use crate::app::logging::Narrator;
use crate::app::{descriptors, keeper};
use crate::config::{Configuration, Server};
use crate::fast::Answer;
use crate::limits;
use crate::net::listen::{ListenError, Listener, Passed, PassedError, Shared, TcpSettings};
use crate::service::Service;
use crate::validate::Verifications;

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address that cannot be used.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A socket that was passed and cannot be used.
    #[error(transparent)]
    Passed(#[from] PassedError),
    /// Threads or signals.
    #[error("the system gave no threads or no signals: {0}")]
    Runtime(#[from] std::io::Error),
}

/// Serves until SIGTERM or SIGINT; then ends within a second and answers what it still can.
pub fn serve(configuration: Configuration) -> Result<(), StartError> {
    let passed = Passed::take()?;
    let threads = threads(&configuration.settings.server);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let result = runtime.block_on(run(configuration, threads, passed));
    // Resolutions that nobody waits for any more end here.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

/// [`serve`] on the runtime of the caller, with `threads` UDP sockets for each address, or on sockets that were `passed`.
pub async fn run(mut configuration: Configuration, threads: usize, passed: Passed) -> Result<(), StartError> {
    let listeners = listen(&configuration.settings.server, threads, passed)?;
    // What is really listened on: this resolver never asks itself.
    configuration.settings.server.listen =
        listeners.iter().map(Listener::address).collect::<std::io::Result<_>>()?;
    let (configuration, server) = (&configuration, &configuration.settings.server);
    let shares = descriptors::shares(server.tcp_clients, listeners.len() * (threads + 1));
    if shares.tcp_clients < server.tcp_clients {
        let (wanted, given) = (server.tcp_clients, shares.tcp_clients);
        tracing::warn!(
            wanted,
            given,
            "fewer TCP clients than configured: the limit of open files is too low"
        );
    }
    let assembly = Arc::new(assemble(configuration, shares.upstream, Arc::new(Narrator::new())));
    let tcp = TcpSettings {
        clients: shares.tcp_clients,
        clients_per_address: server.tcp_clients_per_address,
        idle_timeout: server.tcp_idle_timeout,
    };
    let shared = Arc::new(Shared::new(Arc::clone(&assembly.service), tcp));
    let service = Arc::clone(&assembly.service);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (shutdown, ending) = watch::channel(false);
    let mut serving = JoinSet::new();
    for listener in listeners {
        let address = listener.address()?;
        serving.spawn(listener.run(Arc::clone(&shared), ending.clone()));
        tracing::info!(%address, "listening");
    }
    let dnssec = &configuration.settings.dnssec;
    let mut keeping = JoinSet::new();
    keeping.spawn(keeper::keep_primed(Arc::clone(&assembly)));
    keeping.spawn(keeper::keep_negative_anchors(Arc::clone(&assembly)));
    keeping.spawn(keeper::signal_trust_anchors(Arc::clone(&assembly)));
    keeping.spawn(keeper::keep_zones(Arc::clone(&assembly), dnssec.watch.clone()));
    // Where the date stands still no hold-down can be counted, and none is to be written down.
    if dnssec.validation && dnssec.override_date.is_none() {
        let (clock, anchors) = (assembly.clock.clone(), Arc::clone(&assembly.anchors));
        keeping.spawn(keeper::keep_anchors(Arc::clone(&service), clock, anchors));
    }
    keeping.spawn(keeper::keep_watch(assembly));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = tell_deaths(&mut keeping) => {}
    }
    keeping.abort_all();
    end(&shutdown, serving, &shared).await;
    tell_counts(&service);
    Ok(())
}

/// Says so when something that has to be done from time to time is done no more. Does not end.
async fn tell_deaths(keeping: &mut JoinSet<()>) {
    while let Some(ended) = keeping.join_next().await {
        // What is switched off ends well, at once.
        if let Err(error) = ended {
            tracing::error!(
                %error,
                "a task died that follows keys, or watches zones or the network: clients are served, but restart soon"
            );
        }
    }
    std::future::pending::<()>().await;
}

/// What was limited, dropped, judged and verified while it ran.
fn tell_counts(service: &Service) {
    for (limit, questions) in service.limit_hits().all().filter(|(_, questions)| *questions > 0) {
        tracing::info!(limit = limit.word(), questions, "questions that reached a limit");
    }
    for (reason, questions) in service.drops().all().filter(|(_, questions)| *questions > 0) {
        tracing::info!(reason = reason.word(), questions, "questions that got no answer");
    }
    for (result, answers) in service.health().results().filter(|(_, answers)| *answers > 0) {
        tracing::info!(result, answers, "answers that were judged");
    }
    for (reason, answers) in service.health().bogus().filter(|(_, answers)| *answers > 0) {
        tracing::info!(reason, answers, "answers that were bogus");
    }
    let Some(validator) = service.validator() else { return };
    let figures = validator.figures();
    for Verifications { algorithm, done, failed } in figures.verifications().filter(|by| by.done > 0) {
        tracing::info!(algorithm, verifications = done, failed, "signatures verified");
    }
    let (remembered, nsec3_hashes) = (figures.remembered(), figures.nsec3_hashes());
    tracing::info!(remembered, nsec3_hashes, "signatures that were known already, and hash blocks for NSEC3");
}

/// Takes no more questions, and waits a moment for the answers that are still to come.
async fn end<A: Answer>(shutdown: &watch::Sender<bool>, mut serving: JoinSet<()>, shared: &Shared<A>) {
    tracing::info!("ending");
    shutdown.send_replace(true);
    let answered = async {
        while serving.join_next().await.is_some() {}
        shared.drained().await;
    };
    let grace = Duration::from_millis(limits::SHUTDOWN_GRACE_MS);
    if tokio::time::timeout(grace, answered).await.is_err() {
        tracing::info!("some questions are left without an answer");
    }
}

/// The sockets that were passed, or those of the configuration.
fn listen(server: &Server, threads: usize, passed: Passed) -> Result<Vec<Listener>, StartError> {
    if passed.is_empty() {
        return Ok(bind(server, threads)?);
    }
    if server.listen_is_explicit {
        tracing::info!("the addresses of [server] listen are not used: sockets were passed");
    }
    Ok(passed.listeners(threads)?)
}

/// Opens the sockets. Of addresses that nobody asked for, one is enough.
fn bind(server: &Server, threads: usize) -> Result<Vec<Listener>, ListenError> {
    let mut bound = Vec::new();
    let mut missing = None;
    for address in &server.listen {
        match Listener::bind(*address, threads) {
            Ok(listener) => bound.push(listener),
            Err(error) if server.listen_is_explicit => return Err(error),
            Err(error) => missing = Some(warn(*address, error)),
        }
    }
    match missing {
        Some(error) if bound.is_empty() => Err(error),
        _ => Ok(bound),
    }
}

fn warn(address: SocketAddr, error: ListenError) -> ListenError {
    tracing::warn!(%address, error = %error.error, "a default address is not listened on");
    error
}

/// As configured, or one for each core.
fn threads(server: &Server) -> usize {
    match server.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_answered_does_not_keep_the_process() {
        let assembly = assemble(&config::load(None).unwrap(), 1, Arc::new(Narrator::new()));
        let tcp = TcpSettings { clients: 1, clients_per_address: 1, idle_timeout: Duration::ZERO };
        let shared = Shared::new(assembly.service, tcp);
        let (shutdown, _ending) = watch::channel(false);
        let mut serving = JoinSet::new();
        serving.spawn(std::future::pending());
        let ended = end(&shutdown, serving, &shared);
        assert!(tokio::time::timeout(Duration::from_millis(800), ended).await.is_ok());
    }
}
