//! Asks one server, properly.
//!
//! In: a question, an address, what is known of the server there. Out: the reply, or the fault. A fresh random
//! id, source port and letter case each time (RFC 5452 §9, 0x20); EDNS with 1,232 octets and DO (RFC 6891,
//! RFC 9715). What does not match the query is passed over and the wait goes on, so that junk that arrives
//! first changes nothing (TuDoor). What nearly matched leads to TCP, where nobody can forge blindly; so do
//! truncation and a datagram longer than we said we take. A server without EDNS is asked again without it
//! (RFC 6891 §7). What is remembered of a server comes from matched replies alone. What the reply means is read
//! elsewhere.
//!
//! Each query has a cookie, another for each server (RFC 7873 §5.1, RFC 9018 §3). A reply that repeats it comes
//! from the server, or from somebody who saw the query. A server that has given one before is not believed in a
//! datagram without it: the wait goes on, then TCP tells whether the cookie was lost or the datagram forged
//! (RFC 7873 §5.3). Without a server's cookie nothing is believed less than without cookies.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::cache::servers::{CookieHabit, EdnsHabit, Known, TcpHabit};
use crate::clock::Moment;
use crate::context::{BoxFuture, Context};
use crate::dns::edns::{Cookie, Edns, EdnsOption};
use crate::dns::encode::encode_query;
use crate::dns::message::{HEADER_LEN, Header, Message, WireError};
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
    /// Nobody who does not see the query can have forged it: it came over a connection, or with our cookie.
    pub(super) proven: bool,
}

/// What goes with a question, from the most to the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Cookie,
    Edns,
    Plain,
}

