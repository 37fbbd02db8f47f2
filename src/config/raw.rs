//! The file as written: which keys stand where, of which type. What they mean is the business of `check`.
//!
//! A key exists because `check` asks the [`Reader`] for it; what is left over is unknown, and the nearest
//! known key is named. A fault never stops the reading, so that all are found.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Stands for the keys of a section whose keys are not fixed.
const ANY_KEY: &str = "*";

/// Something wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file; empty: none was given.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The key, with its section: `server.listen[1]`. Empty: the whole file.
    pub key: String,
    /// What is wrong, and what to do.
    pub what: String,
}

impl Fault {
    /// A fault of a file that a key names.
    pub(super) fn of_file(file: &Path, key: &str, what: String) -> Self {
        Self { file: file.to_owned(), line: None, key: key.to_owned(), what }
    }

    pub(super) fn unreadable(file: &Path, key: &str, error: &io::Error) -> Self {
        Self::of_file(
            file,
            key,
            format!("the file cannot be read ({error}): check the path and its permissions"),
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.as_os_str().is_empty() {
            write!(f, "{}:", self.file.display())?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            f.write_str(" ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)
    }
}

/// Reads values and gathers faults.
pub(super) struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    root: DeTable<'a>,
    /// Sections and keys that were asked for.
    known: Vec<(&'static str, &'static str)>,
    pub(super) faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    /// Reads the syntax.
    pub(super) fn new(text: &'a str, file: &'a Path) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let root = root.into_inner();
        let mut reader = Self { file, text, root, known: Vec::new(), faults: Vec::new() };
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            reader.fault_at(at, "", format!("this is not TOML: {}", error.message().replace('\n', ", ")));
        }
        reader
    }

    /// The value of a key as `read` takes it, or the default. What `read` says is wrong becomes a fault.
    pub(super) fn value<T>(
        &mut self,
        section: &'static str,
        key: &'static str,
        default: T,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, String>,
    ) -> T {
        self.known.push((section, key));
        let Some(written) = self.written(section, key).cloned() else { return default };
        read(written.get_ref()).unwrap_or_else(|what| {
            self.fault_at(written.span().start, &format!("{section}.{key}"), what);
            default
        })
    }

