//! An `.rpl` file: what it says, nothing of what it means.
//!
//! In: the text, in Unbound's dialect or Deckard's. Out: the lines of the head; the ranges of server answers and
//! the steps. Whatever is not understood is an error with its line.

use std::net::IpAddr;

use rootwalk::dns::{Class, Name, Rcode, RecordType};

use crate::records::{Record, hex, name};

pub(crate) struct Scenario {
    pub(crate) ranges: Vec<Range>,
    pub(crate) steps: Vec<Step>,
}

/// Answers of some servers, during some steps.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// Empty: any server.
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) number: u32,
    pub(crate) action: Action,
}

#[derive(Debug)]
pub(crate) enum Action {
    /// From an address, if the scenario says one.
    Query(Box<Entry>, Option<IpAddr>),
    CheckAnswer(Box<Entry>),
    Reply(Box<Entry>),
    CheckOutQuery(Box<Entry>),
    /// Milliseconds.
    TimePasses(u64),
    /// What is under way goes on.
    Nothing,
    /// What is under way comes to its end.
    Traffic,
}

/// One message: a question, an answer, or what they are compared with.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) line: usize,
    pub(crate) matches: Vec<String>,
    pub(crate) copy_query: bool,
    /// QR, AA, TC, RD, RA, AD, CD, DO.
    pub(crate) flags: Vec<String>,
    pub(crate) rcode: Option<Rcode>,
    pub(crate) question: Option<(Name, RecordType, Class)>,
    pub(crate) answer: Vec<Record>,
    pub(crate) authority: Vec<Record>,
    pub(crate) additional: Vec<Record>,
    /// The options of the OPT record.
    pub(crate) options: Vec<u8>,
    /// The whole message as octets.
    pub(crate) raw: Option<Vec<u8>>,
}

impl Entry {
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|one| one == flag)
    }

    pub(crate) fn matches(&self, word: &str) -> bool {
        self.matches.iter().any(|one| one == word)
    }

    /// The INFO-CODE the answer must have.
    pub(crate) fn ede(&self) -> Option<u16> {
        self.matches.iter().find_map(|word| word.strip_prefix("ede=")?.parse().ok())
    }
}

/// The lines of the head, as they are: its comments have more than one sign.
pub(crate) fn head(text: &str) -> Vec<String> {
    text.lines().take_while(|line| line.trim() != "CONFIG_END").map(str::to_owned).collect()
}

pub(crate) fn parse(text: &str) -> Result<Scenario, String> {
    let mut lines = Lines { lines: text.lines().collect(), at: 0 };
    let outcome = scenario(&mut lines);
    outcome.map_err(|what| format!("line {}: {what}", lines.at))
}

/// The lines, with comments and outer blanks taken away.
struct Lines<'a> {
    lines: Vec<&'a str>,
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a str, String> {
        while let Some(line) = self.lines.get(self.at) {
            self.at += 1;
            let line = uncommented(line, &[';']);
            if !line.is_empty() {
                return Ok(line);
            }
        }
        Err("the file ends early".to_owned())
    }
}

/// The line up to a comment outside of quotes.
pub(crate) fn uncommented<'a>(line: &'a str, signs: &[char]) -> &'a str {
    let mut quoted = false;
    let end = line.char_indices().find(|(_, letter)| {
        quoted ^= *letter == '"';
        !quoted && signs.contains(letter)
    });
    line[..end.map_or(line.len(), |(at, _)| at)].trim()
}

fn scenario(lines: &mut Lines<'_>) -> Result<Scenario, String> {
    while lines.next()? != "CONFIG_END" {}
    if !lines.next()?.starts_with("SCENARIO_BEGIN") {
        return Err("SCENARIO_BEGIN is missing".to_owned());
    }
    let (mut ranges, mut steps) = (Vec::new(), Vec::new());
    loop {
        let line = lines.next()?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["SCENARIO_END"] => break,
            ["RANGE_BEGIN", first, last, addresses @ ..] => {
                let mut range = Range {
                    first: number(first)?,
                    last: number(last)?,
                    addresses: Vec::new(),
                    entries: Vec::new(),
                };
                for address in addresses {
                    range.addresses.push(number(address)?);
                }
                rest_of_range(lines, &mut range)?;
                ranges.push(range);
            }
            ["STEP", number_word, action @ ..] => {
                steps.push(Step { number: number(number_word)?, action: self::action(lines, action)? });
            }
            _ => return Err(format!("'{line}' is neither a range nor a step")),
        }
    }
    if steps.iter().any(|step| matches!(step.action, Action::CheckAnswer(_))) {
        Ok(Scenario { ranges, steps })
    } else {
        Err("nothing is ever checked".to_owned())
    }
}

fn rest_of_range(lines: &mut Lines<'_>, range: &mut Range) -> Result<(), String> {
    loop {
        let line = lines.next()?;
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["RANGE_END"] => return Ok(()),
            ["ADDRESS", address] => range.addresses.push(number(address)?),
            ["ENTRY_BEGIN"] => range.entries.push(entry(lines)?),
            _ => return Err(format!("'{line}' in a range")),
        }
    }
}

