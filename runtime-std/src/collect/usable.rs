//! Whether a configuration that was read can be run.

use super::arena::arena;
use super::client_tls::tls;
use crate::config::Config;
use crate::failure::Failure;

/// Checks that a run can use a configuration, and so many more sources that could not be opened.
///
/// # Errors
/// Too little memory for the sources, or an identity that TLS does not take.
pub fn usable(config: &Config, unopened: usize) -> Result<(), Failure> {
    arena(config.memory, config.sources.len() + unopened)?;
    for source in &config.sources {
        tls(source)?;
    }
    Ok(())
}
