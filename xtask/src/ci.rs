//! `cargo xtask ci`: what `.ci/run` runs.

use crate::steps::Steps;
use crate::test::{self, Summary};
use crate::{Result, bench, firmware, footprint, fuzz, interop, nostd};

/// Everything but what only measures; the first failure ends it.
pub(crate) fn run(steps: &mut Steps) -> Result<Summary> {
    let summary = test::run(steps)?;
    interop::run(steps)?;
    bench::run(steps, &bench::Options::CHECK)?;
    nostd::run(steps)?;
    firmware::run(steps)?;
    footprint::run(steps, false)?;
    fuzz::smoke(steps)?;
    Ok(summary)
}
