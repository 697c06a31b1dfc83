//! `cargo xtask ci`: what `.ci/run` runs.

use crate::steps::Steps;
use crate::test::{self, Summary};
use crate::{Result, firmware, footprint, fuzz, interop, nostd};

/// Everything, cheapest first; the first failure ends it.
pub(crate) fn run(steps: &mut Steps) -> Result<Summary> {
    let summary = test::run(steps)?;
    interop::run(steps)?;
    nostd::run(steps)?;
    firmware::run(steps)?;
    footprint::run(steps, false)?;
    fuzz::smoke(steps)?;
    Ok(summary)
}
