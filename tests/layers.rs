//! The shape of the house, held by reading its sources: which layer may import which, and the tidy rules.
//!
//! Layers, each may import only those above it: words; judging (`validate`); memory (`cache`); asking
//! (`iterate`); one query (`service`); edges (`fast`, `net`, `features`); assembly (`config`, `app`, `commands`).
//! Aside: `lab`. Tests are excepted: they may look everywhere.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules of layer 0.
const WORDS: &[&str] =
    &["budget", "clock", "context", "dns", "entropy", "event", "failure", "limits", "prefix"];

/// What each other module may import besides itself and the words.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("validate", &[]),
    ("cache", &["validate"]),
    ("iterate", &["cache"]),
    ("service", &["validate", "cache", "iterate"]),
    ("fast", &["validate", "cache", "iterate", "service"]),
    ("net", &["validate", "cache", "iterate", "service", "fast"]),
    ("features", &["validate", "cache", "iterate", "service"]),
    ("config", &["validate", "cache", "iterate", "service", "fast", "net", "features"]),
    ("app", &["validate", "cache", "iterate", "service", "fast", "net", "features", "config"]),
    ("commands", &["validate", "cache", "iterate", "service", "net", "features", "config", "app", "lab"]),
    ("lab", &["iterate", "service"]),
];

/// Of these modules only some names may be imported: the importing module, the imported one, the names.
const ONLY: &[(&str, &str, &[&str])] = &[
    // The types it stores.
    ("cache", "validate", &["Validated", "ZoneTrust"]),
    ("lab", "iterate", &["exchange"]),
];

/// Lines that a file may have without its tests.
const LINES_MAX: usize = 700;
/// Letters that a line may have.
const COLUMNS_MAX: usize = 140;

struct Source {
    path: PathBuf,
    /// The module below the crate's root: `dns`, `net`; empty for lib.rs and main.rs.
    module: String,
    /// The whole text.
    text: String,
    /// The text without tests, comments and strings.
    code: String,
    /// Lines before the tests.
    lines: usize,
    is_test: bool,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    gather(&root, &mut paths);
    paths.sort();
    paths.iter().map(|path| read(&root, path)).collect()
}

fn gather(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn read(root: &Path, path: &Path) -> Source {
    let text = fs::read_to_string(path).unwrap();
    let below = path.strip_prefix(root).unwrap().to_owned();
    let parts: Vec<String> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let module = match parts.as_slice() {
        [file] if file == "lib.rs" || file == "main.rs" => String::new(),
        [first, ..] => first.trim_end_matches(".rs").to_owned(),
        [] => unreachable!("a path has a last part"),
    };
    let is_test = parts.iter().any(|part| part == "tests" || part == "tests.rs");
    let before_tests = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
    let code: String = before_tests.lines().map(without_comment).collect::<Vec<_>>().join("\n");
    Source {
        module,
        is_test,
        lines: before_tests.lines().count(),
        code: without_strings(&code),
        text,
        path: below,
    }
}

fn without_comment(line: &str) -> &str {
    line.find("//").map_or(line, |at| line.split_at(at).0)
}

fn without_strings(code: &str) -> String {
    let mut out = String::new();
    for (index, part) in code.replace("\\\"", "").replace("'\"'", "").split('"').enumerate() {
        if index % 2 == 0 {
            out.push_str(part);
            out.push('"');
        }
    }
    out
}

/// All paths that begin with `crate::`, braces taken apart one level: `dns::Name`, `limits`.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(list) => found.extend(split_list(list)),
            None => found.extend(expand(after)),
        }
    }
    found
}

/// `a::B` of `a::B;`, and `a::B`, `a::C` of `a::{B, C};`.
fn expand(after: &str) -> Vec<String> {
    let is_path = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let path: String = after.chars().take_while(|letter| is_path(*letter)).collect();
    match after.get(path.len()..).and_then(|rest| rest.strip_prefix('{')) {
        Some(list) if path.ends_with("::") => {
            split_list(list).into_iter().map(|item| format!("{path}{item}")).collect()
        }
        _ => vec![path],
    }
}

/// The items up to the closing brace, without what is nested in them.
fn split_list(list: &str) -> Vec<String> {
    let (mut depth, mut item, mut items) = (0, String::new(), Vec::new());
    for letter in list.chars() {
        match letter {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(std::mem::take(&mut item)),
            _ if depth == 0 => item.push(letter),
            _ => {}
        }
    }
    items.push(item);
    items.iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}

/// Fails with all findings at once.
fn none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn each_layer_imports_only_those_above_it() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test && !source.module.is_empty()) {
        let module = source.module.as_str();
        let is_word = WORDS.contains(&module);
        let Some(above) = allowed.get(module).or_else(|| is_word.then_some(&(&[] as &[&str]))) else {
            findings.push(format!("{}: the module is in no layer", source.path.display()));
            continue;
        };
        for import in imports(&source.code) {
            let target = import.split("::").next().unwrap_or_default();
            if target != module && !WORDS.contains(&target) && !above.contains(&target) {
                findings.push(format!("{}: imports crate::{import}", source.path.display()));
            }
            let only = ONLY.iter().find(|(from, to, _)| *from == module && *to == target);
            let second = import.split("::").nth(1).unwrap_or_default();
            if only.is_some_and(|(_, _, names)| !names.contains(&second)) {
                findings
                    .push(format!("{}: imports crate::{import}, which is not for it", source.path.display()));
            }
        }
    }
    none(&findings);
}

