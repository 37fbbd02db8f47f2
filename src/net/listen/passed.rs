//! Sockets that were opened by whoever started the process (systemd's socket activation, sd_listen_fds(3)).
//!
//! In: `LISTEN_FDS` and `LISTEN_PID` of the environment, and the descriptors from 3 on. Out: a [`Listener`] for each, of
//! UDP or TCP. Names of sockets (`LISTEN_FDNAMES`) are passed over.

use std::io;
use std::net::{TcpListener, UdpSocket};

use listenfd::ListenFd;

use super::{Listener, udp};

/// The descriptor of the first (`SD_LISTEN_FDS_START`).
const FIRST: usize = 3;

/// The sockets.
#[derive(Debug, Default)]
pub struct Passed {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
}

/// One that cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("the descriptor {descriptor} that was passed with LISTEN_FDS cannot be listened on: {error}")]
pub struct PassedError {
    /// Its number.
    pub descriptor: usize,
    /// What is wrong with it.
    pub error: io::Error,
}

impl Passed {
    /// Takes what was passed to this process, if anything was. Changes the environment: no other thread may run yet.
    pub fn take() -> Result<Self, PassedError> {
        let mut sockets = ListenFd::from_env();
        let mut passed = Self::default();
        for index in 0..sockets.len() {
            if let Ok(Some(tcp)) = sockets.take_tcp_listener(index) {
                passed.tcp.push(tcp);
                continue;
            }
            let udp = sockets.take_udp_socket(index);
            passed.udp.extend(udp.map_err(|error| PassedError { descriptor: FIRST + index, error })?);
        }
        Ok(passed)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.udp.is_empty() && self.tcp.is_empty()
    }

    /// Makes them ready to be served, those of UDP by so many threads each. Wants a tokio runtime.
    pub fn listeners(self, threads: usize) -> io::Result<Vec<Listener>> {
        let mut listeners = Vec::with_capacity(self.udp.len() + self.tcp.len());
        for socket in self.udp {
            // One queue, which all threads take from.
            let shared = (0..threads.max(1)).map(|_| socket.try_clone().and_then(udp::furnished));
            listeners.push(Listener { udp: shared.collect::<io::Result<_>>()?, tcp: None });
        }
        for tcp in self.tcp {
            tcp.set_nonblocking(true)?;
            listeners.push(Listener { udp: Vec::new(), tcp: Some(tokio::net::TcpListener::from_std(tcp)?) });
        }
        Ok(listeners)
    }
}