/// What came of one datagram sent.
enum Udp {
    Reply(Box<Reply>),
    /// The reply is cut off, or longer than a datagram may be.
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
        let mut manner = self.manner();
        let (mut refused, mut cookie_renewed) = (false, false);
        // Ends: the manner becomes less each time, but once for a cookie.
        loop {
            match self.udp(manner).await? {
                Udp::Reply(reply) => {
                    let message = &reply.response.message;
                    if message.header.rcode == Rcode::BADCOOKIE {
                        // RFC 7873 §5.3: once more with the cookie that came, then over TCP.
                        if cookie_renewed || !reply.proven {
                            return self.turn_to_tcp(manner, false).await;
                        }
                        cookie_renewed = true;
                        continue;
                    }
                    if let Some(less) = self.less(manner).filter(|_| is_refused(&reply, manner)) {
                        (manner, refused) = (less, true);
                        continue;
                    }
                    self.remember_habits(manner, &reply, refused);
                    return Ok(Ok(*reply));
                }
                // Anybody may have sent that: the question is asked anew, nothing is remembered.
                Udp::BareError => match self.less(manner) {
                    Some(less) => (manner, refused) = (less, false),
                    None if self.known.cookies == CookieHabit::Given => {
                        return self.turn_to_tcp(manner, true).await;
                    }
                    None => return Ok(Err(ServerFault::Nonsense)),
                },
                Udp::Truncated => return self.turn_to_tcp(manner, false).await,
                Udp::NearMiss => return self.turn_to_tcp(manner, true).await,
                Udp::Fault(fault) => return Ok(Err(fault)),
            }
        }
    }

    /// [`Self::ask_over_tcp_in`], apart: few questions need it, and each would carry its room.
    fn turn_to_tcp(
        &self,
        manner: Manner,
        doubted: bool,
    ) -> BoxFuture<'_, Result<Result<Reply, ServerFault>, Failure>> {
        Box::pin(self.ask_over_tcp_in(manner, doubted))
    }

    fn manner(&self) -> Manner {
        match (self.known.edns, self.known.cookies) {
            (EdnsHabit::Broken, _) => Manner::Plain,
            (_, CookieHabit::Refused) => Manner::Edns,
            _ if !self.parts.settings.send_cookie => Manner::Edns,
            _ => Manner::Cookie,
        }
    }

    /// What to leave out when an error may be because of it: nothing that is known to be understood.
    fn less(&self, manner: Manner) -> Option<Manner> {
        match manner {
            // Else a forged error would lead to a question without it.
            Manner::Cookie if self.known.cookies == CookieHabit::Given => None,
            Manner::Cookie if self.known.cookies == CookieHabit::Unknown => Some(Manner::Edns),
            Manner::Cookie | Manner::Edns if self.known.edns != EdnsHabit::Works => Some(Manner::Plain),
            Manner::Cookie | Manner::Edns | Manner::Plain => None,
        }
    }

    /// Asks over TCP from the start.
    pub(super) async fn ask_over_tcp(&self) -> Result<Result<Reply, ServerFault>, Failure> {
        let now = self.parts.clock.now();
        let known = self.parts.servers.known(self.server, self.zone, now);
        let attempt = Attempt { known, ..*self };
        attempt.ask_over_tcp_in(attempt.manner(), false).await
    }

    async fn udp(&self, manner: Manner) -> Result<Udp, Failure> {
        let expected = self.expected(manner);
        let query = encode(&expected, manner);
        let sent = self.charge()?;
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
                Verdict::Reply(message) => return self.replied(&expected, *message, bytes.len(), sent),
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

    fn replied(
        &self,
        expected: &Expected,
        message: Message,
        len: usize,
        sent: Moment,
    ) -> Result<Udp, Failure> {
        self.charge_received(len)?;
        let now = self.parts.clock.now();
        let took = now.since(sent);
        self.parts.servers.answered(self.server, took, now);
        let given = expected.own_cookie(&message);
        if let Some(cookie) = given {
            self.parts.servers.cookie_given(self.server, cookie, now);
        }
        let proven = given.is_some();
        // More than was asked for came in fragments, and all but the first of them are easily forged.
        if message.header.truncated || len > usize::from(limits::UDP_SIZE) {
            return Ok(Udp::Truncated);
        }
        let response = Response { message, server: self.server, transport: Transport::Udp };
        Ok(Udp::Reply(Box::new(Reply { response, took, proven })))
    }

    /// Asks over TCP, unless that lately led nowhere with this server. One that is not known to speak TCP is tried by
    /// one question; the others wait for what comes of it, or each of them would try (CVE-2023-46317). A second time
    /// without a cookie if it is one that makes the reply malformed. `doubted`: a datagram came that was not believed,
    /// maybe for want of a cookie.
    async fn ask_over_tcp_in(
        &self,
        manner: Manner,
        doubted: bool,
    ) -> Result<Result<Reply, ServerFault>, Failure> {
        let habit = || self.parts.servers.tcp(self.server, self.zone, self.parts.clock.now());
        let began = self.parts.clock.now();
        let trial = self.trials.join((self.server, self.zone.clone()));
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
        let mut said = self.tcp(manner, doubted).await?;
        if manner == Manner::Cookie && self.may_mean_the_cookie(&said) {
            said = self.tcp(Manner::Edns, doubted).await?;
            if said.as_ref().is_ok_and(is_good) {
                self.parts.servers.cookie_refused(self.server, self.parts.clock.now());
            }
        }
        drop(turn);
        Ok(said)
    }

    /// Whether what was said over TCP to a question with a cookie may be because of it: its own is malformed, or there
    /// is an error without one.
    fn may_mean_the_cookie(&self, said: &Result<Reply, ServerFault>) -> bool {
        match said {
            Ok(Reply { response, .. }) => {
                let errs =
                    matches!(response.message.header.rcode, Rcode::FORMERR | Rcode::NOTIMP | Rcode::BADVERS);
                errs && response.message.edns.as_ref().and_then(Edns::cookie).is_none()
            }
            Err(ServerFault::Nonsense) => {
                let known = self.parts.servers.known(self.server, self.zone, self.parts.clock.now());
                known.cookies == CookieHabit::Refused
            }
            Err(_) => false,
        }
    }

    async fn tcp(&self, manner: Manner, doubted: bool) -> Result<Result<Reply, ServerFault>, Failure> {
        self.context.budget.spend(Limit::TcpFallbacks, 1)?;
        let expected = self.expected(manner);
        let query = encode(&expected, manner);
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
                    self.parts.servers.tcp_tried(self.server, self.zone, false, now);
                }
                return Ok(Err(self.faulted(ServerFault::Truncated, sent, Transport::Tcp)));
            }
        };
        self.charge_received(bytes.len())?;
        let now = self.parts.clock.now();
        let message = match expected.judge_connected(&bytes) {
            Ok(message) => message,
            // What cannot be read, such as an RRset beyond all bounds, is the fault of a name and tells nothing of TCP.
            Err(verdict) => {
                if verdict == Verdict::NearMiss(COOKIE_MALFORMED) {
                    self.parts.servers.cookie_refused(self.server, now);
                }
                return Ok(Err(self.faulted(ServerFault::Nonsense, sent, Transport::Tcp)));
            }
        };
        self.parts.servers.answered_connected(self.server, now);
        self.parts.servers.tcp_tried(self.server, self.zone, !message.header.truncated, now);
        self.remember_cookie_connected(&expected, &message, doubted, now);
        if expected.exact_case {
            self.parts.servers.case(self.server, !expected.is_repeated_by(&bytes), now);
        }
        if message.header.truncated {
            return Ok(Err(self.faulted(ServerFault::Truncated, sent, Transport::Tcp)));
        }
        let response = Response { message, server: self.server, transport: Transport::Tcp };
        Ok(Ok(Reply { response, took: now.since(sent), proven: true }))
    }

    /// What the reply has to repeat.
    fn expected(&self, manner: Manner) -> Expected {
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
        let (cookie, cookie_due) = (manner == Manner::Cookie)
            .then(|| self.parts.servers.cookie(self.server, self.parts.clock.now(), || entropy.u64()))
            .flatten()
            .map_or((None, false), |(cookie, due)| (Some(cookie), due));
        let question = Question { name, ..self.question.clone() };
        Expected { id: entropy.u16(), question, exact_case, cookie, cookie_due }
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
            ExchangeError::NoRoute => self.parts.servers.no_route(self.server, sent, now),
            ExchangeError::Refused | ExchangeError::Closed => {
                self.parts.servers.silent(self.server, sent, now);
            }
            // This host's trouble, not the server's.
            ExchangeError::PortTaken | ExchangeError::Exhausted | ExchangeError::Timeout => {}
        }
        self.faulted(ServerFault::Unreachable, sent, transport)
    }

    /// Remembers what a matched reply showed about EDNS and cookies. That one of them does not work takes two: the
    /// error with it (`refused`), and this reply without it.
    fn remember_habits(&self, manner: Manner, reply: &Reply, refused: bool) {
        let (servers, now) = (&self.parts.servers, self.parts.clock.now());
        let message = &reply.response.message;
        let good = is_good(reply);
        // What was known already need not be said again with every reply.
        if message.edns.is_some() && self.known.edns != EdnsHabit::Works {
            servers.edns(self.server, EdnsHabit::Works, now);
        }
        let unknown = self.known.cookies == CookieHabit::Unknown;
        match manner {
            Manner::Cookie if good && !reply.proven && message.edns.is_some() && unknown => {
                servers.cookie_ignored(self.server, now);
            }
            Manner::Edns if good && refused => servers.cookie_refused(self.server, now),
            Manner::Plain if good && refused && message.edns.is_none() => {
                servers.edns(self.server, EdnsHabit::Broken, now);
            }
            Manner::Cookie | Manner::Edns | Manner::Plain => {}
        }
    }

    /// Remembers what a reply over TCP showed about cookies. Nobody can forge it blindly, so that a server that has
    /// lost its cookies is found out here. Not by an error, which may be one for want of reading so far, nor where its
    /// datagrams have them: any client can have it asked over TCP.
    fn remember_cookie_connected(&self, expected: &Expected, message: &Message, doubted: bool, now: Moment) {
        let Some(sent) = &expected.cookie else { return };
        match message.edns.as_ref().and_then(Edns::cookie) {
            Some(cookie) if cookie.client == sent.client => {
                self.parts.servers.cookie_given_connected(self.server, cookie, now);
            }
            Some(_) => self.parts.servers.cookie_refused(self.server, now),
            None if doubted && matches!(message.header.rcode, Rcode::NOERROR | Rcode::NXDOMAIN) => {
                self.parts.servers.cookie_lost(self.server, now);
            }
            None => {}
        }
    }
}

