//! Many datagrams by one system call: `recvmmsg` and `sendmmsg`, with the local address of each where a socket has many.
//!
//! In: a bound socket. Out: the octets and addresses of what came, a buffer for the reply to each, and the replies on
//! their way, each from the address that was asked (RFC 1035 §7.3; IP_PKTINFO, and IPV6_PKTINFO of RFC 3542 §6.1). All
//! room is allocated once. The only file with `unsafe` code: three system calls, one option, and the memory the kernel is
//! told to write into, which is never told of but as initialised octets and numbers.

#![expect(
    unsafe_code,
    reason = "the system calls have no safe form in the standard library or a crate we use"
)]
#![expect(clippy::cast_possible_truncation, reason = "lengths of types, and counts of slots, which are few")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ffi::c_void;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::ptr::{NonNull, addr_of_mut, null_mut};
use std::sync::Arc;

use socket2::{MsgHdr, SockAddr, SockRef};

use crate::limits::{BATCH_DATAGRAMS, CLIENT_DATAGRAM_OCTETS_MAX, UDP_SIZE};

/// A socket that questions come to and replies leave from.
#[derive(Debug)]
pub struct Socket {
    udp: UdpSocket,
    /// Bound to all addresses: which of them a datagram was sent to comes with it.
    is_wildcard: bool,
}

/// The local address that a datagram was sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// The address.
    pub address: IpAddr,
    /// The index of the interface it came by, which a link-local address is nothing without.
    interface: u32,
}

impl Socket {
    /// A bound socket. Receiving from it waits no longer than it says itself (`set_read_timeout`).
    pub fn new(udp: UdpSocket) -> io::Result<Self> {
        let bound = udp.local_addr()?;
        let is_wildcard = bound.ip().is_unspecified();
        if is_wildcard {
            let (level, option) = if bound.is_ipv6() {
                (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)
            } else {
                (libc::IPPROTO_IP, libc::IP_PKTINFO)
            };
            switch_on(&udp, level, option)?;
        }
        Ok(Self { udp, is_wildcard })
    }

    /// The address it is bound to.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr()
    }

    /// Sends one datagram, from `local` if that is given. Does not wait: where there is no room for it, it is lost.
    pub fn send(&self, octets: &[u8], to: SocketAddr, local: Option<Local>) -> io::Result<()> {
        let (to, buffers) = (SockAddr::from(to), [IoSlice::new(octets)]);
        let message = MsgHdr::new().with_addr(&to).with_buffers(&buffers);
        let mut control = Control::default();
        let message = match local {
            Some(local) => message.with_control(control.write(local, to.is_ipv6())),
            None => message,
        };
        SockRef::from(&self.udp).sendmsg(&message, libc::MSG_DONTWAIT).map(|_| ())
    }
}

