//! What was stored, what is promised for it, and whether the promise is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use estreamer::fuzzing::FileNotice;
use estreamer::fuzzing::aside::is_aside;
use estreamer::fuzzing::disk::ModelDisk;
use estreamer_core::wire::InitialTimestamp;

use crate::files::{self, Lines};
use crate::outputs::{self, BULK, OUTPUTS};
use crate::receiver::Receiver;
use crate::server::json;
use crate::sources::{SOURCES, Source};

/// What is known of the promises of all outputs.
#[derive(Default)]
pub(crate) struct Oracle {
    promises: [OutputPromise; OUTPUTS.len()],
    /// The lines that other programs wrote.
    foreign: Lines,
    /// How many events each archive had before the source was asked for the first time.
    history: [usize; SOURCES.len()],
    /// The files that another program cut, which nobody was told of yet.
    untold: BTreeMap<PathBuf, Cut>,
    /// Whether it was told of each source that it sends events from the future.
    is_ahead: [bool; SOURCES.len()],
    /// The files with bytes that were moved aside that need not be told any more.
    unproven: BTreeSet<PathBuf>,
}

/// What another program cut off a file.
#[derive(Default)]
struct Cut {
    gone: BTreeSet<String>,
    /// How many lines of ours were left.
    left: usize,
    /// The length of the file before, in bytes.
    length: usize,
}

/// The promises of one output.
#[derive(Default)]
struct OutputPromise {
    /// For each source and each event of its archive: whether it has to be there.
    due: [Vec<bool>; SOURCES.len()],
    /// The length of each archive when the output was added.
    since: [usize; SOURCES.len()],
    /// Lines that others took out of its files.
    taken: Lines,
    /// The lines that may come once more, and how often: it was told of them, or the state was
    /// taken away.
    may_come_again: Lines,
    /// Whether the state was taken away. The key of identifiers stays the same in a world, so
    /// that a receiver takes an equal event of that second for the one before.
    is_forgotten: bool,
}

impl Oracle {
    /// An event was stored, after its source was asked or before: it is promised to these
    /// outputs, or not.
    pub(crate) fn stored(&mut self, source: usize, is_asked: bool, outputs: Option<&[usize]>) {
        self.history[source] += usize::from(!is_asked);
        for (number, promise) in self.promises.iter_mut().enumerate() {
            promise.due[source].push(outputs.is_some_and(|of| of.contains(&number)));
        }
    }

    /// A source was asked for events: those from `from` on are promised, and for a source
    /// without bookmark those that the user asked for.
    pub(crate) fn asked(
        &mut self,
        (number, source): (usize, &Source),
        outputs: &[usize],
        from: InitialTimestamp,
        is_new: bool,
    ) {
        if source.is_set_back {
            return;
        }
        let is_asked =
            |second: u32, from: InitialTimestamp| from != InitialTimestamp::NOW && second >= from.0;
        // What was stored before "now" may come, and is not promised.
        let history = match source.ask {
            InitialTimestamp::NOW => self.history[number],
            _ => 0,
        };
        for output in outputs {
            let promise = &mut self.promises[*output];
            let since = promise.since[number].max(history);
            let archive = source.server.archive.archive.iter();
            let events = archive.zip(&mut promise.due[number]).skip(since);
            for ((second, _), due) in events {
                *due |= is_asked(*second, from) || is_new && is_asked(*second, source.ask);
            }
        }
    }

    /// An output was added: it gets what is stored from now on.
    pub(crate) fn added(&mut self, output: usize, sources: &[Source]) {
        for (since, source) in self.promises[output].since.iter_mut().zip(sources) {
            *since = source.server.archive.archive.len();
        }
    }

    /// What an output has not got is no longer promised: it was removed, or the state was
    /// deleted.
    pub(crate) fn revoke(&mut self, output: usize, source: usize, sources: &[Source], got: &Lines) {
        // What came twice may not be durable in the file where it was first.
        let mut got = got.clone();
        for (line, again) in &self.promises[output].may_come_again {
            if let Some(count) = got.get_mut(line) {
                *count = count.saturating_sub(*again);
            }
        }
        let archive = sources[source].server.archive.archive.iter();
        for ((_, text), due) in archive.zip(&mut self.promises[output].due[source]) {
            let line = line(output, text);
            match got.get_mut(&line).filter(|count| **count > 0) {
                Some(count) => *count -= 1,
                None => *due = false,
            }
        }
    }

    /// The operator took the state away: what the outputs have may come again.
    pub(crate) fn forgotten(&mut self, disk: &ModelDisk, receiver: &Receiver) {
        for (output, promise) in self.promises.iter_mut().enumerate() {
            promise.is_forgotten = true;
            promise.may_come_again(got(output, disk, receiver));
        }
    }

    /// Whether a line may be there once more than it was stored.
    pub(crate) fn may_come_again(&self, output: usize, line: &str) -> bool {
        self.promises[output].may_come_again.contains_key(line)
    }

    /// Whether an event of the archive of a source is promised to an output.
    pub(crate) fn is_due(&self, output: usize, source: usize, event: usize) -> bool {
        self.promises[output].due[source][event]
    }

