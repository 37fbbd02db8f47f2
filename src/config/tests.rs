//! What the file may say, and what is said of a file that is wrong.

use super::*;

const REFERENCE: &str = include_str!("../../config/rootwalk.toml");

fn faults(text: &str) -> Vec<String> {
    let found = parse(text, Path::new("etc/a.toml")).map(|_| ()).expect_err("no fault was found");
    found.iter().map(ToString::to_string).collect()
}

fn settings(text: &str) -> Settings {
    parse(text, Path::new("a.toml")).unwrap().settings
}

#[test]
fn no_file_at_all_is_valid_and_listens_on_loopback() {
    let Configuration { settings, root_hints, anchors, warnings, .. } = load(None).unwrap();
    assert_eq!(settings.server.listen, ["127.0.0.1:5300".parse().unwrap(), "[::1]:5300".parse().unwrap()]);
    assert!(!settings.server.listen_is_explicit && settings.dnssec.validation);
    assert_eq!((root_hints.len(), anchors.is_empty()), (13, false));
    assert_eq!(warnings, []);
}

#[test]
fn the_reference_says_the_defaults() {
    let Configuration { settings, warnings, .. } =
        parse(REFERENCE, Path::new("config/rootwalk.toml")).unwrap();
    let default = Settings::default();
    let expected =
        Settings { server: Server { listen_is_explicit: true, ..default.server.clone() }, ..default };
    assert_eq!(settings, expected);
    assert_eq!(warnings, []);
}

#[test]
fn the_reference_lists_every_key_and_no_other() {
    for (section, key) in check::keys().into_iter().filter(|(_, key)| *key != "*") {
        let below =
            REFERENCE.split(&format!("\n[{section}]")).nth(1).unwrap_or_else(|| panic!("no [{section}]"));
        let section_text = below.split("\n[").next().unwrap();
        assert!(section_text.contains(&format!("\n{key} = ")), "[{section}] {key} is not in the reference");
    }
}

#[test]
fn every_key_of_the_reference_has_its_reason() {
    for (index, line) in REFERENCE.lines().enumerate().filter(|(_, line)| line.contains(" = ")) {
        let before = REFERENCE.lines().nth(index.saturating_sub(1)).unwrap();
        assert!(line.starts_with('#') || before.starts_with('#') || before.contains(" = "), "{line}");
    }
}

#[test]
fn every_fault_is_told_at_once_with_file_line_key_and_remedy() {
    let text = "[server]\nlisten = [\"127.0.0.1:53\", \"::1\"]\nthreds = 2\ntcp-clients = \"many\"\n\n\
                [cache]\nsize = \"256\"\n\n[chache]\n";
    assert_eq!(
        faults(text),
        [
            "etc/a.toml:2: server.listen[1]: '::1' is not an address with a port: write it as \"[::1]:53\"",
            "etc/a.toml:3: server.threds: the key is not known: did you mean 'threads'?",
            "etc/a.toml:4: server.tcp-clients: expected a number from 1 to 65535, found the text \"many\"",
            "etc/a.toml:7: cache.size: '256' is not a size: write a whole number and B, KiB, MiB or GiB, such as \"256MiB\"",
            "etc/a.toml:9: chache: there is no section of this name: did you mean 'cache'?",
        ]
    );
}

#[test]
fn a_key_of_later_work_is_not_known() {
    for text in ["[server]\nlisten-tls = []", "[cache]\nsnapshot = \"\"", "[log]\nqueries = true"] {
        let found = faults(text);
        assert!(found.len() == 1 && found[0].contains("the key is not known"), "{found:?}");
    }
    for text in ["[metrics]\nlisten = \"\"", "[rate-limit]\nmode = \"off\"", "[[forward-zone]]\nname = \".\""]
    {
        assert_eq!(faults(text).len(), 1, "{text}");
    }
}