    /// The elements of a list, or the default; elements with a fault are left out.
    pub(super) fn list<T>(
        &mut self,
        section: &'static str,
        key: &'static str,
        default: Vec<T>,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
    ) -> Vec<T> {
        self.known.push((section, key));
        let Some(written) = self.written(section, key).cloned() else { return default };
        let Some(elements) = written.get_ref().as_array() else {
            let what = format!("expected a list such as [\"…\"], found {}", kind(written.get_ref()));
            self.fault_at(written.span().start, &format!("{section}.{key}"), what);
            return default;
        };
        let mut all = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            match read(element.get_ref()) {
                Ok(value) => all.push(value),
                Err(what) => self.fault_at(element.span().start, &format!("{section}.{key}[{index}]"), what),
            }
        }
        all
    }

    /// All keys of a section whose keys are not fixed, with their values, as `read` takes them.
    pub(super) fn entries<T>(
        &mut self,
        section: &'static str,
        read: impl Fn(&str, &DeValue<'_>) -> Result<T, String>,
    ) -> Vec<T> {
        self.known.push((section, ANY_KEY));
        let Some(table) = self.section(section).cloned() else { return Vec::new() };
        let mut all = Vec::new();
        for (key, value) in &table {
            match read(key.get_ref(), value.get_ref()) {
                Ok(entry) => all.push(entry),
                Err(what) => {
                    self.fault_at(key.span().start, &format!("{section}.\"{}\"", key.get_ref()), what);
                }
            }
        }
        all
    }

    /// Notes a fault of a key that `check` found.
    pub(super) fn fault(&mut self, section: &str, key: &str, what: String) {
        let fault = self.describe(section, key, what);
        self.faults.push(fault);
    }

    /// A fault of a key, with its place if it is written.
    pub(super) fn describe(&self, section: &str, key: &str, what: String) -> Fault {
        let line = self.written(section, key).map(|value| self.line(value.span().start));
        Fault { file: self.file.to_owned(), line, key: format!("{section}.{key}"), what }
    }

    /// Whether a section is written.
    pub(super) fn has_section(&self, section: &str) -> bool {
        self.section(section).is_some()
    }

    /// Whether a key is written.
    pub(super) fn has(&self, section: &str, key: &str) -> bool {
        self.written(section, key).is_some()
    }

    /// Finds what nobody asked for.
    pub(super) fn finish(&mut self) {
        let mut unknown = Vec::new();
        for (section, value) in &self.root {
            let name: &str = section.get_ref();
            let keys: Vec<&str> =
                self.known.iter().filter(|(known, _)| *known == name).map(|(_, key)| *key).collect();
            let Some(table) = value.get_ref().as_table() else {
                unknown.push((section.span().start, name.to_owned(), self.outside(name)));
                continue;
            };
            if keys.is_empty() {
                let sections = self.known.iter().map(|(section, _)| *section);
                let what = format!("there is no section of this name{}", nearest(name, sections));
                unknown.push((section.span().start, name.to_owned(), what));
            } else if !keys.contains(&ANY_KEY) {
                for key in table.keys().filter(|key| keys.iter().all(|known| *known != key.get_ref())) {
                    let what =
                        format!("the key is not known{}", nearest(key.get_ref(), keys.iter().copied()));
                    unknown.push((key.span().start, format!("{name}.{}", key.get_ref()), what));
                }
            }
        }
        for (at, key, what) in unknown {
            self.fault_at(at, &key, what);
        }
        self.faults.sort_by_key(|fault| fault.line);
    }

    /// Sections and keys that were asked for.
    #[cfg(test)]
    pub(super) fn known(&self) -> &[(&'static str, &'static str)] {
        &self.known
    }

    fn section(&self, section: &str) -> Option<&DeTable<'a>> {
        self.root.get(section)?.get_ref().as_table()
    }

    fn written(&self, section: &str, key: &str) -> Option<&Spanned<DeValue<'a>>> {
        self.section(section)?.get(key)
    }

    /// What is wrong with something that is no section.
    fn outside(&self, key: &str) -> String {
        match self.known.iter().find(|(_, known)| *known == key) {
            Some((section, _)) => format!("the key stands outside of its section: put it below [{section}]"),
            None if self.known.iter().any(|(section, _)| *section == key) => {
                format!("this is a section: write [{key}], and its keys below")
            }
            None => "the key is not known, and stands outside of a section: remove it".to_owned(),
        }
    }

    fn fault_at(&mut self, at: usize, key: &str, what: String) {
        let line = Some(self.line(at));
        self.faults.push(Fault { file: self.file.to_owned(), line, key: key.to_owned(), what });
    }

    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().iter().take(at);
        1 + before.filter(|octet| **octet == b'\n').count()
    }
}

/// What a value is, for "expected …, found …".
pub(super) fn kind(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text \"{text}\""),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(date) => format!("the date {date}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// `: did you mean 'x'?` if one of the known words is near.
pub(super) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> String {
    match known.map(|known| (distance(word, known), known)).min() {
        Some((distance, known)) if distance <= 1 + word.len() / 4 => format!(": did you mean '{known}'?"),
        _ => ": remove it".to_owned(),
    }
}

/// How many letters must be changed, added or removed to make one word of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut next = vec![index + 1];
        for ((replace, remove), wanted) in row.iter().zip(row.iter().skip(1)).zip(&other) {
            let add = next.last().copied().unwrap_or_default();
            let replace = replace + usize::from(*wanted != letter);
            next.push(replace.min(remove + 1).min(add + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