    /// Records how many events of a batch were counted as events of the future.
    pub(crate) fn counted_ahead(&mut self, source: usize, ahead: u64) {
        self.is_ahead[source] |= ahead > 0;
    }

    /// A notice about a file was given.
    pub(crate) fn told(&mut self, notice: &FileNotice, disk: &ModelDisk) {
        if let Some(path) = lacks(notice) {
            self.untold.remove(&outputs::normal(path));
        }
        if let FileNotice::SetAside(_, aside) = notice {
            self.unproven.insert(aside.clone());
        }
        match notice {
            // They are in this file, which may have another name.
            FileNotice::Unexplained(path) => {
                for (line, count) in files::lines_of(disk, path) {
                    if let Some(output) = outputs::of_line(&line) {
                        self.promises[output].may_come_again(Lines::from([(line, count)]));
                    }
                }
            }
            // They are in a file that is not found.
            FileNotice::NotFound(path) | FileNotice::ComesAgain(path, _) => {
                if let Some(output) = outputs::of_path(path) {
                    // A start before this one may have cut it, but not durably.
                    let mut lines = files::durable_of_output(output, disk);
                    for (line, count) in files::of_output(output, disk) {
                        let durable = lines.entry(line).or_default();
                        *durable = count.max(*durable);
                    }
                    self.promises[output].may_come_again(lines);
                }
            }
            _ => {}
        }
    }

    /// Returns what is wrong after a start: that bytes were moved aside must be told. A start that
    /// was interrupted before it cut a file may leave a copy.
    pub(crate) fn unproven_was_told(
        &mut self,
        disk: &ModelDisk,
        is_rotten: bool,
    ) -> Result<(), String> {
        for path in files::unproven(disk) {
            if self.unproven.contains(&path) {
                continue;
            }
            // Of a copy, the byte that changed may be in the other one.
            if !is_rotten && !files::is_copy(disk, &path) {
                let path = path.display();
                return Err(format!(
                    "{path}: bytes were moved aside, and nobody was told"
                ));
            }
            self.unproven.insert(path);
        }
        Ok(())
    }

    /// Another program wrote a line.
    pub(crate) fn wrote(&mut self, line: &str, count: usize) {
        *self.foreign.entry(line.to_owned()).or_default() += count;
    }

    /// The lines of a file before and after something else changed it.
    pub(crate) fn changed(&mut self, before: &Lines, after: &Lines) {
        for (line, count) in before {
            let gone = count.saturating_sub(after.get(line).copied().unwrap_or(0));
            if gone == 0 {
                continue;
            }
            // It came again since it was cut off another file.
            self.untold.values_mut().for_each(|cut| {
                cut.gone.remove(line);
            });
            if let Some(foreign) = self.foreign.get_mut(line) {
                *foreign = foreign.saturating_sub(gone);
            } else if let Some(output) = outputs::of_line(line) {
                *self.promises[output].taken.entry(line.clone()).or_default() += gone;
            }
        }
    }

    /// Another program cut a file of this length.
    pub(crate) fn cut(&mut self, path: &Path, length: usize, before: &Lines, after: &Lines) {
        let cut = self.untold.entry(path.into()).or_default();
        cut.length = cut.length.max(length);
        for (line, count) in before.iter().filter(|(line, _)| is_event(line)) {
            if after.get(line).copied().unwrap_or(0) < *count {
                cut.gone.insert(line.clone());
            }
        }
        let left = after.iter().filter(|(line, _)| is_event(line));
        cut.left = left.map(|(_, count)| count).sum();
    }

    /// Another program appended to a file. A cut that is filled up to the byte is not noticed.
    pub(crate) fn appended(&mut self, path: &Path, length: usize) {
        self.untold
            .retain(|of, cut| of != path || cut.length != length);
    }

    /// The cuts of these files need not be told any more.
    pub(crate) fn forget_cuts(&mut self, of: impl Fn(&Path) -> bool) {
        self.untold.retain(|path, _| !of(path));
    }

    /// Events that were cut off a file are told of when the next ones are appended, unless
    /// they come again.
    fn was_told(&self, disk: &ModelDisk, sources: &[Source]) -> Result<(), String> {
        // A byte of a line may have changed by itself, and nothing is promised of a source
        // whose clock was set back.
        let is_stored = |line: &str| {
            let sources = sources.iter().filter(|of| !of.is_set_back);
            let mut stored = sources.flat_map(|of| &of.server.archive.archive);
            stored.any(|(_, text)| line.ends_with(&json(text)))
        };
        for (path, cut) in &self.untold {
            let lines = files::lines_of(disk, path).into_iter();
            let ours = lines.filter(|(line, _)| is_event(line));
            if ours.map(|(_, count)| count).sum::<usize>() <= cut.left {
                continue;
            }
            let all = files::all_lines(disk, |path| !is_aside(path));
            let is_lost = |line: &&String| is_stored(line) && !all.contains_key(*line);
            if let Some(line) = cut.gone.iter().find(is_lost) {
                let path = path.display();
                return Err(format!("{line:?} was cut off {path}, and nobody was told"));
            }
        }
        Ok(())
    }