fn switch_on(udp: &UdpSocket, level: libc::c_int, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the pointer leads to a number that lives until the call returns, and the length is that number's.
    let result = unsafe {
        libc::setsockopt(
            udp.as_raw_fd(),
            level,
            option,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether this thread waits for its turn when there is something to do (SCHED_BATCH, sched(7)), or takes the core from
/// whoever is on it, as threads do. A core that is idle it has at once in either case.
pub fn wait_for_turn(waits: bool) -> io::Result<()> {
    let policy = if waits { libc::SCHED_BATCH } else { libc::SCHED_OTHER };
    // SAFETY: all zero is a value of this type: it has numbers alone.
    let parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer leads to parameters that live until the call returns; 0 is this thread.
    let result = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A socket, with room for the datagrams of one turn and for the replies to them.
#[derive(Debug)]
pub struct Batch {
    socket: Arc<Socket>,
    slots: NonNull<Slots>,
    /// How many were received.
    received: usize,
    /// Those that are to be answered.
    answered: Vec<usize>,
    replies: Vec<Vec<u8>>,
}

/// A datagram that was received.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// The octets; those beyond [`CLIENT_DATAGRAM_OCTETS_MAX`] are cut off.
    pub octets: &'a [u8],
    /// Who sent it.
    pub from: SocketAddr,
    /// The address that it was sent to, where the socket has many.
    pub local: Option<Local>,
    /// Room for the reply: [`Batch::answer`].
    pub reply: &'a mut Vec<u8>,
}

/// What the kernel reads and writes. Each is meaningful with all octets zero.
#[repr(C)]
struct Slots {
    incoming: [libc::mmsghdr; BATCH_DATAGRAMS],
    incoming_parts: [libc::iovec; BATCH_DATAGRAMS],
    outgoing: [libc::mmsghdr; BATCH_DATAGRAMS],
    outgoing_parts: [libc::iovec; BATCH_DATAGRAMS],
    peers: [libc::sockaddr_in6; BATCH_DATAGRAMS],
    controls: [Control; BATCH_DATAGRAMS],
    octets: [[u8; SLOT_LEN]; BATCH_DATAGRAMS],
}

/// Not a multiple of the page size: the beginnings of all slots would share a few lines of the processor's cache.
const SLOT_LEN: usize = CLIENT_DATAGRAM_OCTETS_MAX + 64;

/// Ancillary data: one control message is asked for.
#[repr(C, align(8))]
struct Control([u8; CONTROL_LEN]);

const CONTROL_LEN: usize = 64;
/// The head of a control message: its length, its level, its type.
const CONTROL_HEAD: usize = size_of::<usize>() + 8;
/// `struct in_pktinfo`: interface, local address for the reply, destination in the header.
const PKTINFO_V4_LEN: usize = 12;
/// `struct in6_pktinfo`: address, interface.
const PKTINFO_V6_LEN: usize = 20;

impl Default for Control {
    fn default() -> Self {
        Self([0; CONTROL_LEN])
    }
}

impl Control {
    /// The local address it tells of, if it does. The kernel wrote `len` octets.
    fn read(&self, len: usize) -> Option<Local> {
        let message = self.0.get(..len)?;
        let (level, kind) = (number(message, size_of::<usize>())?, number(message, size_of::<usize>() + 4)?);
        let info = message.get(CONTROL_HEAD..)?;
        if (level, kind) == (libc::IPPROTO_IP.cast_unsigned(), libc::IP_PKTINFO.cast_unsigned()) {
            let address = info.get(4..)?.first_chunk::<4>()?;
            return Some(Local { address: Ipv4Addr::from(*address).into(), interface: number(info, 0)? });
        }
        let is_v6 = (level, kind) == (libc::IPPROTO_IPV6.cast_unsigned(), libc::IPV6_PKTINFO.cast_unsigned());
        let address = info.first_chunk::<16>().filter(|_| is_v6)?;
        Some(Local { address: Ipv6Addr::from(*address).into(), interface: number(info, 16)? })
    }

    /// Tells where a datagram is to leave from; `is_ipv6` says of which family the socket is.
    fn write(&mut self, local: Local, is_ipv6: bool) -> &[u8] {
        let mut info = [0; PKTINFO_V6_LEN];
        let (level, kind, len) = match local.address {
            IpAddr::V4(address) if !is_ipv6 => {
                // The interface is the routing table's to choose.
                put(&mut info, 4, &address.octets());
                (libc::IPPROTO_IP, libc::IP_PKTINFO, PKTINFO_V4_LEN)
            }
            address => {
                let address = match address {
                    IpAddr::V4(address) => address.to_ipv6_mapped(),
                    IpAddr::V6(address) => address,
                };
                put(&mut info, 0, &address.octets());
                if address.is_unicast_link_local() {
                    put(&mut info, 16, &local.interface.to_ne_bytes());
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, PKTINFO_V6_LEN)
            }
        };
        put(&mut self.0, 0, &(CONTROL_HEAD + len).to_ne_bytes());
        put(&mut self.0, size_of::<usize>(), &level.to_ne_bytes());
        put(&mut self.0, size_of::<usize>() + 4, &kind.to_ne_bytes());
        put(&mut self.0, CONTROL_HEAD, &info);
        let whole = (CONTROL_HEAD + len).next_multiple_of(size_of::<usize>());
        self.0.get(..whole).unwrap_or_default()
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_ne_bytes(*four))
}

fn put(bytes: &mut [u8], at: usize, octets: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + octets.len()) {
        place.copy_from_slice(octets);
    }
}

// SAFETY: the memory belongs to the batch alone, and so may go with it to another thread.
unsafe impl Send for Batch {}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: `new` allocated it with this layout, and it is freed here alone.
        unsafe { dealloc(self.slots.as_ptr().cast(), Layout::new::<Slots>()) }
    }
}