fn action(lines: &mut Lines<'_>, words: &[&str]) -> Result<Action, String> {
    Ok(match words {
        ["QUERY"] => Action::Query(Box::new(whole_entry(lines)?), None),
        ["QUERY", "ADDRESS", address] => Action::Query(Box::new(whole_entry(lines)?), Some(number(address)?)),
        ["CHECK_ANSWER"] => Action::CheckAnswer(Box::new(whole_entry(lines)?)),
        ["REPLY"] => Action::Reply(Box::new(whole_entry(lines)?)),
        ["CHECK_OUT_QUERY"] => Action::CheckOutQuery(Box::new(whole_entry(lines)?)),
        ["TIME_PASSES", "ELAPSE", seconds] => {
            let duration = std::time::Duration::try_from_secs_f64(number(seconds)?);
            let millis = duration.map_err(|error| error.to_string())?.as_millis();
            Action::TimePasses(u64::try_from(millis).map_err(|error| error.to_string())?)
        }
        ["NOTHING"] => Action::Nothing,
        ["TRAFFIC"] => Action::Traffic,
        _ => return Err(format!("an unknown step {words:?}")),
    })
}

fn whole_entry(lines: &mut Lines<'_>) -> Result<Entry, String> {
    match lines.next()? {
        "ENTRY_BEGIN" => entry(lines),
        line => Err(format!("'{line}' where an entry begins")),
    }
}

/// Words that MATCH knows. What `compare` and `network` make of them is written there.
const MATCHES: [&str; 17] = [
    "opcode",
    "qtype",
    "qname",
    "subdomain",
    "question",
    "all",
    "ttl",
    "flags",
    "rcode",
    "answer",
    "authority",
    "additional",
    "TCP",
    "UDP",
    "edns",
    "DO",
    "noedns",
];

fn entry(lines: &mut Lines<'_>) -> Result<Entry, String> {
    let mut entry = Entry { line: lines.at, ..Entry::default() };
    let mut section = "";
    loop {
        let line = lines.next()?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["ENTRY_END"] => return Ok(entry),
            ["MATCH", rest @ ..] => {
                for word in rest {
                    let code = word.strip_prefix("ede=").map(str::parse::<u16>);
                    if !MATCHES.contains(word) && !matches!(code, Some(Ok(_))) {
                        return Err(format!("MATCH knows no '{word}'"));
                    }
                    entry.matches.push((*word).to_owned());
                }
            }
            ["ADJUST", rest @ ..] => {
                for word in rest {
                    match *word {
                        "copy_id" => {}
                        "copy_query" => entry.copy_query = true,
                        _ => return Err(format!("ADJUST knows no '{word}'")),
                    }
                }
            }
            ["REPLY", rest @ ..] => {
                for word in rest {
                    match Rcode::named(word) {
                        Some(rcode) => entry.rcode = Some(rcode),
                        None if ["QR", "AA", "TC", "RD", "RA", "AD", "CD", "DO"].contains(word) => {
                            entry.flags.push((*word).to_owned());
                        }
                        None => return Err(format!("REPLY knows no '{word}'")),
                    }
                }
            }
            ["SECTION", word] => section = word,
            ["HEX_ANSWER_BEGIN"] => entry.raw = Some(octets(lines, "HEX_ANSWER_END")?),
            ["HEX_EDNSDATA_BEGIN"] => entry.options = octets(lines, "HEX_EDNSDATA_END")?,
            _ if section == "QUESTION" => question(&mut entry, line)?,
            _ => in_section(&mut entry, section, &unfolded(lines, line)?)?,
        }
    }
}

fn question(entry: &mut Entry, line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (owner, class, rtype) = match words.as_slice() {
        [owner, class, rtype] => (owner, class.parse().map_err(|_| "no class")?, rtype),
        [owner, rtype] => (owner, Class::IN, rtype),
        _ => return Err(format!("'{line}' is no question")),
    };
    let question = (name(owner)?, rtype.parse().map_err(|_| "no type")?, class);
    match entry.question.replace(question) {
        None => Ok(()),
        Some(_) => Err("a second question".to_owned()),
    }
}

/// The line with those that its parentheses join to it (RFC 1035 §5.1).
fn unfolded(lines: &mut Lines<'_>, line: &str) -> Result<String, String> {
    let mut whole = line.to_owned();
    while whole.matches('(').count() > whole.matches(')').count() {
        whole.push(' ');
        whole.push_str(lines.next()?);
    }
    Ok(if whole.contains('"') { whole } else { whole.replace(['(', ')'], " ") })
}

fn in_section(entry: &mut Entry, section: &str, line: &str) -> Result<(), String> {
    let records = match section {
        "ANSWER" => &mut entry.answer,
        "AUTHORITY" => &mut entry.authority,
        "ADDITIONAL" => &mut entry.additional,
        _ => return Err(format!("'{line}' in section '{section}'")),
    };
    records.push(Record::read(line)?);
    Ok(())
}

fn octets(lines: &mut Lines<'_>, end: &str) -> Result<Vec<u8>, String> {
    let mut digits = String::new();
    loop {
        match lines.next()? {
            line if line == end => return hex(&digits),
            line => digits.extend(line.split_whitespace()),
        }
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("'{word}' is not a number or address"))
}
