//! `cargo xtask ci`: what `.ci/run` runs.

use std::thread;

use crate::steps::Steps;
use crate::test::{self, Summary};
use crate::{
    Result, api, bench, deny, firmware, footprint, fuzz, interop, mutants, nostd, package, soak,
    world,
};

/// Everything but what only measures; the first failure ends it.
pub(crate) fn run(steps: &mut Steps) -> Result<Summary> {
    // It waits for the network and the disk, or has time while tests wait, and the tests need
    // none of these programs.
    let programs = thread::spawn(|| {
        interop::programs()?;
        firmware::programs().map(drop)?;
        api::program()?;
        fuzz::program()
    });
    let summary = test::run(steps)?;
    steps.run("programs, installed beside the tests", || {
        programs.join().map_err(|_| "it panicked")?
    })?;
    thread::scope(|scope| {
        // Both take a minute, whatever else is done meanwhile.
        let worlds = scope.spawn(world::check);
        let soak = scope.spawn(soak::check);
        api::run(steps, false)?;
        steps.run("worlds and soak: one minute each, begun before", || {
            worlds.join().map_err(|_| "the worlds panicked")??;
            soak.join().map_err(|_| "the soak panicked")?
        })
    })?;
    steps.run("deny", deny::run)?;
    package::run(steps)?;
    interop::run(steps, || {
        firmware::decoder().and_then(|()| mutants::check())
    })?;
    bench::run(steps, &bench::Options::check())?;
    nostd::run(steps)?;
    firmware::run(steps)?;
    footprint::run(steps, false)?;
    fuzz::smoke(steps)?;
    Ok(summary)
}
