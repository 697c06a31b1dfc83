//! Compresses closed files. The compressed file is written under a temporary name, read
//! back and compared, made durable, renamed, and recorded; then the original is removed.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::manifest::ManifestEntry;
use super::naming::appended;
use super::notice::FileNotice;
use super::series::Series;
use super::settings::Compression;
use super::tally::{hex, sha256};
use crate::disk::{Disk, DiskFile, directory};

/// The level: the default of both formats' own programs.
const ZSTD_LEVEL: i32 = 3;
/// The length of the pieces that are read.
const PIECE: u64 = 256 << 10;

/// Compresses a closed file; does nothing if it is not there.
pub(super) fn compress(
    series: &Series,
    entry: &ManifestEntry,
    compression: Compression,
    stop: &AtomicBool,
    notices: &mut Vec<FileNotice>,
) -> io::Result<()> {
    let from = series.path(&entry.closed.name);
    let to = appended(&from, compression.extension());
    let disk = series.disk.as_ref();
    let found = disk.identity(&from)?.filter(|found| found.is_file);
    let is_there = disk.identity(&to)?.is_some();
    let Some(found) = found else {
        // A file that was compressed by hand is recorded, so that it can be proven.
        if is_there && holds(disk, &to, compression, entry)? {
            make_durable(disk, &to)?;
            return record(series, entry, &to);
        }
        return Ok(());
    };
    if is_there {
        // An earlier process may have been killed before the line, or it was compressed by hand.
        if !holds(disk, &to, compression, entry)? {
            notices.push(FileNotice::NotCompressed(from, to));
            return Ok(());
        }
        // It is removed below, so it has to be what the other one holds.
        if found.length != entry.closed.bytes
            || hex(series.hash(&from, found.length)?) != entry.closed.sha256
        {
            notices.push(FileNotice::Changed(from));
            return Ok(());
        }
        make_durable(disk, &to)?;
    } else {
        // The hash in its name makes it ours.
        let part = appended(&to, &format!(".partial-{}", &entry.closed.sha256[..16]));
        let file = disk.open(&part, series.mode)?;
        file.truncate(0)?;
        super::group::give(disk, &part, &*file, series.group)?;
        let mut reader = DiskReader::new(disk, &from, stop);
        let hash = write(&mut reader, &file, compression);
        let hash = match hash {
            Ok(hash) => hash,
            Err(error) => {
                disk.remove(&part)?;
                return match stop.load(Ordering::Acquire) {
                    true => Ok(()),
                    false => Err(error),
                };
            }
        };
        if hash != entry.closed.sha256 {
            disk.remove(&part)?;
            notices.push(FileNotice::Changed(from));
            return Ok(());
        }
        file.sync()?;
        if !holds(disk, &part, compression, entry)? {
            disk.remove(&part)?;
            return Err(io::Error::other(format!(
                "{} was not read back as it was written",
                part.display()
            )));
        }
        match disk.rename_new(&part, &to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                disk.remove(&part)?;
                notices.push(FileNotice::NotCompressed(from, to));
                return Ok(());
            }
            renamed => renamed?,
        }
        disk.sync_names(directory(&to))?;
    }
    record(series, entry, &to)?;
    // Still the file that was read.
    if disk.identity(&from)? == Some(found) {
        disk.remove(&from)?;
        disk.sync_names(directory(&from))?;
    }
    Ok(())
}

/// Makes a file durable that another process wrote, with its name. Nothing is written to it: it
/// may be another program's.
fn make_durable(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    disk.write_again(path, 0, 0)?;
    disk.sync_names(directory(path))
}

fn record(series: &Series, entry: &ManifestEntry, to: &Path) -> io::Result<()> {
    let bytes = series.disk.identity(to)?.map_or(0, |found| found.length);
    series.record_compressed(entry.closed.name.clone(), series.name(to), bytes)
}

/// Removes the original of a file that is compressed, if a killed process left it.
pub(super) fn remove_rest(series: &Series, entry: &ManifestEntry) -> io::Result<()> {
    let path = series.path(&entry.closed.name);
    let disk = series.disk.as_ref();
    let Some(found) = disk.identity(&path)? else {
        return Ok(());
    };
    let Some((into, _)) = &entry.compressed else {
        return Ok(());
    };
    let into = series.path(into);
    let is_zstd = into.extension().is_some_and(|it| it == "zst");
    let compression = if is_zstd {
        Compression::Zstd
    } else {
        Compression::Gzip
    };
    if found.is_file
        && found.length == entry.closed.bytes
        && hex(series.hash(&path, found.length)?) == entry.closed.sha256
        && holds(disk, &into, compression, entry)?
    {
        disk.remove(&path)?;
        disk.sync_names(directory(&path))?;
    }
    Ok(())
}