#[test]
fn watched_zones_are_names_each_once_and_not_too_many() {
    let zones = settings("[dnssec]\nwatch = [\"example.com\", \"Example.ORG.\", \".\"]").dnssec.watch;
    assert_eq!(zones, ["example.com.", "example.org.", "."].map(|zone| zone.parse().unwrap()));
    assert_eq!(
        faults("[dnssec]\nwatch = [\"example.com\", \"a..b\", \"EXAMPLE.com.\"]"),
        [
            "etc/a.toml:2: dnssec.watch[1]: 'a..b' is not a domain name: the name has an empty label",
            "etc/a.toml:2: dnssec.watch: EXAMPLE.com. stands there twice: remove one",
        ]
    );
    let many: Vec<String> = (0..65).map(|zone| format!("\"z{zone}.example\"")).collect();
    let found = faults(&format!("[dnssec]\nwatch = [{}]", many.join(", ")));
    assert_eq!(
        found,
        [
            "etc/a.toml:2: dnssec.watch: there are 65 zones, each is proven anew every hour: name at most 64, those that you answer for"
        ]
    );
    let off = "[dnssec]\nvalidation = false\nwatch = [\"example.com\"]";
    let warnings = parse(off, Path::new("a.toml")).unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].key == "dnssec.watch", "{warnings:?}");
}

#[test]
fn a_key_outside_of_its_section_is_sent_there() {
    assert_eq!(
        faults("size = \"8MiB\""),
        ["etc/a.toml:1: size: the key stands outside of its section: put it below [cache]"]
    );
    assert_eq!(
        faults("cache = 5"),
        ["etc/a.toml:1: cache: this is a section: write [cache], and its keys below"]
    );
}

#[test]
fn broken_syntax_is_told_with_its_line() {
    let found = faults("[server]\nlisten = [\"127.0.0.1:53\"\n[cache]\nsize = 256MiB\n");
    assert!(
        found[0].starts_with("etc/a.toml:2: this is not TOML") || found[0].contains("this is not TOML"),
        "{found:?}"
    );
    let found = faults("[server]\nthreads = 1\nthreads = 2\n");
    assert!(found.iter().any(|fault| fault.contains(":3: ")), "{found:?}");
}

#[test]
fn access_is_added_to_loopback_and_may_override_it() {
    let access = settings("[access]\n\"10.0.0.0/8\" = \"allow-snoop\"\n\"::1\" = \"deny\"").access;
    let prefix = |text: &str| text.parse::<Prefix>().unwrap();
    assert_eq!(access.len(), 3);
    assert!(access.contains(&(prefix("127.0.0.0/8"), Access::Allow)));
    assert!(access.contains(&(prefix("10.0.0.0/8"), Access::AllowSnoop)));
    assert!(access.contains(&(prefix("::1"), Access::Deny)));
}

#[test]
fn a_prefix_with_host_bits_or_twice_is_a_fault() {
    let found = faults("[access]\n\"10.1.0.0/8\" = \"allow\"");
    assert!(found[0].contains("did you mean 10.0.0.0/8?"), "{found:?}");
    let found = faults("[access]\n\"10.0.0.0/8\" = \"allow\"\n\"::ffff:10.0.0.0/104\" = \"deny\"");
    assert!(found[0].contains("twice"), "{found:?}");
}

#[test]
fn values_out_of_range_are_faults() {
    for text in [
        "[server]\nlisten = []",
        "[server]\nlisten = [\"127.0.0.1:53\", \"127.0.0.1:53\"]",
        "[server]\nthreads = 2000",
        "[server]\nthreads = -1",
        "[server]\ntcp-clients = 10\ntcp-clients-per-address = 11",
        "[server]\ntcp-idle-timeout = \"1ms\"",
        "[server]\nidentity = \"a\\nb\"",
        "[resolver]\nipv4 = false\nipv6 = false",
        "[resolver]\nupstream-port = 0",
        "[resolver]\ndo-not-query = [\"10.0.0.1/8\"]",
        "[resolver]\nroot-hints = \"\"",
        "[dnssec]\nsha1 = \"yes\"",
        "[dnssec]\noverride-date = \"yesterday\"",
        "[cache]\nsize = \"1MiB\"",
        "[cache]\nmax-ttl = \"1h\"\nmin-ttl = \"2h\"",
        "[cache]\nmax-ttl = \"1500ms\"",
        "[log]\nlevel = \"loud\"",
        "[harden]\nglue = 1",
    ] {
        assert_eq!(faults(text).len(), 1, "{text}");
    }
}

