//! `cargo xtask ci`: what `.ci/run` runs.

use crate::Result;
use crate::steps::Steps;
use crate::test::{self, Summary};

/// Everything, cheapest first; the first failure ends it.
pub(crate) fn run(steps: &mut Steps) -> Result<Summary> {
    let summary = test::run(steps)?;
    Ok(summary)
}