#[test]
fn no_import_climbs_around_the_layers() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        let is_top = source.path.iter().count() == 1
            || source.path.ends_with("mod.rs") && source.path.iter().count() == 2;
        if source.code.contains("super::super") || is_top && source.code.contains("super::") {
            findings.push(format!("{}: write crate:: instead of climbing out", source.path.display()));
        }
        if source.path != Path::new("main.rs") && source.code.contains("rootwalk::") {
            findings.push(format!("{}: names its own crate from outside", source.path.display()));
        }
    }
    none(&findings);
}

#[test]
fn no_feature_imports_another() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| source.module == "features" && !source.is_test) {
        let own =
            source.path.iter().nth(1).map(|part| part.to_string_lossy().trim_end_matches(".rs").to_owned());
        for import in imports(&source.code).iter().filter_map(|import| import.strip_prefix("features::")) {
            if import.split("::").next().map(str::to_owned) != own {
                findings.push(format!("{}: imports feature {import}", source.path.display()));
            }
        }
        if source.path.iter().count() == 2
            && source.path.file_name().is_some_and(|name| name != "mod.rs")
            && source.code.contains("super::")
        {
            findings.push(format!("{}: reaches for its neighbours", source.path.display()));
        }
    }
    none(&findings);
}

#[test]
fn one_file_alone_names_the_features() {
    for source in sources().iter().filter(|source| source.module != "features" && !source.is_test) {
        let names = imports(&source.code).iter().any(|import| import.starts_with("features"));
        assert!(!names || source.path == Path::new("app/assemble.rs"), "{}", source.path.display());
    }
}

#[test]
fn sockets_stand_at_the_edges_alone() {
    let sockets = ["tokio::net", "UdpSocket", "TcpStream", "TcpListener", "socket2"];
    let may = |source: &Source| {
        source.module == "net"
            || source.module == "fast"
            || source.path == Path::new("lab/sockets.rs")
            || source.path == Path::new("commands/lab.rs")
            || source.is_test
    };
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| !may(source)) {
        for word in sockets.iter().filter(|word| source.code.contains(**word)) {
            findings.push(format!("{}: {word}", source.path.display()));
        }
    }
    none(&findings);
}

#[test]
fn randomness_is_drawn_in_one_place() {
    // A generator that could be predicted made resolvers forgeable (CVE-2025-40780).
    let sources_of =
        ["ring::rand", "SystemRandom", "SmallRng", "thread_rng", "fastrand", "getrandom", "xorshift"];
    let may = |source: &Source| {
        source.path == Path::new("entropy.rs") || source.path == Path::new("lab/signer.rs") || source.is_test
    };
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| !may(source)) {
        let code = source.code.to_lowercase();
        for word in sources_of.iter().filter(|word| code.contains(&word.to_lowercase())) {
            findings.push(format!("{}: {word}", source.path.display()));
        }
    }
    none(&findings);
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let ours = manifest.split("[dev-dependencies]").next().unwrap();
    for crate_name in ["rand", "fastrand", "oorandom", "getrandom", "nanorand"] {
        assert!(!ours.contains(&format!("\n{crate_name} =")), "{crate_name}");
    }
}

#[test]
fn judging_waits_for_nothing() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| source.module == "validate" && !source.is_test) {
        for word in ["async ", ".await", "tokio"].iter().filter(|word| source.code.contains(**word)) {
            findings.push(format!("{}: {word}", source.path.display()));
        }
    }
    none(&findings);
}

#[test]
fn files_are_tidy() {
    let mut findings = Vec::new();
    for source in &sources() {
        let path = source.path.display();
        if !source.text.starts_with("//! ") {
            findings.push(format!("{path}: does not begin by saying what it does"));
        }
        if source.lines > LINES_MAX && !source.is_test {
            findings.push(format!("{path}: {} lines, {LINES_MAX} are the most", source.lines));
        }
        for (index, line) in source.text.lines().enumerate() {
            if line.chars().count() > COLUMNS_MAX {
                findings.push(format!("{path}:{}: more than {COLUMNS_MAX} letters", index + 1));
            }
        }
        for word in ["todo!(", "unimplemented!(", "#[allow("] {
            if source.code.contains(word) {
                findings.push(format!("{path}: {word}"));
            }
        }
        let is_unsafe = source.code.split_ascii_whitespace().any(|word| word == "unsafe");
        if is_unsafe && source.path != Path::new("fast/batch.rs") {
            findings.push(format!("{path}: system calls alone need unsafe code, and stand in fast/batch.rs"));
        }
        for word in ["TODO", "FIXME", "XXX", "#[ignore"] {
            if source.text.contains(word) {
                findings.push(format!("{path}: {word}"));
            }
        }
        let stem = source.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for word in ["manager", "helper", "helpers", "util", "utils", "common", "misc", "data"] {
            if stem.split('_').any(|part| part == word) {
                findings.push(format!("{path}: the name says nothing"));
            }
        }
    }
    none(&findings);
}

#[test]
fn imports_are_found_however_they_are_written() {
    let code = "use crate::dns::{Name, rdata::{self, Soa}, Rrset};\nuse crate::{limits, net::listen};\nlet x = crate::cache::Store::new();";
    let found = imports(code);
    for wanted in ["dns::Name", "dns::Rrset", "limits", "net::listen", "cache::Store::new"] {
        assert!(found.iter().any(|import| import == wanted), "{wanted} in {found:?}");
    }
}
