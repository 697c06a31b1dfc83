//! The files of a model as a reader sees them.

use std::io::Read;
use std::path::Path;

/// Returns the content of a file, decompressed if it is. Other programs may have appended to
/// it or cut it.
pub fn decompressed(bytes: &[u8]) -> Vec<u8> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes.to_vec();
    }
    let mut decoder = flate2::bufread::GzDecoder::new(bytes);
    let mut content = Vec::new();
    if decoder.read_to_end(&mut content).is_err() {
        // Half a file, perhaps with something behind it.
        return bytes.to_vec();
    }
    content.extend_from_slice(decoder.into_inner());
    content
}

/// Returns whether the lines of this file are not those of an output: they were moved aside
/// because they may not be ours, or it is a manifest or a part of a file.
pub fn is_aside(path: &Path) -> bool {
    let path = path.to_string_lossy();
    path.contains(".unproven-") || path.contains(".partial-") || path.contains(".manifest")
}
