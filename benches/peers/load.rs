//! The load: questions over UDP, so many outstanding at a time, and what came back.
//!
//! Each of the sockets has its slots; a question takes one until its answer comes, or until it is given up. An id names
//! the slot and how often it was used, so that a late answer counts for nothing. Datagrams go and come in batches, which
//! leaves the generator faster than any resolver.

use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};
use rootwalk::clock::{Clock, Moment};

const SOCKETS: usize = 8;
/// Questions outstanding on one socket: as many as the kernel's own receive buffers hold of all sockets.
const SLOTS: usize = 16;
/// The bits of an id that name the slot.
const SLOT_BITS: u16 = 5;
/// An answer that has to be fetched and takes longer is lost. Nothing is asked twice.
const PATIENCE: Duration = Duration::from_secs(12);
/// The same of an answer that is cached.
const PATIENCE_CACHED: Duration = Duration::from_millis(300);
const REPLY_LEN_MAX: usize = 4_096;

/// Writes the next question behind an id of two octets. False: there is none.
pub(crate) type Next<'a> = dyn FnMut(&mut Vec<u8>) -> bool + 'a;

/// What came of it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    pub(crate) answered: u64,
    pub(crate) lost: u64,
    pub(crate) failed: u64,
    /// Answers with AD.
    pub(crate) authentic: u64,
    pub(crate) octets: u64,
}

struct Client {
    socket: UdpSocket,
    /// The ids and times of what is outstanding.
    open: [Option<(u16, Moment)>; SLOTS],
    used: u16,
    questions: Vec<Vec<u8>>,
}

/// Asks for what is cached as long as that, over and over.
pub(crate) fn ask_for(to: SocketAddr, span: Duration, next: &mut Next<'_>) -> Tally {
    turn(to, Some(span), PATIENCE_CACHED, next)
}

/// Asks until there is no question left.
pub(crate) fn ask(to: SocketAddr, next: &mut Next<'_>) -> Tally {
    turn(to, None, PATIENCE, next)
}

fn turn(to: SocketAddr, span: Option<Duration>, patience: Duration, next: &mut Next<'_>) -> Tally {
    let clock = Clock::system();
    let end = span.map(|span| clock.now().after(span));
    let mut clients: Vec<Client> = (0..SOCKETS).map(|_| Client::new(to)).collect();
    let mut buffers: Box<[_; SLOTS]> = vec![[0_u8; REPLY_LEN_MAX]; SLOTS].try_into().expect("as many");
    let mut tally = Tally::default();
    let mut is_over = false;
    let mut swept = clock.now();
    loop {
        let now = clock.now();
        is_over |= end.is_some_and(|end| now >= end);
        let mut moved = false;
        for client in &mut clients {
            if !is_over {
                is_over = !client.send(now, next);
            }
            moved |= client.receive(&mut buffers, &mut tally);
        }
        if now.since(swept) > Duration::from_millis(100) {
            swept = now;
            for client in &mut clients {
                client.give_up(now, patience, &mut tally);
            }
        }
        if is_over && clients.iter().all(|client| client.open.iter().all(Option::is_none)) {
            return tally;
        }
        if !moved {
            let mut waiting: Vec<PollFd<'_>> =
                clients.iter().map(|client| PollFd::new(client.socket.as_fd(), PollFlags::POLLIN)).collect();
            poll(&mut waiting, PollTimeout::from(5_u8)).expect("waiting");
        }
    }
}

impl Client {
    fn new(to: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20).expect("a buffer");
        socket.connect(to).expect("loopback");
        Self { socket, open: [None; SLOTS], used: 0, questions: vec![Vec::new(); SLOTS] }
    }

    /// Fills the free slots. False: there was no question left.
    fn send(&mut self, now: Moment, next: &mut Next<'_>) -> bool {
        let (mut count, mut has_more) = (0, true);
        for (number, slot) in self.open.iter_mut().enumerate().filter(|(_, slot)| slot.is_none()) {
            let question = &mut self.questions[count];
            question.clear();
            question.extend_from_slice(&[0, 0]);
            has_more = next(question);
            if !has_more {
                break;
            }
            self.used = self.used.wrapping_add(1);
            let id = self.used << SLOT_BITS | u16::try_from(number).expect("few slots");
            question[..2].copy_from_slice(&id.to_be_bytes());
            *slot = Some((id, now));
            count += 1;
        }
        if count > 0 {
            let slices: Vec<[IoSlice<'_>; 1]> =
                self.questions[..count].iter().map(|question| [IoSlice::new(question)]).collect();
            let mut headers = MultiHeaders::<SockaddrIn>::preallocate(count, None);
            // What is not sent counts as lost when its time is over.
            let sent = sendmmsg(
                self.socket.as_raw_fd(),
                &mut headers,
                &slices,
                [None; SLOTS],
                [],
                MsgFlags::empty(),
            );
            drop(sent);
        }
        has_more
    }

    /// Takes what has come. False: nothing had.
    fn receive(&mut self, buffers: &mut [[u8; REPLY_LEN_MAX]; SLOTS], tally: &mut Tally) -> bool {
        let mut headers = MultiHeaders::<SockaddrIn>::preallocate(SLOTS, None);
        let (mut lengths, mut count) = ([0; SLOTS], 0);
        {
            let mut slices = buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
            let flags = MsgFlags::MSG_DONTWAIT;
            let Ok(received) =
                recvmmsg(self.socket.as_raw_fd(), &mut headers, slices.iter_mut(), flags, None)
            else {
                return false;
            };
            for (length, one) in lengths.iter_mut().zip(received) {
                *length = one.bytes;
                count += 1;
            }
        }
        for (buffer, length) in buffers.iter().zip(lengths).take(count) {
            self.count(&buffer[..length], tally);
        }
        count > 0
    }

    fn count(&mut self, reply: &[u8], tally: &mut Tally) {
        let [id_high, id_low, _, flags, ..] = reply else { return };
        let id = u16::from_be_bytes([*id_high, *id_low]);
        let Some(slot) = self.open.get_mut(usize::from(id & ((1 << SLOT_BITS) - 1))) else { return };
        if slot.is_none_or(|(open, _)| open != id) {
            return;
        }
        *slot = None;
        tally.answered += 1;
        tally.failed += u64::from(!matches!(flags & 0x0f, 0 | 3));
        tally.authentic += u64::from(flags >> 5 & 1);
        tally.octets += reply.len() as u64;
    }

    fn give_up(&mut self, now: Moment, patience: Duration, tally: &mut Tally) {
        for slot in &mut self.open {
            if slot.is_some_and(|(_, sent)| now.since(sent) > patience) {
                *slot = None;
                tally.lost += 1;
            }
        }
    }
}
