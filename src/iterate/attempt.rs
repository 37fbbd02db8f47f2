//! Asks one server, properly.
//!
//! In: a question, an address, what is known of the server there. Out: the reply, or the fault. A fresh random
//! id, source port and letter case each time (RFC 5452 §9, 0x20); EDNS with 1,232 octets and DO (RFC 6891,
//! RFC 9715). What does not match the query is passed over and the wait goes on, so that junk that arrives
//! first changes nothing (TuDoor). What nearly matched leads to TCP, where nobody can forge blindly; so does
//! truncation. A server without EDNS is asked again without it (RFC 6891 §7). What is remembered of a server
//! comes from matched replies alone. What the reply means is read elsewhere.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::cache::servers::{EdnsHabit, Known, TcpHabit};
use crate::clock::Moment;
use crate::context::Context;
use crate::dns::edns::Edns;
use crate::dns::encode::encode_query;
use crate::dns::message::{HEADER_LEN, Header, Message};
use crate::dns::response::{Response, Transport};
use crate::dns::{Name, Opcode, Question, Rcode};
use crate::event::Event;
use crate::failure::{Failure, ServerFault};
use crate::limits::{self, Limit};

use super::exchange::{Datagrams, ExchangeError};
use super::flights::TcpTrials;
use super::resolver::Parts;

/// One question for one server.
pub(super) struct Attempt<'a> {
    pub(super) parts: &'a Parts,
    pub(super) trials: &'a TcpTrials,
    pub(super) context: &'a Context,
    pub(super) question: &'a Question,
    pub(super) zone: &'a Name,
    pub(super) server: IpAddr,
    /// What was known of the server when it was chosen.
    pub(super) known: Known,
}

/// A reply and how long it took.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) response: Response,
    pub(super) took: Duration,
}

/// What came of one datagram sent.
enum Udp {
    Reply(Box<Reply>),
    /// The reply is cut off.
    Truncated,
    /// No reply, but something that nearly was one, or a flood of datagrams.
    NearMiss,
    /// No reply, but an error code with nothing else behind the right id: a server older than EDNS.
    BareError,
    Fault(ServerFault),
}

