//! `cargo xtask ci`: what `.ci/run` runs.

use std::thread;

use crate::steps::Steps;
use crate::test::{self, Summary};
use crate::{
    Result, api, bench, deny, firmware, footprint, fuzz, interop, nostd, package, soak, world,
};

/// Everything but what only measures; the first failure ends it.
pub(crate) fn run(steps: &mut Steps) -> Result<Summary> {
    // It waits for the network and the disk, and the tests need none of these programs.
    let programs = thread::spawn(|| {
        interop::programs()?;
        firmware::programs().map(drop)
    });
    let summary = test::run(steps)?;
    steps.run("worlds and soak: one minute each", || {
        thread::scope(|scope| {
            let worlds = scope.spawn(world::check);
            let soak = soak::check();
            worlds.join().map_err(|_| "the worlds panicked")??;
            soak
        })
    })?;
    steps.run("deny", deny::run)?;
    steps.run("programs, installed beside the tests", || {
        programs.join().map_err(|_| "it panicked")?
    })?;
    interop::run(steps)?;
    bench::run(steps, &bench::Options::check())?;
    package::run(steps)?;
    api::run(steps, false)?;
    nostd::run(steps)?;
    firmware::run(steps)?;
    footprint::run(steps, false)?;
    fuzz::smoke(steps)?;
    Ok(summary)
}
