//! Asks the servers of one zone cut until one of them says something of use.
//!
//! In: a cut, a question, and what makes a response useful. Out: the useful part of a response, or why there is
//! none. Each address is asked once before one is asked again. Name servers without glue are looked up, one at
//! a time, when no good address is left, and the child's own name servers when all of the parent's have failed;
//! a resolver's answer from its cache is taken when nobody has a better one. All of it draws on the question's
//! budget, and the number of queries at one cut is bounded besides. A zone that does not answer is asked no more than
//! `crowds` allows, all questions together.

use std::net::IpAddr;
use std::sync::Arc;

use crate::cache::delegations::CachedCut;
use crate::cache::servers::Standing;
use crate::cache::uplink::{Admission, Uplink};
use crate::context::Context;
use crate::dns::response::{Response, ResponseKind};
use crate::dns::{Name, Question};
use crate::event::Event;
use crate::failure::{Failure, ServerFault};
use crate::limits::{self, Limit};

use super::Lookup;
use super::attempt::{Attempt, Reply};
use super::crowds::{Crowds, Refused, Stay};
use super::flights::TcpTrials;
use super::resolver::Parts;
use super::select::{self, Candidate};
use super::targets::Targets;

/// What a response is good for.
pub(super) struct Read<T> {
    pub(super) kind: ResponseKind,
    pub(super) said: Result<T, ServerFault>,
    /// Said by a resolver from its cache.
    pub(super) spare: Option<T>,
    /// To be believed only if nobody can have forged it blindly.
    pub(super) wants_tcp: bool,
}

/// How hard a question is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// Until nobody is left to ask.
    Full,
    /// A short question (RFC 9156): an error ends it, a silence or two does not.
    Short,
}

/// Where questions meet that are asked at the same time.
#[derive(Debug, Default)]
pub(super) struct Meetings {
    /// Of one zone.
    crowds: Crowds,
    /// Of one server, over TCP.
    pub(super) trials: TcpTrials,
}

/// A cut whose servers are asked for one client question.
pub(super) struct AtCut<'a> {
    parts: &'a Parts,
    meetings: &'a Meetings,
    lookup: Option<&'a dyn Lookup>,
    context: &'a Context,
    /// The question that the walk is for: an ancestor of the lookups done here.
    ancestor: &'a Question,
    pub(super) cut: Arc<CachedCut>,
    stay: Stay<'a>,
    targets: Targets,
    last: Option<(IpAddr, ServerFault)>,
    /// Who gave the last useful response.
    pub(super) told_by: Option<IpAddr>,
    /// A name server could not be found because that takes the answer to the question at hand.
    circle: bool,
    /// A short question met with silence: whom it was asked in vain is not asked as often any more.
    silence_counts: bool,
}

impl<'a> AtCut<'a> {
    pub(super) fn new(
        parts: &'a Parts,
        meetings: &'a Meetings,
        lookup: Option<&'a dyn Lookup>,
        context: &'a Context,
        ancestor: &'a Question,
        cut: Arc<CachedCut>,
    ) -> Self {
        let targets = Targets::of(&cut, &parts.settings, &context.avoid, &parts.entropy);
        let stay = meetings.crowds.join(cut.zone(), &parts.clock, parts.servers.uplink());
        Self {
            parts,
            meetings,
            lookup,
            context,
            ancestor,
            cut,
            stay,
            targets,
            last: None,
            told_by: None,
            circle: false,
            silence_counts: false,
        }
    }

    /// The same walk at another cut.
    pub(super) fn moved_to(&self, cut: Arc<CachedCut>) -> Self {
        Self::new(self.parts, self.meetings, self.lookup, self.context, self.ancestor, cut)
    }

    pub(super) fn zone(&self) -> &Name {
        self.cut.zone()
    }

    /// Whether a server here was asked in vain.
    pub(super) fn has_failed(&self) -> bool {
        self.last.is_some()
    }

