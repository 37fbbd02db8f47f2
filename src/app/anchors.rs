//! The trust anchors of a running resolver, and the file that keeps them (RFC 5011).
//!
//! In: DNSKEY sets that the keeper fetched. Out: what is trusted; the state of each key; a file that is replaced as a
//! whole or not at all. What stood there before is kept beside it (`.bak`), and a lock (`.lock`) lets one process write
//! at a time. Where the file cannot be written all goes on in memory: nothing is trusted because of that, or distrusted.
//!
//! Another process that keeps the same file is heeded: what it saw revoked is revoked here. What somebody changed by
//! hand meanwhile is not overwritten: it is read at the next start. Decides nothing itself: `validate::rollover` does.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::AnchorFile;
use crate::config::anchors::{backup, beside, text};
use crate::limits;
use crate::validate::Rollover;
use crate::validate::rollover::{AnchorText, Origin, ZoneStatus};

/// The state of all trust anchors, in memory and, where one is configured, in a file.
#[derive(Debug)]
pub struct KeptAnchors {
    rollover: Mutex<Rollover>,
    file: Mutex<Option<AnchorFile>>,
}

/// Why the state could not be written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error(
        "{} cannot be kept ({what}: {error}): let this process write to the directory, and see that there is room; \
         until then the states of trust anchors are in memory alone",
        .path.display()
    )]
    #[expect(missing_docs, reason = "the names say it")]
    Io { path: PathBuf, what: &'static str, error: io::Error },
    /// Somebody wrote it by hand.
    #[error(
        "{} was changed by hand while this process ran: restart it to read that; until then the states of trust \
         anchors are in memory alone",
        .0.display()
    )]
    Edited(PathBuf),
    /// Another process holds the lock.
    #[error("{} is being written by another process for too long: it is tried again after the next look", .0.display())]
    Busy(PathBuf),
}

impl KeptAnchors {
    /// The state, and the file that it was read from.
    pub fn new(rollover: Rollover, file: Option<AnchorFile>) -> Self {
        Self { rollover: Mutex::new(rollover), file: Mutex::new(file) }
    }

    /// Where each zone and key stands.
    pub fn status(&self) -> Vec<ZoneStatus> {
        self.rollover().status()
    }

    /// The state, for as long as the guard is held.
    pub(super) fn rollover(&self) -> MutexGuard<'_, Rollover> {
        self.rollover.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the file, if there is one and anything changed. The disk is waited for: it is a few kilobytes, once an
    /// hour at most for each zone. True if another process saw a trusted key revoked: it is trusted here no more.
    pub fn store(&self) -> Result<bool, StoreError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(AnchorFile { path, text: known }) = &mut *file else { return Ok(false) };
        // A link stays a link: what it points to is replaced.
        let target = fs::canonicalize(&*path).unwrap_or_else(|_| path.clone());
        let failed = |what: &'static str| {
            let path = path.clone();
            move |error| StoreError::Io { path, what, error }
        };
        let _lock = lock(&target).map_err(|error| match error {
            TryLockError::Error(error) => failed("locking it")(error),
            TryLockError::WouldBlock => StoreError::Busy(path.clone()),
        })?;
        let stands = match text(&target) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("reading it")(error)),
        };
        let whole = stands.as_deref().and_then(|stands| AnchorText::read(stands).ok());
        let mut news = false;
        if stands.as_ref().is_some_and(|stands| stands != known) {
            match &whole {
                Some(AnchorText { rollover, origin: Origin::Kept }) => {
                    news = self.rollover().heed(rollover);
                }
                _ => return Err(StoreError::Edited(path.clone())),
            }
        }
        let text = self.rollover().text();
        if stands.as_ref() == Some(&text) {
            return Ok(news);
        }
        // Not if it is torn: then the one before it is still the last good one.
        if let (Some(stands), Some(_)) = (&stands, whole.filter(|whole| !whole.rollover.is_empty())) {
            replace(&backup(&target), stands, &target).map_err(failed("writing its predecessor"))?;
        }
        replace(&target, &text, &target).map_err(failed("writing it"))?;
        *known = text;
        Ok(news)
    }
}

/// Holds the lock of a file until it is dropped.
fn lock(path: &Path) -> Result<File, TryLockError> {
    let path = beside(path, ".lock");
    let open = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    // One that another user left, who ran this once, can be read and so be locked.
    let file = open.or_else(|error| File::open(&path).map_err(|_| TryLockError::Error(error)))?;
    let mut tries = 1;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if tries < limits::ANCHOR_LOCK_TRIES => {
                tries += 1;
                std::thread::sleep(limits::ANCHOR_LOCK_WAIT);
            }
            outcome => return outcome.map(|()| file),
        }
    }
}

