//! Just enough ELF to weigh an image: the sizes of its sections.

use crate::Result;

/// Adds up the sizes of all sections of one name in a 32-bit little-endian
/// image, which is what thumbv7m makes. A missing section weighs nothing.
pub(crate) fn section_size(image: &[u8], name: &str) -> Result<u64> {
    let sections = sections(image).ok_or("not a 32-bit little-endian ELF image")?;
    Ok(sections
        .iter()
        .filter(|section| section.name == name.as_bytes())
        .map(|section| u64::from(section.size))
        .sum())
}

struct Section<'a> {
    name: &'a [u8],
    size: u32,
}

fn sections(image: &[u8]) -> Option<Vec<Section<'_>>> {
    if !image.starts_with(b"\x7fELF\x01\x01") {
        return None;
    }
    let table = word(image, 0x20)? as usize;
    let entry_size = half(image, 0x2e)? as usize;
    let count = half(image, 0x30)? as usize;
    let names_index = half(image, 0x32)? as usize;
    let header = |index: usize| image.get(table + index * entry_size..);

    let names = word(header(names_index)?, 0x10)? as usize;
    (0..count)
        .map(|index| {
            let header = header(index)?;
            let name = image.get(names + word(header, 0)? as usize..)?;
            Some(Section {
                name: name.split(|byte| *byte == 0).next()?,
                size: word(header, 0x14)?,
            })
        })
        .collect()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two sections after the header: the names, and 0x1234 bytes of code.
    fn image() -> Vec<u8> {
        let mut image = b"\x7fELF\x01\x01".to_vec();
        image.resize(0x34, 0);
        image[0x20..0x24].copy_from_slice(&0x44u32.to_le_bytes());
        image[0x2e] = 0x28;
        image[0x30] = 2;
        image.extend(b"\0.text\0.names\0\0\0");
        let names = image.len();
        image.resize(names + 0x50, 0);
        image[names] = 7;
        image[names + 0x10..names + 0x14].copy_from_slice(&0x34u32.to_le_bytes());
        image[names + 0x28] = 1;
        image[names + 0x28 + 0x14..names + 0x28 + 0x18].copy_from_slice(&0x1234u32.to_le_bytes());
        image
    }

    #[test]
    fn sections_are_weighed_by_name() {
        let image = image();
        assert_eq!(section_size(&image, ".text"), Ok(0x1234));
        assert_eq!(section_size(&image, ".rodata"), Ok(0));
    }

    #[test]
    fn a_cut_image_is_an_error() {
        let image = image();
        for length in 0..image.len() - 0x10 {
            assert!(section_size(&image[..length], ".text").is_err(), "{length}");
        }
    }
}