impl Attempt<'_> {
    /// Asks. The outer error ends the question, the inner one this server's turn.
    pub(super) async fn ask(&self) -> Result<Result<Reply, ServerFault>, Failure> {
        let known = &self.known;
        let mut edns = known.edns != EdnsHabit::Broken;
        let mut refused = false;
        loop {
            match self.udp(edns).await? {
                Udp::Reply(reply) => {
                    if edns && known.edns == EdnsHabit::Unknown && is_edns_refused(&reply.response.message) {
                        (edns, refused) = (false, true);
                        continue;
                    }
                    self.remember_edns(&reply.response.message, refused);
                    return Ok(Ok(*reply));
                }
                // Anybody may have sent that: the question is asked anew, nothing is remembered.
                Udp::BareError if edns && known.edns != EdnsHabit::Works => edns = false,
                Udp::BareError => return Ok(Err(ServerFault::Nonsense)),
                Udp::Truncated | Udp::NearMiss => return self.ask_over_tcp_with(edns).await,
                Udp::Fault(fault) => return Ok(Err(fault)),
            }
        }
    }

    /// Asks over TCP from the start.
    pub(super) async fn ask_over_tcp(&self) -> Result<Result<Reply, ServerFault>, Failure> {
        let now = self.parts.clock.now();
        let known = self.parts.servers.known(self.server, self.zone, now);
        self.ask_over_tcp_with(known.edns != EdnsHabit::Broken).await
    }

    async fn udp(&self, edns: bool) -> Result<Udp, Failure> {
        let expected = self.expected();
        let query = encode(&expected, edns);
        let sent = self.charge()?;
        let _waiting = self.parts.servers.wait(self.server, self.zone, sent);
        let mut socket = match self.open(&query).await {
            Ok(socket) => socket,
            Err(error) => return Ok(Udp::Fault(self.send_fault(error, sent, Transport::Udp))),
        };
        self.tell_sent(Transport::Udp);
        let deadline = sent.after(self.known.wait).min(self.context.budget.deadline());
        let (mut near, mut bare, mut unreadable) = (false, false, false);
        for _ in 0..limits::DATAGRAMS_PER_QUERY_MAX {
            let bytes = match socket.receive(deadline).await {
                Ok(bytes) => bytes,
                Err(ExchangeError::Timeout) => {
                    return Ok(match (near, bare, unreadable) {
                        (true, ..) => Udp::NearMiss,
                        (_, true, _) => Udp::BareError,
                        (.., true) => Udp::Fault(self.faulted(ServerFault::Nonsense, sent, Transport::Udp)),
                        _ => Udp::Fault(self.silent(sent)),
                    });
                }
                Err(error) => return Ok(Udp::Fault(self.send_fault(error, sent, Transport::Udp))),
            };
            let why = match expected.judge(&bytes) {
                Verdict::Reply(message) => return self.replied(*message, bytes.len(), sent),
                Verdict::BareError => {
                    bare = true;
                    "an error code without the question"
                }
                Verdict::NearMiss(why) => {
                    near = true;
                    why
                }
                Verdict::Unreadable(why) => {
                    unreadable = true;
                    why
                }
                Verdict::Other(why) => why,
            };
            self.context.tell(&Event::Ignored { server: self.address(), why });
        }
        Ok(Udp::NearMiss)
    }

    fn replied(&self, message: Message, len: usize, sent: Moment) -> Result<Udp, Failure> {
        self.charge_received(len)?;
        let now = self.parts.clock.now();
        let took = now.since(sent);
        self.parts.servers.answered(self.server, took, now);
        if message.header.truncated {
            return Ok(Udp::Truncated);
        }
        let response = Response { message, server: self.server, transport: Transport::Udp };
        Ok(Udp::Reply(Box::new(Reply { response, took })))
    }

    /// Asks over TCP, unless that lately led nowhere with this server. One that is not known to speak TCP is tried by
    /// one question; the others wait for what comes of it, or each of them would try (CVE-2023-46317).
    async fn ask_over_tcp_with(&self, edns: bool) -> Result<Result<Reply, ServerFault>, Failure> {
        let habit = || self.parts.servers.tcp(self.server, self.parts.clock.now());
        let began = self.parts.clock.now();
        let trial = self.trials.join(self.server);
        let mut turn = None;
        if habit() == TcpHabit::Unknown {
            let deadline = self.context.budget.deadline();
            let Some(mine) = self.parts.clock.before(deadline, trial.cell.lock()).await else {
                return Err(self.context.budget.out_of_time().into());
            };
            turn = (habit() == TcpHabit::Unknown).then_some(mine);
        }
        if habit() == TcpHabit::Broken {
            return Ok(Err(self.faulted(ServerFault::Truncated, began, Transport::Udp)));
        }
        let said = self.connect(edns).await;
        drop(turn);
        said
    }

    async fn connect(&self, edns: bool) -> Result<Result<Reply, ServerFault>, Failure> {
        self.context.budget.spend(Limit::TcpFallbacks, 1)?;
        let expected = self.expected();
        let query = encode(&expected, edns);
        let sent = self.charge()?;
        self.tell_sent(Transport::Tcp);
        let wait = self
            .known
            .wait
            .saturating_mul(limits::TCP_WAITS)
            .clamp(limits::TCP_WAIT_MIN, limits::TCP_WAIT_MAX);
        let deadline = sent.after(wait).min(self.context.budget.deadline());
        let bytes = match self.parts.exchange.tcp(self.address(), &query, deadline).await {
            Ok(bytes) => bytes,
            Err(error) => {
                let now = self.parts.clock.now();
                // Neither want of time nor this host's own trouble is the server's fault.
                if error != ExchangeError::Exhausted && now < self.context.budget.deadline() {
                    self.parts.servers.tcp_tried(self.server, false, now);
                }
                return Ok(Err(self.faulted(ServerFault::Truncated, sent, Transport::Tcp)));
            }
        };
        self.charge_received(bytes.len())?;
        let now = self.parts.clock.now();
        let message = expected.judge_connected(&bytes);
        let works = message.as_ref().is_some_and(|message| !message.header.truncated);
        self.parts.servers.tcp_tried(self.server, works, now);
        let Some(message) = message else {
            return Ok(Err(self.faulted(ServerFault::Nonsense, sent, Transport::Tcp)));
        };
        self.parts.servers.answered_connected(self.server, now);
        let changed =
            message.question.as_ref().is_some_and(|said| !said.name.eq_with_case(&expected.question.name));
        if expected.exact_case {
            self.parts.servers.case(self.server, changed, now);
        }
        if message.header.truncated {
            return Ok(Err(self.faulted(ServerFault::Truncated, sent, Transport::Tcp)));
        }
        let response = Response { message, server: self.server, transport: Transport::Tcp };
        Ok(Ok(Reply { response, took: now.since(sent) }))
    }

    /// What the reply has to repeat.
    fn expected(&self) -> Expected {
        let entropy = &self.parts.entropy;
        let exact_case = self.parts.settings.use_caps_for_id && self.known.keeps_case;
        let name = if exact_case {
            let mut bits = 0_u64;
            let mut left = 0_u32;
            self.question.name.with_case(|| {
                if left == 0 {
                    (bits, left) = (entropy.u64(), 64);
                }
                left -= 1;
                bits >> left & 1 == 1
            })
        } else {
            self.question.name.to_lowercase()
        };
        Expected { id: entropy.u16(), question: Question { name, ..self.question.clone() }, exact_case }
    }

    /// Opens a socket on a random port and sends.
    async fn open(&self, query: &[u8]) -> Result<Box<dyn Datagrams>, ExchangeError> {
        for _ in 0..limits::PORT_DRAWS_MAX {
            let port = self.parts.entropy.port();
            match self.parts.exchange.udp(self.address(), port, query).await {
                Err(ExchangeError::PortTaken) => {}
                done => return done,
            }
        }
        Err(ExchangeError::Exhausted)
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::new(self.server, self.parts.settings.upstream_port)
    }

    /// Charges one packet; the moment it is sent.
    fn charge(&self) -> Result<Moment, Failure> {
        let now = self.parts.clock.now();
        self.context.budget.check_time(now)?;
        self.context.budget.ask(self.server)?;
        self.context.budget.spend(Limit::Packets, 1)?;
        Ok(now)
    }

    fn charge_received(&self, len: usize) -> Result<(), Failure> {
        let kibibytes = u32::try_from(len.div_ceil(1_024)).unwrap_or(u32::MAX);
        Ok(self.context.budget.spend(Limit::Kibibytes, kibibytes)?)
    }

    fn tell_sent(&self, transport: Transport) {
        let (question, zone) = (self.question, self.zone);
        self.context.tell(&Event::Sent { question, zone, server: self.address(), transport });
    }

    /// Tells of a fault and gives it back.
    fn faulted(&self, fault: ServerFault, sent: Moment, transport: Transport) -> ServerFault {
        self.context.tell(&Event::Faulted {
            question: self.question,
            zone: self.zone,
            server: self.address(),
            transport,
            fault,
            took: self.parts.clock.now().since(sent),
        });
        fault
    }

    /// No answer came. The server is blamed only if it had its full time.
    fn silent(&self, sent: Moment) -> ServerFault {
        let now = self.parts.clock.now();
        if now.since(sent) >= self.known.wait {
            self.parts.servers.silent(self.server, sent, now);
        }
        self.faulted(ServerFault::Timeout, sent, Transport::Udp)
    }

    fn send_fault(&self, error: ExchangeError, sent: Moment, transport: Transport) -> ServerFault {
        let now = self.parts.clock.now();
        match error {
            ExchangeError::NoRoute => self.parts.servers.no_route(self.server, now),
            ExchangeError::Refused | ExchangeError::Closed => {
                self.parts.servers.silent(self.server, sent, now);
            }
            // This host's trouble, not the server's.
            ExchangeError::PortTaken | ExchangeError::Exhausted | ExchangeError::Timeout => {}
        }
        self.faulted(ServerFault::Unreachable, sent, transport)
    }

    /// Remembers what a matched reply showed about EDNS. That EDNS does not work takes two of them: the error
    /// with it, and this one without it.
    fn remember_edns(&self, message: &Message, refused: bool) {
        let now = self.parts.clock.now();
        if message.edns.is_some() {
            self.parts.servers.edns(self.server, EdnsHabit::Works, now);
        } else if refused && matches!(message.header.rcode, Rcode::NOERROR | Rcode::NXDOMAIN) {
            self.parts.servers.edns(self.server, EdnsHabit::Broken, now);
        }
    }
}