/// Puts a file in the place of another, or leaves that as it is. It gets the permissions of `like`.
fn replace(path: &Path, text: &str, like: &Path) -> io::Result<()> {
    let new = beside(path, ".new");
    // One that a crash left: nobody else is here, as the lock is held.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write_whole(&new, text, like).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // What is left of it is of no use, and takes room on a disk that may be full.
        let _gone = fs::remove_file(&new);
        return written;
    }
    // The rename is not on the disk before its directory is.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

fn write_whole(path: &Path, text: &str, like: &Path) -> io::Result<()> {
    // `create_new` follows no link that somebody put there.
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    if let Ok(there) = fs::metadata(like) {
        file.set_permissions(there.permissions())?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::Arc;

    use super::*;
    use crate::config;
    use crate::dns::Name;
    use crate::limits::ANCHOR_KEEP_MISSING_SECS;
    use crate::validate::rollover::State;

    /// A directory of its own, gone with the test.
    struct Place(PathBuf);

    impl Place {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("rootwalk-anchors-{test}-{}", std::process::id()));
            let _old = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("root.key")
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        }

        /// As a process that starts now.
        fn load(&self) -> Result<(KeptAnchors, Vec<String>), Vec<String>> {
            let text = format!("[dnssec]\ntrust-anchor-file = \"{}\"", self.file().display());
            match config::parse(&text, Path::new("a.toml")) {
                Ok(read) => {
                    let warnings = read.warnings.iter().map(ToString::to_string).collect();
                    Ok((KeptAnchors::new(read.rollover, read.anchor_file), warnings))
                }
                Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
            }
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    const SEED: &str = include_str!("../../trust-anchors/root.ds");
    const LATER: u64 = 1_800_000_000;

    /// A state that differs from that of any other second.
    fn fails(kept: &KeptAnchors, second: u64) {
        kept.rollover().fail(&Name::root(), "nobody answers", LATER + second);
    }

    #[test]
    fn a_plain_file_becomes_one_that_keeps_states_and_is_read_again() {
        let place = Place::new("plain");
        fs::write(place.file(), SEED).unwrap();
        let (kept, warnings) = place.load().unwrap();
        assert_eq!(warnings, [""; 0]);
        kept.rollover().begin(LATER);
        kept.store().unwrap();
        fails(&kept, 1);
        kept.store().unwrap();
        let (again, warnings) = place.load().unwrap();
        assert_eq!((again.status(), warnings), (kept.status(), Vec::new()));
        assert_eq!(place.names(), ["root.key", "root.key.bak", "root.key.lock"]);
        assert_eq!(again.status()[0].keys.len(), 2);
    }

    #[test]
    fn a_torn_file_is_refused_and_the_state_before_it_used() {
        let place = Place::new("torn");
        fs::write(place.file(), SEED).unwrap();
        let (kept, _) = place.load().unwrap();
        kept.rollover().begin(LATER);
        kept.store().unwrap();
        fails(&kept, 1);
        kept.store().unwrap();
        let (whole, before) = (text(&place.file()).unwrap(), text(&backup(&place.file())).unwrap());
        let before = AnchorText::read(&before).unwrap().rollover.status();
        for end in 0..whole.len() {
            fs::write(place.file(), &whole[..end]).unwrap();
            let (read, warnings) = place.load().unwrap();
            assert_eq!(read.status(), before, "{end}");
            assert!(
                warnings.len() == 2 && warnings[1].contains("the state before it is used"),
                "{warnings:?}"
            );
        }
        // It is mended with the next write, and the good predecessor stays until then.
        let (read, _) = place.load().unwrap();
        read.store().unwrap();
        let (mended, warnings) = place.load().unwrap();
        assert_eq!((mended.status(), warnings), (before.clone(), Vec::new()));
        let kept_before = AnchorText::read(&text(&backup(&place.file())).unwrap()).unwrap();
        assert_eq!(kept_before.rollover.status(), before);
        // With nothing beside it there is nothing to be believed.
        fs::write(place.file(), &whole[..whole.len() / 2]).unwrap();
        fs::remove_file(backup(&place.file())).unwrap();
        let faults = place.load().map(|_| ()).unwrap_err();
        assert!(faults.len() == 1 && faults[0].contains("the file is torn"), "{faults:?}");
    }

    #[test]
    fn a_file_that_is_gone_leaves_its_predecessor() {
        let place = Place::new("gone");
        let faults = place.load().map(|_| ()).unwrap_err();
        assert!(faults[0].contains("there is no such file"), "{faults:?}");
        fs::write(place.file(), SEED).unwrap();
        let (kept, _) = place.load().unwrap();
        kept.store().unwrap();
        fs::remove_file(place.file()).unwrap();
        let (read, warnings) = place.load().unwrap();
        assert_eq!((read.status()[0].keys.len(), warnings.len()), (2, 2));
    }

    #[test]
    fn many_writers_leave_a_whole_file() {
        let place = Place::new("many");
        fs::write(place.file(), SEED).unwrap();
        let writers: Vec<Arc<KeptAnchors>> = (0..4).map(|_| Arc::new(place.load().unwrap().0)).collect();
        std::thread::scope(|scope| {
            for (number, kept) in writers.iter().enumerate() {
                scope.spawn(move || {
                    for round in 0..20 {
                        fails(kept, u64::try_from(number).unwrap() * 1_000 + round);
                        // One that waits too long tries again later.
                        assert!(matches!(kept.store(), Ok(false) | Err(StoreError::Busy(_))));
                    }
                });
            }
            for _ in 0..200 {
                let read = AnchorText::read(&text(&place.file()).unwrap()).unwrap();
                assert_eq!(read.rollover.status()[0].keys.len(), 2, "at any moment");
            }
        });
        assert_eq!(place.load().unwrap().1, [""; 0]);
        assert_eq!(place.names(), ["root.key", "root.key.bak", "root.key.lock"]);
    }

    #[test]
    fn what_another_process_saw_revoked_is_not_written_back() {
        let place = Place::new("heed");
        fs::write(place.file(), SEED).unwrap();
        let (slow, _) = place.load().unwrap();
        let (quick, _) = place.load().unwrap();
        let seen = quick.rollover().text().replacen("state=2", "state=4", 1);
        *quick.rollover() = AnchorText::read(&seen).unwrap().rollover;
        quick.store().unwrap();
        fails(&slow, 1);
        assert!(slow.store().unwrap());
        let states = |kept: &KeptAnchors| -> Vec<State> {
            kept.status()[0].keys.iter().map(|key| key.state).collect()
        };
        assert_eq!(states(&slow), [State::Revoked, State::Valid]);
        assert_eq!(states(&place.load().unwrap().0), [State::Revoked, State::Valid]);
    }

    #[test]
    fn what_somebody_wrote_by_hand_is_not_overwritten_and_counts_at_the_next_start() {
        let place = Place::new("edited");
        fs::write(place.file(), SEED).unwrap();
        let (kept, _) = place.load().unwrap();
        kept.store().unwrap();
        let line = "example. IN DS 1 13 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16\n";
        let edited = text(&place.file()).unwrap() + line;
        fs::write(place.file(), &edited).unwrap();
        fails(&kept, 1);
        for _ in 0..2 {
            let error = kept.store().unwrap_err();
            assert!(error.to_string().contains("was changed by hand"), "{error}");
        }
        assert_eq!(text(&place.file()).unwrap(), edited);
        let (read, warnings) = place.load().unwrap();
        assert_eq!((read.status().len(), warnings.len()), (2, 1), "{warnings:?}");
        read.store().unwrap();
        let (again, warnings) = place.load().unwrap();
        assert_eq!((again.status(), warnings), (read.status(), Vec::new()));
        // A faulty line is the operator's to mend: nothing else is used in its place.
        fs::write(place.file(), edited + "nonsense\n").unwrap();
        let faults = place.load().map(|_| ()).unwrap_err();
        assert!(faults.len() == 1 && faults[0].contains("root.key:"), "{faults:?}");
    }

    #[test]
    fn a_comment_in_another_encoding_neither_tears_the_file_nor_loses_what_was_written_by_hand() {
        let place = Place::new("encoding");
        fs::write(place.file(), [b"\xef\xbb\xbf", SEED.as_bytes()].concat()).unwrap();
        let (kept, warnings) = place.load().unwrap();
        assert_eq!(warnings, [""; 0], "a mark at the beginning");
        kept.store().unwrap();
        let line = b"example. IN DS 1 13 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16 ; f\xfcr\n";
        let edited = [text(&place.file()).unwrap().as_bytes(), line].concat();
        fs::write(place.file(), &edited).unwrap();
        fails(&kept, 1);
        assert!(matches!(kept.store(), Err(StoreError::Edited(_))));
        assert_eq!(fs::read(place.file()).unwrap(), edited);
        let (read, warnings) = place.load().unwrap();
        assert_eq!((read.status().len(), warnings.len()), (2, 1), "{warnings:?}");
    }

    #[test]
    fn what_is_no_file_is_refused_and_not_waited_for() {
        let place = Place::new("pipe");
        assert!(Command::new("mkfifo").arg(place.file()).status().unwrap().success());
        let faults = place.load().map(|_| ()).unwrap_err();
        assert!(faults.len() == 1 && faults[0].contains("it is a device or a pipe"), "{faults:?}");
    }

    #[test]
    fn where_there_is_no_file_the_command_that_makes_one_is_told() {
        let place = Place::new("first");
        let (file, directory) = (place.file().display().to_string(), place.0.display().to_string());
        let command = format!("`rootwalk anchor builtin > {file}`");
        let faults = place.load().map(|_| ()).unwrap_err();
        assert!(faults[0].contains(&command), "{faults:?}");
        fs::write(place.file(), "; nothing\n").unwrap();
        let faults = place.load().map(|_| ()).unwrap_err();
        assert!(faults[0].contains(&command), "{faults:?}");
        fs::remove_dir_all(&place.0).unwrap();
        let faults = place.load().map(|_| ()).unwrap_err();
        let command = format!("`mkdir -p {directory} && rootwalk anchor builtin > {file}`");
        assert!(faults[0].contains(&command), "{faults:?}");
    }

    #[test]
    fn anchors_that_cannot_be_meant_are_warned_of() {
        let place = Place::new("doubts");
        let digest = "683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16";
        let warns = |text: &str, parts: &[&str]| {
            fs::write(place.file(), text).unwrap();
            let warnings = place.load().unwrap().1;
            assert_eq!(warnings.len(), parts.len(), "{warnings:?}");
            for (warning, part) in warnings.iter().zip(parts) {
                assert!(warning.contains(part), "{part}: {warning}");
            }
        };
        let nothing = "so nothing below it is validated";
        warns(&format!("example. IN DS 1 250 2 {digest}\n"), &[nothing]);
        warns(&format!("example. IN DS 1 13 3 {digest}\n"), &[nothing]);
        warns("example. IN DNSKEY 257 3 5 Zm9vYmFy\n", &[nothing]);
        warns(&format!("example. IN DS 1 250 2 {digest}\nexample. IN DS 1 13 2 {digest}\n"), &[]);
        let many = |count: usize| {
            (0..count)
                .fold(String::new(), |text, tag| text + &format!("example. IN DS {tag} 13 2 {digest}\n"))
        };
        warns(&many(limits::DS_MAX), &[]);
        warns(&many(limits::DS_MAX + 1), &["9 trusted keys and digests, of which 8 are looked at"]);
        let zone_signing = "example. IN DNSKEY 256 3 13 Zm9vYmFy\n";
        warns(zone_signing, &[]);
        let both = format!("{zone_signing}example. IN DNSKEY 257 3 13 Zm9vYmFz\n");
        warns(&both, &["of example. is a zone signing key"]);
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_told_with_its_remedy_and_changes_nothing() {
        // Nobody writes there, not even root.
        let path = PathBuf::from("/proc/self/root.key");
        let rollover = AnchorText::read(SEED).unwrap().rollover;
        let kept = KeptAnchors::new(rollover, Some(AnchorFile { path, text: String::new() }));
        let before = kept.status();
        let error = kept.store().unwrap_err().to_string();
        assert!(error.contains("/proc/self/root.key cannot be kept (locking it: "), "{error}");
        assert!(error.contains("let this process write to the directory"), "{error}");
        assert_eq!(kept.status(), before);
    }

    #[test]
    fn a_full_disk_leaves_the_file_as_it_was() {
        let place = Place::new("full");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"])
            .arg(&place.0)
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("skipped: this process may not mount a file system of its own");
            return;
        }
        fs::write(place.file(), SEED).unwrap();
        let (kept, _) = place.load().unwrap();
        kept.store().unwrap();
        let before = text(&place.file()).unwrap();
        let mut filler = File::create(place.0.join("filler")).unwrap();
        while filler.write_all(&[0; 512]).is_ok() {}
        fails(&kept, ANCHOR_KEEP_MISSING_SECS);
        let error = kept.store().unwrap_err().to_string();
        let stands = text(&place.file()).unwrap();
        let unmounted = {
            drop(filler);
            fs::remove_file(place.0.join("filler")).unwrap();
            let stored = kept.store();
            let names = place.names();
            let done = Command::new("umount").arg(&place.0).status().unwrap().success();
            assert!(stored.is_ok(), "room again: {stored:?}");
            assert_eq!(names, ["root.key", "root.key.bak", "root.key.lock"]);
            done
        };
        assert!(unmounted && stands == before);
        assert!(error.contains("see that there is room"), "{error}");
    }
}