#[test]
fn the_date_is_seconds_or_a_date_and_zero_is_the_clock() {
    let date = |value: &str| settings(&format!("[dnssec]\noverride-date = {value}")).dnssec.override_date;
    assert_eq!(date("0"), None);
    assert_eq!(date("1795264496"), Some(1_795_264_496));
    assert_eq!(date("2026-11-21T12:34:56Z"), Some(1_795_264_496));
    assert_eq!(date("2026-11-21T13:34:56+01:00"), Some(1_795_264_496));
    assert_eq!(date("\"2026-11-21T12:34:56Z\""), Some(1_795_264_496));
}

#[test]
fn negative_trust_anchors_are_names_with_or_without_an_end() {
    let text = "[dnssec]\nnegative-trust-anchors = [\n  { name = \"Broken.example\", until = 2106-02-07T06:28:15Z },\n  \
                { name = \"corp.example.\" },\n  \"lan\"\n]";
    let Configuration { settings, anchors, warnings, .. } = parse(text, Path::new("a.toml")).unwrap();
    let name = |text: &str| text.parse::<Name>().unwrap();
    let expected = [("broken.example", Some(4_294_967_295)), ("corp.example", None), ("lan", None)];
    let written = settings.dnssec.negative_trust_anchors.iter();
    assert!(
        written
            .map(|anchor| (anchor.name.clone(), anchor.until))
            .eq(expected.iter().map(|(zone, until)| (name(zone), *until)))
    );
    for (zone, until) in expected {
        assert!(anchors.negatives().any(|negative| negative == (&name(zone), until)), "{zone}");
    }
    assert!(warnings.is_empty() && !anchors.is_empty());
}

#[test]
fn a_negative_trust_anchor_that_cannot_be_meant_is_a_fault_with_its_remedy() {
    let hint = "write { name = \"broken.example\", until = 2026-12-01T00:00:00Z }";
    for (element, what) in [
        ("\"a..b\"", "[0]: 'a..b' is not a domain name: ".to_owned()),
        ("5", format!("[0]: found the number 5: {hint}")),
        ("{ until = 2026-12-01T00:00:00Z }", format!("[0]: the name is missing: {hint}")),
        (
            "{ name = \"a\", until = 2026-12-01T00:00:00 }",
            format!("[0]: until: 2026-12-01T00:00:00 has no time or no offset, or is before 1970: {hint}"),
        ),
        ("{ name = \"a\", until = 5 }", format!("[0]: until: found the number 5: {hint}")),
        ("{ name = \"a\", untl = 1 }", "[0]: the key 'untl' is not known: did you mean 'until'?".to_owned()),
        ("{ nam = \"a\" }", "[0]: the key 'nam' is not known: did you mean 'name'?".to_owned()),
        ("\"a\", { name = \"A.\" }", ": A. stands there twice: remove one".to_owned()),
        ("\".\"", "[0]: at the root it turns off all validation: remove it, ".to_owned()),
    ] {
        let found = faults(&format!("[dnssec]\nnegative-trust-anchors = [{element}]"));
        let expected = format!("etc/a.toml:2: dnssec.negative-trust-anchors{what}");
        assert!(found.len() == 1 && found[0].starts_with(&expected), "{element}: {found:?}");
    }
}

