//! A whole client session; exits with 0 when it went as scripted.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    estreamer_firmware::finish(estreamer_firmware::session::exercise())
}
