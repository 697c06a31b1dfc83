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
    // none of it.
    let beside = thread::spawn(|| {
        interop::programs()?;
        firmware::programs().map(drop)?;
        footprint::programs()?;
        api::prepare()?;
        fuzz::prepare()
    });
    let summary = test::run(steps)?;
    steps.run("programs, installed and built beside the tests", || {
        beside.join().map_err(|_| "it panicked")?
    })?;
    api::run(steps, false)?;
    steps.run("deny", deny::run)?;
    thread::scope(|scope| {
        // Both take a minute, whatever else is done meanwhile.
        let worlds = scope.spawn(world::check);
        let soak = scope.spawn(soak::check);
        package::run(steps)?;
        nostd::run(steps)?;
        steps.run("worlds and soak: one minute each, begun before", || {
            worlds.join().map_err(|_| "the worlds panicked")??;
            soak.join().map_err(|_| "the soak panicked")?
        })
    })?;
    // These tests leave a processor idle now and then.
    thread::scope(|scope| {
        let images = scope.spawn(|| firmware::prepare().and_then(|()| footprint::prepare()));
        interop::run(steps, || {
            firmware::decoder().and_then(|()| mutants::check())
        })?;
        steps.run("firmware: images, built beside the tests", || {
            images.join().map_err(|_| "it panicked")?
        })
    })?;
    bench::run(steps, &bench::Options::check())?;
    firmware::run(steps)?;
    footprint::run(steps, false)?;
    fuzz::smoke(steps)?;
    Ok(summary)
}