    /// Returns what is wrong now that everything should have arrived.
    pub(crate) fn verdict(
        &self,
        disk: &ModelDisk,
        receiver: &Receiver,
        sources: &[Source],
    ) -> Result<(), String> {
        let (all, rejoined) = (files::all_lines(disk, |_| true), files::rejoined(disk));
        for (line, expected) in &self.foreign {
            let found = all.get(line).copied().unwrap_or(0);
            if found < *expected && !rejoined.contains_key(line) {
                return Err(format!(
                    "{line:?} of another program is there {found} times, not {expected}"
                ));
            }
        }
        self.was_told(disk, sources)?;
        for (output, promise) in self.promises.iter().enumerate() {
            let got = got(output, disk, receiver);
            for (source, of) in sources.iter().enumerate() {
                promise.check(output, source, of, &got)?;
                self.was_asked_for(output, source, of, &got)?;
                self.future_was_told(output, source, of, &got)?;
            }
        }
        Ok(())
    }
}

impl Oracle {
    /// What was stored before the source was asked, and before the second that the user asks
    /// for, is nowhere, unless the clock of the server was set back.
    fn was_asked_for(
        &self,
        output: usize,
        number: usize,
        of: &Source,
        got: &Lines,
    ) -> Result<(), String> {
        if of.is_set_back || of.ask == InitialTimestamp::NOW {
            return Ok(());
        }
        let archive = of.server.archive.archive.iter();
        for (second, text) in archive.take(self.history[number]) {
            if *second < of.ask.0 && got.contains_key(&line(output, text)) {
                let name = OUTPUTS[output].path;
                return Err(format!("{name} has {text:?}: nobody asked for it"));
            }
        }
        Ok(())
    }

    /// An event from the future never moves the bookmark, which is told.
    fn future_was_told(
        &self,
        output: usize,
        number: usize,
        of: &Source,
        got: &Lines,
    ) -> Result<(), String> {
        let mut archive = of.server.archive.archive.iter();
        let is_there = |text: &str| got.contains_key(&line(output, text));
        let future = archive.find(|(_, text)| text.ends_with('f') && is_there(text));
        match future.filter(|_| !self.is_ahead[number]) {
            Some((_, text)) => Err(format!("{text:?} is of the future, and nobody was told")),
            None => Ok(()),
        }
    }
}

impl OutputPromise {
    /// These lines may come once more.
    fn may_come_again(&mut self, lines: Lines) {
        for (line, count) in lines {
            *self.may_come_again.entry(line).or_default() += count;
        }
    }

    fn check(&self, output: usize, number: usize, of: &Source, got: &Lines) -> Result<(), String> {
        let mut stored: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for ((_, text), due) in of.server.archive.archive.iter().zip(&self.due[number]) {
            let (all, promised) = stored.entry(text).or_default();
            *all += 1;
            *promised += usize::from(*due);
        }
        let name = OUTPUTS[output].path;
        for (text, (all, due)) in stored {
            let due = match output == BULK && self.is_forgotten {
                true => due.min(1),
                false => due,
            };
            let line = line(output, text);
            let found = got.get(&line).copied().unwrap_or(0);
            let taken = self.taken.get(&line).copied().unwrap_or(0);
            if found + taken < due {
                return Err(format!(
                    "{name} has {text:?} {found} times; {due} are due: lost"
                ));
            }
            let again = self.may_come_again.get(&line).copied().unwrap_or(0);
            if found > all + again && !of.is_set_back {
                return Err(format!(
                    "{name} has {text:?} {found} times, stored {all} times: doubled, and nobody \
                     was told"
                ));
            }
        }
        Ok(())
    }
}

/// Whether it is a whole line of ours: half of one may be left after a cut.
fn is_event(line: &str) -> bool {
    outputs::of_line(line).is_some() && line.ends_with('}')
}

/// Returns the line of an event in an output.
fn line(output: usize, text: &str) -> String {
    match output == BULK {
        true => text.to_owned(),
        false => format!("{}{}", OUTPUTS[output].tag, json(text)),
    }
}

/// Returns the lines of our events that an output has.
pub(crate) fn got(output: usize, disk: &ModelDisk, receiver: &Receiver) -> Lines {
    match output == BULK {
        true => receiver.texts(),
        false => files::of_output(output, disk),
    }
}

/// Returns the file that stays as it is after this notice, also with half a line at its end.
pub(crate) fn leaves(notice: &FileNotice) -> Option<&Path> {
    match notice {
        FileNotice::Replaced(path)
        | FileNotice::Rewritten(path)
        | FileNotice::Longer(path)
        | FileNotice::Unexplained(path)
        | FileNotice::NotFound(path) => Some(path),
        _ => None,
    }
}

/// Returns the file in which events are missing, as this notice says.
fn lacks(notice: &FileNotice) -> Option<&Path> {
    match notice {
        FileNotice::Shorter(path)
        | FileNotice::Rewritten(path)
        | FileNotice::Replaced(path)
        | FileNotice::NotFound(path) => Some(path),
        _ => None,
    }
}