fn encode(expected: &Expected, manner: Manner) -> Vec<u8> {
    let edns = (manner != Manner::Plain).then(|| {
        let edns = Edns::new(limits::UDP_SIZE, true);
        match &expected.cookie {
            Some(cookie) => edns.with(EdnsOption::Cookie(cookie.clone())),
            None => edns,
        }
    });
    encode_query(expected.id, &expected.question, false, false, edns.as_ref())
}

fn is_good(reply: &Reply) -> bool {
    matches!(reply.response.message.header.rcode, Rcode::NOERROR | Rcode::NXDOMAIN)
}

/// Whether a server refuses what goes with the question: EDNS (RFC 6891 §7), or the cookie, which it should pass
/// over if it does not know it (§6.1.2). One that adds an OPT record to its error does not mean EDNS, but for BADVERS:
/// there is no lower version to offer than 0. One that gives the cookie back does not mean the cookie.
fn is_refused(reply: &Reply, manner: Manner) -> bool {
    let message = &reply.response.message;
    match message.header.rcode {
        Rcode::FORMERR | Rcode::NOTIMP => match manner {
            Manner::Cookie => !reply.proven,
            Manner::Edns | Manner::Plain => message.edns.is_none(),
        },
        Rcode::BADVERS => !reply.proven,
        _ => false,
    }
}

