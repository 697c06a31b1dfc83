//! `estreamer-firmware-log IMAGE < FRAMES`: prints a defmt log in words, one
//! line per frame. A frame that is not of this image is an error.

use std::error::Error;
use std::io::Read;

use defmt_decoder::{DecodeError, Table};

fn main() -> Result<(), Box<dyn Error>> {
    let image = std::env::args_os().nth(1).ok_or("which image?")?;
    let table = Table::parse(&std::fs::read(image)?)?.ok_or("the image has no log")?;
    let mut frames = Vec::new();
    std::io::stdin().read_to_end(&mut frames)?;
    let mut decoder = table.new_stream_decoder();
    decoder.received(&frames);
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map_or("print", |level| level.as_str());
                println!("{level:<5} {}", frame.display_message());
            }
            Err(DecodeError::UnexpectedEof) => return Ok(()),
            Err(DecodeError::Malformed) => return Err("a frame that is not of this image".into()),
        }
    }
}