impl Batch {
    /// Room for [`BATCH_DATAGRAMS`] of this socket.
    pub fn new(socket: Arc<Socket>) -> Self {
        let layout = Layout::new::<Slots>();
        // SAFETY: the layout has a length above zero.
        let memory: *mut c_void = unsafe { alloc_zeroed(layout) }.cast();
        let Some(slots) = NonNull::new(memory.cast::<Slots>()) else { handle_alloc_error(layout) };
        let mut batch = Self {
            socket,
            slots,
            received: 0,
            answered: Vec::with_capacity(BATCH_DATAGRAMS),
            replies: (0..BATCH_DATAGRAMS).map(|_| Vec::with_capacity(usize::from(UDP_SIZE))).collect(),
        };
        batch.point();
        batch
    }

    /// Points the heads of all slots at their parts.
    #[expect(
        clippy::indexing_slicing,
        reason = "within arrays of constant length, of which no reference is made"
    )]
    fn point(&mut self) {
        let slots = self.slots.as_ptr();
        for index in 0..BATCH_DATAGRAMS {
            // SAFETY: no reference is made: these are addresses within the allocation, the index within each array. They
            // come of the pointer that all references to the slots are made of, one after the other, and stay good.
            let (octets, peer, control, part, out) = unsafe {
                (
                    addr_of_mut!((*slots).octets[index]),
                    addr_of_mut!((*slots).peers[index]),
                    addr_of_mut!((*slots).controls[index]),
                    addr_of_mut!((*slots).incoming_parts[index]),
                    addr_of_mut!((*slots).outgoing_parts[index]),
                )
            };
            let is_wildcard = self.socket.is_wildcard;
            let slots = self.slots();
            if let Some(place) = slots.incoming_parts.get_mut(index) {
                *place = libc::iovec { iov_base: octets.cast(), iov_len: CLIENT_DATAGRAM_OCTETS_MAX };
            }
            if let Some(incoming) = slots.incoming.get_mut(index) {
                let head = &mut incoming.msg_hdr;
                (head.msg_iov, head.msg_iovlen) = (part, 1);
                head.msg_name = peer.cast();
                head.msg_control = if is_wildcard { control.cast() } else { null_mut() };
                make_room(incoming);
            }
            if let Some(outgoing) = slots.outgoing.get_mut(index) {
                (outgoing.msg_hdr.msg_iov, outgoing.msg_hdr.msg_iovlen) = (out, 1);
            }
        }
    }

    fn slots(&mut self) -> &mut Slots {
        // SAFETY: it is allocated, all zero is a value of each type in it, and the batch, which is borrowed alone, has the
        // only pointer that references are made of.
        unsafe { self.slots.as_mut() }
    }

    /// Waits for datagrams, but no longer than the socket's timeout, and takes as many as there are. What was received
    /// before is gone. Returns how many.
    pub fn receive(&mut self) -> io::Result<usize> {
        let used = self.received;
        self.received = 0;
        self.answered.clear();
        for incoming in self.slots().incoming.iter_mut().take(used) {
            make_room(incoming);
        }
        // SAFETY: an address within the allocation.
        let heads = unsafe { addr_of_mut!((*self.slots.as_ptr()).incoming) };
        // SAFETY: there are so many heads, and what each points at (`point`) is in the same allocation, as long as it says
        // (`make_room`), and referred to by nobody until the call returns.
        let count = unsafe {
            libc::recvmmsg(
                self.socket.udp.as_raw_fd(),
                heads.cast(),
                BATCH_DATAGRAMS as libc::c_uint,
                libc::MSG_WAITFORONE as _,
                null_mut(),
            )
        };
        if let Ok(count) = usize::try_from(count) {
            self.received = count.min(BATCH_DATAGRAMS);
            return Ok(self.received);
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(0),
            _ => Err(error),
        }
    }

    /// One of those that were received. None: it has no address that could be answered.
    pub fn datagram(&mut self, index: usize) -> Option<Datagram<'_>> {
        if index >= self.received {
            return None;
        }
        // SAFETY: as in `slots`; the reply is not among them.
        let slots = unsafe { self.slots.as_ref() };
        let incoming = slots.incoming.get(index)?;
        let len = usize::try_from(incoming.msg_len).ok()?;
        let octets = slots.octets.get(index)?.get(..len.min(CLIENT_DATAGRAM_OCTETS_MAX))?;
        let from = slots.from(index).filter(|from| from.port() != 0)?;
        Some(Datagram { octets, from, local: slots.local(index), reply: self.replies.get_mut(index)? })
    }

    /// The reply to a datagram is written: it is sent with the others.
    pub fn answer(&mut self, index: usize) {
        // Each has one reply: there is always room.
        if index < self.received && self.answered.len() < BATCH_DATAGRAMS {
            self.answered.push(index);
        }
    }

    /// Sends the replies, each to where its datagram came from, from where that was sent to. Those that cannot be sent are
    /// lost: the last error. Where there is no room for one within the socket's timeout, the rest are lost with it: hits
    /// of others are not to wait for that of each.
    pub fn send(&mut self) -> io::Result<()> {
        let is_wildcard = self.socket.is_wildcard;
        // SAFETY: as in `slots`; neither the replies nor the indices are among them.
        let slots = unsafe { self.slots.as_mut() };
        for (at, index) in self.answered.iter().enumerate() {
            if let Some(reply) = self.replies.get(*index) {
                slots.address(at, *index, reply, is_wildcard);
            }
        }
        let (mut sent, mut result) = (0, Ok(()));
        while sent < self.answered.len() {
            let left = self.answered.len() - sent;
            // SAFETY: an address within the array: there are never more answers than slots.
            let heads =
                unsafe { addr_of_mut!((*self.slots.as_ptr()).outgoing).cast::<libc::mmsghdr>().add(sent) };
            // SAFETY: there are so many heads from here on, and `address` pointed each at parts of this allocation and at a
            // reply, none of which changes until the call returns.
            let count =
                unsafe { libc::sendmmsg(self.socket.udp.as_raw_fd(), heads, left as libc::c_uint, 0) };
            if let Ok(count) = usize::try_from(count) {
                sent += count.max(1);
                continue;
            }
            let error = io::Error::last_os_error();
            match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => {
                    result = Err(error);
                    break;
                }
                // The first of them could not be sent.
                _ => {
                    sent += 1;
                    result = Err(error);
                }
            }
        }
        self.answered.clear();
        result
    }
}