    /// Asks `asked` until `read` finds a response useful.
    pub(super) async fn ask<T>(
        &mut self,
        asked: &Question,
        effort: Effort,
        read: impl Fn(&Response) -> Read<T>,
    ) -> Result<T, Failure> {
        if !self.silence_counts {
            self.targets.start_over();
        }
        let mut spare = None;
        let tries =
            if effort == Effort::Short { limits::SHORT_TRIES_MAX } else { limits::ATTEMPTS_PER_CUT_MAX };
        for sent in 0..tries {
            let Some(chosen) = self.next().await? else { break };
            let turn = match self.stay.turn(asked.rtype, self.context.budget.deadline()).await {
                Ok(turn) => turn,
                // Who has asked itself knows what it knows.
                Err(Refused::Silent) if self.last.is_some() => break,
                // That says nothing about the name, nor the other about the zone.
                Err(Refused::Silent) => {
                    return Err(Failure::Busy("enough others find out whether a zone answers"));
                }
                Err(Refused::Crowded) => return Err(Failure::Busy("too many questions wait for one zone")),
            };
            let address = chosen.address;
            let (said, last_resort) = match self.admit(address)? {
                Admission::Send => self.try_while_reached(&chosen, asked, effort, &read).await?,
                Admission::PassOver => (Err(ServerFault::Unreachable), None),
            };
            let transient = matches!(said, Err(ServerFault::Timeout | ServerFault::Unreachable));
            if transient {
                turn.unanswered();
            } else {
                turn.answered();
            }
            match said {
                Ok(useful) => {
                    self.told_by = Some(address);
                    return Ok(useful);
                }
                Err(fault) => {
                    spare = spare.or(last_resort);
                    self.last = Some((address, fault));
                    let hopeless = self.uplink().was_lost(address.is_ipv6(), self.parts.clock.now());
                    self.targets.asked(address, !transient || hopeless);
                    self.silence_counts = transient && effort == Effort::Short;
                    if effort == Effort::Short && !transient {
                        break;
                    }
                }
            }
            if sent + 1 >= limits::REPEATS_PER_CUT_MAX {
                self.targets.no_repeats();
            }
        }
        // Better than nothing, and proven like everything else where the zone is signed.
        spare.filter(|_| effort == Effort::Full).ok_or_else(|| self.failure())
    }

    fn uplink(&self) -> &Uplink {
        self.parts.servers.uplink()
    }

    /// Whether one more packet may be sent, as far as this host reaches anybody.
    fn admit(&self, server: IpAddr) -> Result<Admission, Failure> {
        self.uplink().admit(server, self.context.budget.spent(Limit::Packets), self.parts.clock.now())
    }

    /// [`Self::try_one`], until it turns out that nobody is reached. What is sent to find that out has its time.
    async fn try_while_reached<T>(
        &self,
        chosen: &Candidate,
        asked: &Question,
        effort: Effort,
        read: &impl Fn(&Response) -> Read<T>,
    ) -> Result<(Result<T, ServerFault>, Option<T>), Failure> {
        let (mut work, uplink) = (std::pin::pin!(self.try_one(chosen, asked, effort, read)), self.uplink());
        if uplink.is_offline() {
            return work.await;
        }
        tokio::select! {
            biased;
            done = &mut work => done,
            () = uplink.lost() => Err(self.failure()),
        }
    }

    /// Asks one address, and once more over TCP if the response calls for it and came without our cookie.
    async fn try_one<T>(
        &self,
        chosen: &Candidate,
        asked: &Question,
        effort: Effort,
        read: &impl Fn(&Response) -> Read<T>,
    ) -> Result<(Result<T, ServerFault>, Option<T>), Failure> {
        let zone = self.cut.zone();
        let attempt = Attempt {
            parts: self.parts,
            trials: &self.meetings.trials,
            context: self.context,
            question: asked,
            zone,
            server: chosen.address,
            known: chosen.known,
        };
        let mut reply = match attempt.ask().await? {
            Ok(reply) => reply,
            Err(fault) => return Ok((Err(fault), None)),
        };
        let mut found = read(&reply.response);
        // Of a short question's answer only the kind is used.
        if found.wants_tcp && !reply.proven && effort == Effort::Full {
            // A link of a chain that takes two packets and a handshake counts as three.
            self.context.budget.spend(Limit::Restarts, 2)?;
            reply = match Box::pin(attempt.ask_over_tcp()).await? {
                Ok(reply) => reply,
                Err(fault) => return Ok((Err(fault), None)),
            };
            found = read(&reply.response);
        }
        // What a server says to a short question may be its way with such questions.
        if found.kind == ResponseKind::Lame && effort == Effort::Full {
            self.parts.servers.lame(chosen.address, zone, self.parts.clock.now());
        } else if chosen.known.lame && found.said.is_ok() {
            self.parts.servers.serves(chosen.address, zone, self.parts.clock.now());
        }
        self.tell(&reply, asked, &found);
        Ok((found.said, found.spare))
    }

    fn tell<T>(&self, reply: &Reply, asked: &Question, found: &Read<T>) {
        let server = std::net::SocketAddr::new(reply.response.server, self.parts.settings.upstream_port);
        let (question, zone) = (asked, self.cut.zone());
        let (transport, took) = (reply.response.transport, reply.took);
        self.context.tell(&match &found.said {
            Ok(_) => Event::Received { question, zone, server, transport, kind: found.kind, took },
            Err(fault) => Event::Faulted { question, zone, server, transport, fault: *fault, took },
        });
    }