fn encode(expected: &Expected, edns: bool) -> Vec<u8> {
    let edns = edns.then(|| Edns::new(limits::UDP_SIZE, true));
    encode_query(expected.id, &expected.question, false, false, edns.as_ref())
}

/// Whether a server refuses EDNS (RFC 6891 §7). One that adds an OPT record to its error means something else,
/// but for BADVERS: there is no lower version to offer than 0.
fn is_edns_refused(message: &Message) -> bool {
    match message.header.rcode {
        Rcode::FORMERR | Rcode::NOTIMP => message.edns.is_none(),
        Rcode::BADVERS => true,
        _ => false,
    }
}

/// What a reply has to repeat of its query (RFC 5452 §9.1). Source address and port are the socket's business.
#[derive(Debug, Clone)]
struct Expected {
    id: u16,
    question: Question,
    exact_case: bool,
}

/// What a datagram is.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Reply(Box<Message>),
    /// The right id and an error code that a server without EDNS gives, and nothing else.
    BareError,
    /// The right id and another question.
    NearMiss(&'static str),
    /// The right id, and it cannot be read.
    Unreadable(&'static str),
    /// Junk.
    Other(&'static str),
}

impl Expected {
    fn judge(&self, bytes: &[u8]) -> Verdict {
        let Some(header) = Header::read(bytes) else { return Verdict::Other("it is shorter than a header") };
        if header.id != self.id {
            return Verdict::Other("it has another id");
        }
        if !header.response {
            return Verdict::Other("it is a query");
        }
        if header.opcode != Opcode::QUERY {
            return Verdict::Other("it has another opcode");
        }
        let Some(message) = read(bytes, &header) else { return Verdict::Unreadable("it cannot be read") };
        let Some(question) = &message.question else {
            let is_error = matches!(header.rcode, Rcode::FORMERR | Rcode::NOTIMP);
            let is_bare = message.answer.is_empty() && message.authority.is_empty() && message.edns.is_none();
            return if is_error && is_bare {
                Verdict::BareError
            } else {
                Verdict::Other("it has no question")
            };
        };
        if *question != self.question {
            return Verdict::NearMiss("it answers another question");
        }
        if self.exact_case && !question.name.eq_with_case(&self.question.name) {
            return Verdict::NearMiss("its question has another letter case");
        }
        Verdict::Reply(Box::new(message))
    }

    /// The same for a connection, which nobody can forge blindly: the letter case may differ.
    fn judge_connected(&self, bytes: &[u8]) -> Option<Message> {
        match (Self { exact_case: false, ..self.clone() }).judge(bytes) {
            Verdict::Reply(message) => Some(*message),
            _ => None,
        }
    }
}

/// Reads a message. Of a truncated one that ends within a record, header and question are enough.
fn read(bytes: &[u8], header: &Header) -> Option<Message> {
    match Message::parse(bytes) {
        Ok(message) => Some(message),
        Err(_) if header.truncated => {
            let mut head = bytes.to_vec();
            head.get_mut(6..HEADER_LEN)?.fill(0);
            Message::parse(&head).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::RecordType;
    use crate::dns::encode::encode as write;
    use crate::iterate::testing::{a, question, reply};

    fn expected() -> Expected {
        Expected { id: 7, question: question("wWw.eXample.", RecordType::A), exact_case: true }
    }

    fn message(change: impl FnOnce(&mut Message)) -> Vec<u8> {
        let mut message = reply(&expected().question);
        message.header.id = 7;
        message.answer.push(a("www.example.", 1));
        change(&mut message);
        write(&message, 1_232).bytes
    }

    #[test]
    fn only_a_reply_with_the_same_id_and_question_is_the_reply() {
        assert!(matches!(expected().judge(&message(|_| {})), Verdict::Reply(_)));
        let other = |change: &dyn Fn(&mut Message)| expected().judge(&message(|m| change(m)));
        assert_eq!(other(&|m| m.header.id = 8), Verdict::Other("it has another id"));
        assert_eq!(other(&|m| m.header.response = false), Verdict::Other("it is a query"));
        assert_eq!(other(&|m| m.header.opcode = Opcode::NOTIFY), Verdict::Other("it has another opcode"));
        assert_eq!(other(&|m| m.question = None), Verdict::Other("it has no question"));
        let near = other(&|m| m.question = Some(question("www.other.", RecordType::A)));
        assert_eq!(near, Verdict::NearMiss("it answers another question"));
        let near = other(&|m| m.question = Some(question("wWw.eXample.", RecordType::AAAA)));
        assert_eq!(near, Verdict::NearMiss("it answers another question"));
        let near = other(&|m| m.question = Some(question("www.example.", RecordType::A)));
        assert_eq!(near, Verdict::NearMiss("its question has another letter case"));
    }

    #[test]
    fn runts_and_messages_that_cannot_be_read_are_no_reply() {
        let whole = message(|_| {});
        assert!(matches!(expected().judge(&whole[..5]), Verdict::Other(_)));
        // The answer's RDLENGTH promises more than there is.
        let mut long = whole.clone();
        let place = long.len() - 5;
        long[place] = 200;
        assert!(matches!(expected().judge(&long), Verdict::Unreadable(_)));
        // The question's name points to itself.
        let mut looped = whole.clone();
        looped.splice(12..25, [0xc0, 12]);
        assert!(matches!(expected().judge(&looped), Verdict::Unreadable(_)));
    }

    #[test]
    fn a_bare_error_is_told_apart_from_an_answer_without_a_question() {
        let bare = |rcode| {
            let mut message = Message::new(Header { response: true, ..Header::query(7) }, None);
            message.header.rcode = rcode;
            expected().judge(&write(&message, 512).bytes)
        };
        assert_eq!(bare(Rcode::FORMERR), Verdict::BareError);
        assert_eq!(bare(Rcode::NOTIMP), Verdict::BareError);
        assert_eq!(bare(Rcode::NOERROR), Verdict::Other("it has no question"));
        assert_eq!(bare(Rcode::REFUSED), Verdict::Other("it has no question"));
    }

    #[test]
    fn a_truncated_reply_may_end_within_a_record() {
        let mut bytes = message(|m| m.header.truncated = true);
        bytes.truncate(bytes.len() - 3);
        let Verdict::Reply(message) = expected().judge(&bytes) else { panic!("no reply") };
        assert!(message.header.truncated);
    }

    #[test]
    fn over_a_connection_the_letter_case_may_differ_and_nothing_else() {
        let same = |name: &str| {
            let question = question(name, RecordType::A);
            expected().judge_connected(&message(|m| m.question = Some(question.clone()))).is_some()
        };
        assert!(same("www.example.") && same("wWw.eXample.") && !same("ww.example."));
    }
}