#[test]
fn a_negative_trust_anchor_of_no_effect_is_a_warning() {
    let warned = |text: &str| {
        let warnings = parse(&format!("[dnssec]\n{text}"), Path::new("a.toml")).unwrap().warnings;
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let ended = "negative-trust-anchors = [{ name = \"a\", until = 2001-01-01T00:00:00+01:00 }]";
    assert_eq!(warned(ended), ["a.toml:2: dnssec.negative-trust-anchors: a. has ended: remove it"]);
    // By the date that signatures are judged at.
    assert_eq!(warned(&format!("{ended}\noverride-date = 1")).len(), 1);
    assert!(!warned(&format!("{ended}\noverride-date = 1"))[0].contains("ended"));
    let off = warned("validation = false\nnegative-trust-anchors = [\"a\"]");
    assert_eq!(
        off,
        ["a.toml:3: dnssec.negative-trust-anchors: without validation they change nothing: remove them"]
    );
}

#[test]
fn what_is_allowed_and_hardly_meant_is_a_warning() {
    let warned = |text: &str| {
        let warnings = parse(text, Path::new("a.toml")).unwrap().warnings;
        warnings.into_iter().map(|warning| warning.key).collect::<Vec<_>>()
    };
    assert_eq!(warned("[server]\nlisten = [\"192.0.2.1:53\"]"), ["server.listen"]);
    assert_eq!(
        warned("[server]\nlisten = [\"0.0.0.0:53\"]\n[access]\n\"10.0.0.0/8\" = \"allow\""),
        ["server.listen"]
    );
    assert_eq!(warned("[access]\n\"0.0.0.0/0\" = \"allow\""), ["access.0.0.0.0/0"]);
    assert_eq!(warned("[access]\n\"0.0.0.0/0\" = \"refuse\""), [""; 0]);
    assert_eq!(warned("[dnssec]\noverride-date = 1"), ["dnssec.override-date"]);
}

#[test]
fn files_named_are_read_beside_the_configuration_and_their_faults_told() {
    let directory = std::env::temp_dir().join(format!("rootwalk-config-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.join(name), text).unwrap();
    write("hints", ". NS a.root.\na.root. A 192.0.2.1\n");
    write("anchors", ". IN DS 1 8 2 00\n");
    write("empty", "; nothing\n");
    let file = directory.join("rootwalk.toml");
    std::fs::write(
        &file,
        "[resolver]\nroot-hints = \"hints\"\n[dnssec]\ntrust-anchor-file = \"empty\"\nvalidation = false\n",
    )
    .unwrap();
    let read = load(Some(&file)).unwrap();
    assert_eq!(read.root_hints.len(), 1);

    let both = "[resolver]\nroot-hints = \"nowhere\"\n[dnssec]\ntrust-anchor-file = \"anchors\"\n";
    let found = parse(both, &file).map(|_| ()).unwrap_err();
    let keys: Vec<&str> = found.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["resolver.root-hints", "dnssec.trust-anchor-file"], "{found:?}");
    assert_eq!((found[1].file.file_name().unwrap().to_str(), found[1].line), (Some("anchors"), Some(1)));
    let found = parse("[dnssec]\ntrust-anchor-file = \"empty\"", &file).map(|_| ()).unwrap_err();
    assert!(found[0].what.contains("no trust anchor"), "{found:?}");
    let digest = "00".repeat(32);
    write("corp", &format!("corp.example. DS 1 13 2 {digest}\n"));
    let both = "[dnssec]\ntrust-anchor-file = \"corp\"\nnegative-trust-anchors = [\"corp.example\"]";
    let read = parse(both, &file).unwrap();
    assert!(read.warnings[0].what.contains("remove one of the two") && read.anchors.is_empty());
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn each_limit_has_a_key_of_its_name_and_a_range() {
    for limit in Limit::ALL {
        let (least, most) = limit.range().into_inner();
        let with = |cap: u32| format!("[limits]\n{limit} = {cap}");
        for cap in [least, most] {
            assert_eq!(settings(&with(cap)).limits.caps[limit.index()], cap);
        }
        for cap in [least - 1, most + 1] {
            let expected = format!(
                "etc/a.toml:2: limits.{limit}: {cap} is out of range: write a number from {least} to {most}"
            );
            assert_eq!(faults(&with(cap)), [expected]);
        }
    }
}

#[test]
fn limits_in_shadow_are_known_words_each_once_and_warned_of() {
    let text = "[limits]\nshadow = [\"packets\", \"lookup-levels\"]";
    let Configuration { settings, warnings, .. } = parse(text, Path::new("a.toml")).unwrap();
    assert_eq!(settings.limits.shadow, [Limit::Packets, Limit::LookupLevels]);
    assert_eq!(
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "a.toml:2: limits.shadow: a limit in shadow guards nobody until ten times as much is used: for a trial"
        ]
    );
    let found = faults("[limits]\nshadow = [\"packet\", \"evidence\", \"evidence\"]\npacket = 9");
    assert!(
        found[0].starts_with("etc/a.toml:2: limits.shadow[0]: 'packet' is none of \"packets\", "),
        "{found:?}"
    );
    assert_eq!(found[1], "etc/a.toml:2: limits.shadow: \"evidence\" stands there twice: remove one");
    assert_eq!(found[2], "etc/a.toml:3: limits.packet: the key is not known: did you mean 'packets'?");
}
