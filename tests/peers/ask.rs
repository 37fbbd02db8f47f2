//! Asks with `dig`, many questions in one run, and reads what it prints.

use std::fmt::Write as _;
use std::path::Path;

use crate::process::hear;
use crate::resolver::UNBOUND;

/// How a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// No EDNS, neither AD nor CD.
    Plain,
    /// No EDNS; AD set: "tell me whether it is authentic" (RFC 6840 §5.7).
    Ad,
    /// EDNS with DO.
    Do,
    /// EDNS with DO, and CD.
    DoCd,
}

impl Manner {
    pub(crate) const ALL: [Self; 4] = [Self::Plain, Self::Ad, Self::Do, Self::DoCd];

    /// Each manner asks from an address of its own: the kernel may give two dig processes that ask from the same
    /// address the same port, and then one gets the other's replies.
    fn source(self) -> &'static str {
        match self {
            Self::Plain => "127.0.1.1",
            Self::Ad => "127.0.1.2",
            Self::Do => "127.0.1.3",
            Self::DoCd => "127.0.1.4",
        }
    }

    fn options(self) -> &'static str {
        match self {
            Self::Plain => "+noedns +noadflag",
            Self::Ad => "+noedns +adflag",
            Self::Do => "+dnssec +noadflag",
            Self::DoCd => "+dnssec +noadflag +cdflag",
        }
    }
}

/// One record, its owner and data in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    pub(crate) owner: String,
    pub(crate) rtype: String,
    pub(crate) rdata: String,
    pub(crate) ttl_secs: u32,
}

/// One reply.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) flags: Vec<String>,
    pub(crate) records: Vec<Record>,
    pub(crate) authority: Vec<Record>,
    /// Extended errors (RFC 8914).
    pub(crate) errors: Vec<u16>,
}

impl Answer {
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|have| have == flag)
    }
}

/// Asks all questions in this manner; `None` where there was no reply.
pub(crate) fn all(
    folder: &Path,
    address: &str,
    manner: Manner,
    questions: &[(String, &str)],
) -> Vec<Option<Answer>> {
    let mut batch = String::new();
    for (name, rtype) in questions {
        writeln!(batch, "{name} {rtype} {}", manner.options()).expect("text");
    }
    let file = format!("questions-{address}-{manner:?}");
    std::fs::write(folder.join(&file), batch).expect("a file of questions");
    let server = format!("@{address}");
    // Unbound now and then waits longer than any client for a server that does not exist; Rootwalk has one try.
    let tries = if address == UNBOUND { "+tries=3" } else { "+tries=1" };
    let arguments = [&server, "-b", manner.source(), "+time=10", tries, "+nosplit", "+nostats", "-f", &file];
    let text = hear(folder, "dig", &arguments);
    let answers = read(&text);
    assert_eq!(answers.len(), questions.len(), "dig left out a question:\n{text}");
    answers
}

/// Asks one question.
pub(crate) fn once(folder: &Path, address: &str, words: &[&str]) -> Option<Answer> {
    let server = format!("@{address}");
    let mut arguments = vec![server.as_str(), "+tries=1", "+nosplit", "+nostats"];
    arguments.extend_from_slice(words);
    read(&hear(folder, "dig", &arguments)).pop().flatten()
}

/// Splits the output at dig's banners.
fn read(text: &str) -> Vec<Option<Answer>> {
    text.split("; <<>> DiG").skip(1).map(read_one).collect()
}

fn read_one(text: &str) -> Option<Answer> {
    let mut answer = Answer::default();
    let mut section = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix(";; ->>HEADER<<- ") {
            // A truncated reply precedes the one over TCP: the last header counts.
            answer = Answer { status: between(rest, "status: ", ",").to_owned(), ..Answer::default() };
        } else if let Some(rest) = line.strip_prefix(";; flags: ") {
            answer.flags = between(rest, "", ";").split_whitespace().map(str::to_owned).collect();
        } else if let Some(rest) = line.strip_prefix("; EDE: ") {
            answer.errors.extend(rest.split(' ').next().and_then(|code| code.parse::<u16>().ok()));
        } else if let Some(rest) = line.strip_prefix(";; ") {
            section = rest.strip_suffix(" SECTION:").unwrap_or(section);
        } else if !line.starts_with(';') && !line.is_empty() {
            match section {
                "ANSWER" => answer.records.extend(record(line)),
                "AUTHORITY" => answer.authority.extend(record(line)),
                _ => {}
            }
        }
    }
    (!answer.status.is_empty()).then_some(answer)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let start = text.find(before).map_or(0, |at| at + before.len());
    let rest = text.get(start..).unwrap_or_default();
    rest.split(after).next().unwrap_or_default()
}

fn record(line: &str) -> Option<Record> {
    let mut words = line.split_whitespace();
    let owner = words.next()?.to_ascii_lowercase();
    let ttl_secs = words.next()?.parse().ok()?;
    words.next()?;
    let rtype = words.next()?.to_owned();
    let rdata = words.collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    Some(Record { owner, rtype, rdata, ttl_secs })
}