/// Compresses what is read; returns its SHA-256.
fn write(
    reader: &mut DiskReader<'_>,
    file: &Arc<dyn DiskFile>,
    compression: Compression,
) -> io::Result<String> {
    let mut writer = io::BufWriter::with_capacity(PIECE as usize, DiskWriter(file.as_ref()));
    let mut hash = sha256();
    let mut copy = |to: &mut dyn Write| -> io::Result<()> {
        let mut piece = vec![0; PIECE as usize];
        loop {
            let count = reader.read(&mut piece)?;
            if count == 0 {
                return Ok(());
            }
            hash.update(&piece[..count]);
            to.write_all(&piece[..count])?;
        }
    };
    match compression {
        Compression::Zstd => {
            let mut encoder = zstd::stream::write::Encoder::new(&mut writer, ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            copy(&mut encoder)?;
            encoder.finish()?;
        }
        Compression::Gzip => {
            let level = flate2::Compression::default();
            let mut encoder = flate2::write::GzEncoder::new(&mut writer, level);
            copy(&mut encoder)?;
            encoder.finish()?;
        }
    }
    writer.flush()?;
    Ok(hex(hash))
}

/// Returns whether a compressed file has exactly the content of a closed one.
fn holds(
    disk: &dyn Disk,
    path: &Path,
    compression: Compression,
    entry: &ManifestEntry,
) -> io::Result<bool> {
    let never = AtomicBool::new(false);
    let mut reader = DiskReader::new(disk, path, &never);
    let read = digest(
        &mut reader,
        Some(compression),
        entry.closed.bytes,
        &mut |_| {},
    );
    match read {
        Ok((length, hash)) => Ok(length == entry.closed.bytes && hash == entry.closed.sha256),
        // Not a compressed file, or half of one.
        Err(_) => Ok(false),
    }
}

/// Reads and decompresses up to one byte more than `limit`; returns how much there is and
/// its SHA-256. `progress` gets the length so far.
///
/// # Errors
/// Those of the system, or content that is not compressed in this format.
pub fn digest(
    reader: &mut dyn Read,
    compression: Option<Compression>,
    limit: u64,
    progress: &mut dyn FnMut(u64),
) -> io::Result<(u64, String)> {
    let mut hash = sha256();
    let mut length = 0;
    let mut take = |from: &mut dyn Read| -> io::Result<()> {
        let mut from = from.take(limit.saturating_add(1));
        let mut piece = vec![0; PIECE as usize];
        loop {
            let count = from.read(&mut piece)?;
            if count == 0 {
                return Ok(());
            }
            hash.update(&piece[..count]);
            length += count as u64;
            progress(length);
        }
    };
    match compression {
        None => take(reader)?,
        Some(Compression::Zstd) => {
            let mut decoder = zstd::stream::read::Decoder::new(reader)?;
            decoder.window_log_max(MAX_WINDOW)?;
            take(&mut decoder)?;
        }
        Some(Compression::Gzip) => take(&mut flate2::read::MultiGzDecoder::new(reader))?,
    }
    Ok((length, hex(hash)))
}

/// Returns the whole content of a file, decompressed by its extension.
///
/// # Errors
/// Those of the system, or content that is not compressed in this format.
#[cfg(feature = "fuzzing")]
pub fn content(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let never = AtomicBool::new(false);
    let mut reader = DiskReader::new(disk, path, &never);
    let mut content = Vec::new();
    match path.extension().and_then(|it| it.to_str()) {
        Some("zst") => zstd::stream::copy_decode(reader, &mut content)?,
        Some("gz") => {
            let mut decoder = flate2::read::MultiGzDecoder::new(reader);
            decoder.read_to_end(&mut content)?;
        }
        _ => drop(reader.read_to_end(&mut content)?),
    }
    Ok(content)
}

/// The largest window of a compressed file that is read, as a power of two: it bounds the
/// memory.
const MAX_WINDOW: u32 = 25;

/// Reads a file from its beginning to its end.
pub struct DiskReader<'d> {
    disk: &'d dyn Disk,
    path: PathBuf,
    at: u64,
    piece: Vec<u8>,
    used: usize,
    stop: &'d AtomicBool,
}

impl<'d> DiskReader<'d> {
    /// Starts at the beginning. It fails once `stop` is set.
    pub fn new(disk: &'d dyn Disk, path: &Path, stop: &'d AtomicBool) -> Self {
        Self {
            disk,
            path: path.into(),
            at: 0,
            piece: Vec::new(),
            used: 0,
            stop,
        }
    }
}

impl Read for DiskReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.used == self.piece.len() {
            if self.stop.load(Ordering::Acquire) {
                return Err(io::Error::other("stopped"));
            }
            let end = self.at + PIECE;
            self.piece = self.disk.read_range(&self.path, self.at, end)?;
            self.at += self.piece.len() as u64;
            self.used = 0;
        }
        let rest = &self.piece[self.used..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.used += count;
        Ok(count)
    }
}

/// Appends to a file.
struct DiskWriter<'d>(&'d dyn DiskFile);

impl Write for DiskWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, feature = "fuzzing"))]
mod tests;