    /// The address to ask next. Looks for more of them when there is no good one left.
    async fn next(&mut self) -> Result<Option<Candidate>, Failure> {
        // Ends: each turn looks up another name server, and those are few.
        loop {
            let choice = self.choose();
            if let Some((candidate, true)) = choice {
                return Ok(Some(candidate));
            }
            if !Box::pin(self.look_up_next(choice.is_none())).await? {
                return Ok(choice.map(|(candidate, _)| candidate));
            }
        }
    }

    /// Chooses among the addresses known; also says whether it is a good choice.
    fn choose(&self) -> Option<(Candidate, bool)> {
        let (servers, now) = (&self.parts.servers, self.parts.clock.now());
        let (uplink, worse) = (self.uplink(), [self.is_worse(false), self.is_worse(true)]);
        let is_worse = |address: IpAddr| if address.is_ipv6() { worse[1] } else { worse[0] };
        let mut candidates: Vec<Candidate> = self
            .targets
            .open()
            .map(|target| Candidate {
                address: target.address,
                tried: target.tried,
                known: servers.known(target.address, self.cut.zone(), now),
                family_is_dead: is_worse(target.address)
                    && !uplink.trial_is_due(target.address.is_ipv6(), now),
            })
            .collect();
        // Ends: each turn marks another candidate as silent, or a family as dead.
        loop {
            let choice = select::choose(&candidates, |bound| self.parts.entropy.below(bound))?;
            let chosen = candidates.get_mut(choice.index)?;
            let ipv6 = chosen.address.is_ipv6();
            if is_worse(chosen.address) && !chosen.family_is_dead && !uplink.take_trial(ipv6, now) {
                let same = candidates.iter_mut().filter(|one| one.address.is_ipv6() == ipv6);
                same.for_each(|one| one.family_is_dead = true);
                continue;
            }
            let probe = choice.good && chosen.known.standing == Standing::ProbeDue;
            if !probe || servers.take_probe(chosen.address, now) {
                return Some((*chosen, choice.good));
            }
            chosen.known.standing = Standing::Silent;
        }
    }

    /// Whether a family is there that is better than this one.
    fn is_worse(&self, ipv6: bool) -> bool {
        let settings = &self.parts.settings;
        let other = if ipv6 { settings.ipv4 } else { settings.ipv6 };
        other && self.uplink().standing(ipv6) > self.uplink().standing(!ipv6)
    }

    /// Looks up another name server's addresses. False if there is none to look up.
    async fn look_up_next(&mut self, all_failed: bool) -> Result<bool, Failure> {
        let Some(lookup) = self.lookup else { return Ok(false) };
        let Some(name) = self.targets.next_name(all_failed) else { return Ok(false) };
        self.context.budget.check_time(self.parts.clock.now())?;
        let found = self.addresses(lookup, &name).await?;
        if found.is_empty() {
            self.context.budget.spend(Limit::ServerLookupFailures, 1)?;
        }
        self.targets.add(&found, &self.parts.settings, &self.context.avoid);
        Ok(true)
    }

    /// The addresses of a name server: those of the family that works better, and only if there are none those
    /// of the other. Both at once would double what a hostile delegation costs.
    async fn addresses(&mut self, lookup: &dyn Lookup, name: &Name) -> Result<Vec<IpAddr>, Failure> {
        let settings = &self.parts.settings;
        let prefer_ipv6 = settings.ipv6 && (!settings.ipv4 || self.is_worse(false));
        for ipv6 in [prefer_ipv6, !prefer_ipv6] {
            if if ipv6 { !settings.ipv6 } else { !settings.ipv4 } {
                continue;
            }
            // Too deep below the client's question: the same as not found.
            let Ok(below) = self.context.below(self.ancestor) else { break };
            self.context.budget.spend(Limit::ServerLookups, 1)?;
            match lookup.addresses(name, ipv6, &below).await {
                Ok(found) if found.is_empty() => {}
                Ok(found) => return Ok(found),
                // The budget is the client question's own: what ends it below ends it here.
                Err(Failure::Limit(limit)) => return Err(Failure::Limit(limit)),
                Err(failure @ (Failure::ShuttingDown | Failure::Offline { .. })) => return Err(failure),
                // What cannot be found in one family will hardly be found in the other.
                Err(failure) => {
                    self.circle |= matches!(failure.root_cause(), Failure::Cycle(_));
                    break;
                }
            }
        }
        Ok(Vec::new())
    }

    fn failure(&self) -> Failure {
        let zone = self.zone().clone();
        let nobody = self.targets.is_empty() && self.context.avoid.is_empty();
        if let Some(offline) = self.uplink().failure(self.parts.clock.now()) {
            offline
        } else if self.targets.depends_on_itself() || self.circle && nobody {
            Failure::Cycle(zone)
        } else if nobody {
            Failure::NoAddress(zone)
        } else {
            let avoided = || self.context.avoid.last().map(|address| (*address, ServerFault::Bogus));
            Failure::NoServer { zone, last: self.last.or_else(avoided) }
        }
    }
}