/// What a reply has to repeat of its query (RFC 5452 §9.1). Source address and port are the socket's business.
#[derive(Debug, Clone)]
struct Expected {
    id: u16,
    question: Question,
    exact_case: bool,
    /// The cookie of the query.
    cookie: Option<Cookie>,
    /// The server gives cookies: without one it is not its reply.
    cookie_due: bool,
}

const COOKIE_MALFORMED: &str = "its cookie is malformed";

/// What a datagram is.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Reply(Box<Message>),
    /// The right id and an error code that a server without EDNS gives, and nothing else.
    BareError,
    /// The right id and another question, or the right question and not the cookie.
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
        let Some((message, cookie_malformed)) = read(&self.in_lower_case(bytes), &header) else {
            return Verdict::Unreadable("it cannot be read");
        };
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
        if self.exact_case && !self.is_repeated_by(bytes) {
            return Verdict::NearMiss("its question has another letter case");
        }
        if cookie_malformed {
            return Verdict::NearMiss(COOKIE_MALFORMED);
        }
        self.judge_cookie(&message).unwrap_or_else(|| Verdict::Reply(Box::new(message)))
    }

    /// Whether the name that was asked for stands in the message to the letter.
    fn is_repeated_by(&self, bytes: &[u8]) -> bool {
        bytes.get(HEADER_LEN..).is_some_and(|rest| rest.starts_with(self.question.name.as_wire()))
    }

    /// The message with the name that was asked for in lower case. Compressed names end there, targets of aliases among
    /// them: they would go on, to clients and into the cache, with the letter case that was drawn for this one query.
    fn in_lower_case(&self, bytes: &[u8]) -> Vec<u8> {
        let (mut bytes, name) = (bytes.to_vec(), self.question.name.as_wire());
        let asked = bytes.get_mut(HEADER_LEN..HEADER_LEN + name.len());
        if let Some(asked) = asked.filter(|asked| asked.eq_ignore_ascii_case(name)) {
            // The lengths of labels are no letters: they are below 64.
            asked.make_ascii_lowercase();
        }
        bytes
    }

    /// RFC 7873 §5.3. A truncated reply may end before its cookie, and says nothing but that TCP is to be used.
    fn judge_cookie(&self, message: &Message) -> Option<Verdict> {
        let sent = self.cookie.as_ref()?;
        match message.edns.as_ref().and_then(Edns::cookie) {
            Some(cookie) if cookie.client == sent.client => None,
            Some(_) => Some(Verdict::NearMiss("it has another cookie")),
            None if self.cookie_due && !message.header.truncated => {
                Some(Verdict::NearMiss("it has no cookie, and its server gives one"))
            }
            None => None,
        }
    }

    /// The reply's cookie, if it is a reply to ours.
    fn own_cookie<'a>(&self, message: &'a Message) -> Option<&'a Cookie> {
        let sent = self.cookie.as_ref()?;
        message.edns.as_ref()?.cookie().filter(|cookie| cookie.client == sent.client)
    }

    /// The same for a connection, which nobody can forge blindly: the letter case and the cookie may differ.
    fn judge_connected(&self, bytes: &[u8]) -> Result<Message, Verdict> {
        match (Self { exact_case: false, cookie: None, ..self.clone() }).judge(bytes) {
            Verdict::Reply(message) => Ok(*message),
            verdict => Err(verdict),
        }
    }
}

/// Reads a message, and whether its cookie is malformed. Of such a one, and of a truncated one that ends within a
/// record, header and question are enough.
fn read(bytes: &[u8], header: &Header) -> Option<(Message, bool)> {
    let head = || {
        let mut head = bytes.to_vec();
        head.get_mut(6..HEADER_LEN)?.fill(0);
        Message::parse(&head).ok()
    };
    match Message::parse(bytes) {
        Ok(message) => Some((message, false)),
        Err(_) if header.truncated => Some((head()?, false)),
        Err(WireError::Cookie) => Some((head()?, true)),
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
        let question = question("wWw.eXample.", RecordType::A);
        Expected { id: 7, question, exact_case: true, cookie: None, cookie_due: false }
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
            expected().judge_connected(&message(|m| m.question = Some(question.clone()))).is_ok()
        };
        assert!(same("www.example.") && same("wWw.eXample.") && !same("ww.example."));
    }
}