/// The C libraries differ in the types of their lengths.
fn to_usize<T: TryInto<usize>>(len: T) -> Option<usize> {
    len.try_into().ok()
}

/// Says how long the parts are that the kernel may fill: it changes the numbers to what it filled.
fn make_room(incoming: &mut libc::mmsghdr) {
    let head = &mut incoming.msg_hdr;
    head.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
    head.msg_controllen = if head.msg_control.is_null() { 0 } else { CONTROL_LEN as _ };
}

impl Slots {
    fn from(&self, index: usize) -> Option<SocketAddr> {
        let peer = self.peers.get(index)?;
        let port = u16::from_be(peer.sin6_port);
        match libc::c_int::from(peer.sin6_family) {
            // The address of `struct sockaddr_in` stands where the other has its flow.
            libc::AF_INET => Some((Ipv4Addr::from(peer.sin6_flowinfo.to_ne_bytes()), port).into()),
            libc::AF_INET6 => {
                let address = Ipv6Addr::from(peer.sin6_addr.s6_addr);
                Some(SocketAddrV6::new(address, port, peer.sin6_flowinfo, peer.sin6_scope_id).into())
            }
            _ => None,
        }
    }

    fn local(&self, index: usize) -> Option<Local> {
        let head = &self.incoming.get(index)?.msg_hdr;
        self.controls.get(index)?.read(to_usize(head.msg_controllen)?)
    }

    /// Points the head at `at` at the reply to the datagram at `index`.
    fn address(&mut self, at: usize, index: usize, reply: &[u8], is_wildcard: bool) {
        let local = if is_wildcard { self.local(index) } else { None };
        let Some(incoming) = self.incoming.get(index).map(|incoming| incoming.msg_hdr) else { return };
        let (Some(outgoing), Some(part)) = (self.outgoing.get_mut(at), self.outgoing_parts.get_mut(at))
        else {
            return;
        };
        *part = libc::iovec { iov_base: reply.as_ptr().cast_mut().cast(), iov_len: reply.len() };
        let head = &mut outgoing.msg_hdr;
        (head.msg_name, head.msg_namelen) = (incoming.msg_name, incoming.msg_namelen);
        (head.msg_control, head.msg_controllen) = (null_mut(), 0);
        let is_ipv6 = incoming.msg_namelen as usize == size_of::<libc::sockaddr_in6>();
        if let Some((local, control)) = local.zip(self.controls.get_mut(index)) {
            head.msg_controllen = control.write(local, is_ipv6).len() as _;
            head.msg_control = incoming.msg_control;
        }
    }
}

#[cfg(test)]
mod tests;
