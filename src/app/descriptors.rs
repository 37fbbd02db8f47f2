//! How many files and sockets the process may open, and how they are shared out.

use crate::limits;

/// Descriptors for everything else: log, listeners, files, the runtime.
const RESERVE: usize = 64;

/// What is assumed where the system does not tell: the usual soft limit.
const USUAL: usize = 1_024;

/// How many sockets there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shares {
    /// Towards servers.
    pub(super) upstream: usize,
    /// Clients' TCP connections.
    pub(super) tcp_clients: usize,
}

/// Shares out what the process may open. `tcp_clients` and `listeners` are what the configuration wants.
pub(super) fn shares(tcp_clients: usize, listeners: usize) -> Shares {
    of(allowed(), tcp_clients, listeners)
}

/// Servers first: without them no client gets an answer. Clients get at most half.
fn of(allowed: usize, tcp_clients: usize, listeners: usize) -> Shares {
    let free = allowed.saturating_sub(RESERVE + listeners).max(2);
    let tcp_clients = tcp_clients.min(free / 2);
    Shares { upstream: (free - tcp_clients).min(limits::UPSTREAM_SOCKETS_MAX), tcp_clients }
}

/// The soft limit of open files, as Linux tells it.
fn allowed() -> usize {
    let read = || {
        let text = std::fs::read_to_string("/proc/self/limits").ok()?;
        soft_limit(&text)
    };
    read().unwrap_or(USUAL)
}

/// The soft limit from the text of `/proc/self/limits`.
fn soft_limit(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => Some(usize::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units\n\
                    Max open files            1024                 524288               files\n";
        assert_eq!(soft_limit(text), Some(1_024));
        assert_eq!(soft_limit("Max open files  unlimited unlimited files"), Some(usize::MAX));
        assert_eq!(soft_limit(""), None);
    }

    #[test]
    fn servers_and_clients_never_have_more_than_there_is() {
        assert_eq!(of(1_024, 1_024, 4), Shares { upstream: 478, tcp_clients: 478 });
        assert_eq!(of(100_000, 1_024, 4), Shares { upstream: 4_096, tcp_clients: 1_024 });
        assert_eq!(of(1_024, 100, 4), Shares { upstream: 856, tcp_clients: 100 });
        assert_eq!(of(10, 1_024, 4), Shares { upstream: 1, tcp_clients: 1 });
    }
}
