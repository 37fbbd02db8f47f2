//! The floor: a process that replies to each datagram with as many octets as a resolver would, and knows nothing.
//!
//! One thread, batches of 32 by `recvmmsg` and `sendmmsg`. What it costs is what the kernel charges for one datagram in
//! and one out; no resolver that answers over a UDP socket can cost less.

use std::io::{IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};

const BATCH: usize = 32;
const DATAGRAM_LEN_MAX: usize = 2_048;

/// Serves until it is killed. `lengths`: of a reply without and with DO.
pub(crate) fn serve(address: &str, lengths: [usize; 2]) -> ! {
    let socket = UdpSocket::bind(address).expect("the address is free");
    socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20).expect("a buffer");
    let mut buffers: Box<[_; BATCH]> = vec![[0_u8; DATAGRAM_LEN_MAX]; BATCH].try_into().expect("as many");
    let mut incoming = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut outgoing = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    loop {
        let (mut received, mut from, mut count) = ([0; BATCH], [None; BATCH], 0);
        {
            let mut slices = buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
            let flags = MsgFlags::MSG_WAITFORONE;
            let Ok(batch) = recvmmsg(socket.as_raw_fd(), &mut incoming, slices.iter_mut(), flags, None)
            else {
                continue;
            };
            for one in batch {
                received[count] = one.bytes;
                from[count] = one.address;
                count += 1;
            }
        }
        for (buffer, length) in buffers.iter_mut().zip(&mut received).take(count) {
            *length = turn(buffer, *length, lengths);
        }
        let lengths = received;
        let slices: [[IoSlice<'_>; 1]; BATCH] =
            std::array::from_fn(|index| [IoSlice::new(&buffers[index][..lengths[index]])]);
        let sent = sendmmsg(
            socket.as_raw_fd(),
            &mut outgoing,
            &slices[..count],
            &from[..count],
            [],
            MsgFlags::empty(),
        );
        drop(sent);
    }
}

/// Makes a reply of a query, and says how long it is.
fn turn(buffer: &mut [u8; DATAGRAM_LEN_MAX], length: usize, [plain, signed]: [usize; 2]) -> usize {
    // QR; the load's queries end with an OPT record without options, whose flags begin with DO.
    buffer[2] |= 0x80;
    let dnssec_ok = length >= 11 && buffer[length - 4] & 0x80 != 0;
    if dnssec_ok { signed } else { plain }.clamp(length, DATAGRAM_LEN_MAX)
}
