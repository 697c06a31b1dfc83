//! What a file or a stream has to hold before a part of it.

use std::sync::Arc;

/// What a file or a stream has to hold before a part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PartHead {
    /// Nothing.
    #[default]
    Nothing,
    /// The first line of each file, with its line end: the names of the columns.
    FirstLine(Arc<[u8]>),
    /// The blocks of a section.
    Section(Section),
}

/// Blocks that a section has to hold before a part. A section grows: a later part of the same
/// section needs the same blocks and perhaps more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The number of the section. No other one of this process has it.
    pub number: u64,
    /// The blocks in their order. The first one begins the section.
    pub blocks: Vec<Arc<[u8]>>,
}

/// Which blocks a file has, as far as this process wrote them. A file that is opened anew gets a
/// section of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct HeadState {
    /// The number of its last section and of the blocks in it.
    section: Option<(u64, usize)>,
}

impl PartHead {
    /// Returns the bytes with which a file that holds such parts begins.
    pub fn begin(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::FirstLine(line) => line,
            // The type of the block; its length depends on what wrote it.
            Self::Section(section) => section
                .blocks
                .first()
                .map_or(&[], |it| it.get(..4).unwrap_or(it)),
        }
    }

    /// Returns why a file that begins with other bytes does not fit, and what to do.
    pub fn misfit(&self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::FirstLine(_) => {
                "its first line does not have the columns of these events. Rename it, or set \
                 rotate, which closes it and begins another file"
            }
            Self::Section(_) => {
                "it is not a pcapng file. Rename it, or set rotate, which closes it and begins \
                 another file"
            }
        }
    }
}

impl HeadState {
    /// Returns what a part with this head needs before it in a file of this length.
    pub fn missing(&self, head: &PartHead, length: u64) -> Vec<u8> {
        match head {
            PartHead::FirstLine(line) if length == 0 => line.to_vec(),
            PartHead::Nothing | PartHead::FirstLine(_) => Vec::new(),
            PartHead::Section(section) => {
                let is_same = |(number, _): &(u64, usize)| *number == section.number && length > 0;
                let had = self.section.filter(is_same).map_or(0, |(_, blocks)| blocks);
                section.blocks.get(had..).unwrap_or_default().concat()
            }
        }
    }

    /// Records that a part with this head is written, and what it needed.
    pub fn written(&mut self, head: &PartHead) {
        if let PartHead::Section(section) = head {
            let count = section.blocks.len();
            self.section = match self.section {
                Some((number, had)) if number == section.number => Some((number, had.max(count))),
                _ => Some((section.number, count)),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(number: u64, blocks: &[&[u8]]) -> PartHead {
        let blocks = blocks.iter().map(|block| Arc::from(*block)).collect();
        PartHead::Section(Section { number, blocks })
    }

    #[test]
    fn the_first_line_is_that_of_an_empty_file_only() {
        let (head, state) = (
            PartHead::FirstLine(Arc::from(&b"a,b\n"[..])),
            HeadState::default(),
        );
        assert_eq!(state.missing(&head, 0), b"a,b\n");
        assert_eq!(state.missing(&head, 4), b"");
        assert_eq!(head.begin(), b"a,b\n");
    }

    #[test]
    fn a_section_gets_each_block_once_and_a_new_file_gets_all() {
        let mut state = HeadState::default();
        let one = section(1, &[b"head", b"1"]);
        assert_eq!(state.missing(&one, 0), b"head1");
        // A file that something else wrote gets a section of its own.
        assert_eq!(state.missing(&one, 9), b"head1");
        state.written(&one);
        assert_eq!(state.missing(&one, 5), b"");
        let two = section(1, &[b"head", b"1", b"2"]);
        assert_eq!(state.missing(&two, 5), b"2");
        assert_eq!(state.missing(&two, 0), b"head12");
        state.written(&two);
        // An older part that is written late needs nothing.
        assert_eq!(state.missing(&one, 6), b"");
        assert_eq!(state.missing(&section(2, &[b"head"]), 6), b"head");
        assert_eq!(two.begin(), b"head");
    }
}
