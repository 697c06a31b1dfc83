//! `cargo xtask firmware`: a whole client session on a Cortex-M3 under QEMU.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use crate::board::{self, Toolchain};
use crate::steps::Steps;
use crate::{Result, process, programs, tree};

/// Its own package: the workspace should not compile what reads ELF and DWARF.
const DECODER: &str = "tests/firmware/decoder/Cargo.toml";

const C_COMPILER: &str = "arm-none-eabi-gcc";
const C_IMAGE: &str = "session-in-c";

pub(crate) fn run(steps: &mut Steps) -> Result {
    let toolchain = steps.run("firmware: tools", || {
        let toolchain = programs()?;
        println!("{}", toolchain.description());
        Ok(toolchain)
    })?;
    steps.run("firmware: log decoder", decoder)?;
    steps.run("firmware: images", || images(&toolchain))?;
    steps.run("firmware: a failure is seen", || {
        match board::emulate("failing")?.0.code() {
            Some(1) => Ok(()),
            other => Err(format!("must exit with 1, not {other:?}")),
        }
    })?;
    steps.run("firmware: session in C", || {
        compile_c(&toolchain.build_c_library()?)?;
        match board::emulate(C_IMAGE)?.0.code() {
            Some(0) => Ok(()),
            other => Err(format!("must exit with 0, not {other:?}")),
        }
    })?;
    steps.run(
        "firmware: async session on embassy",
        || match board::emulate("embassy")?.0.code() {
            Some(0) => Ok(()),
            other => Err(format!("must exit with 0, not {other:?}")),
        },
    )?;
    steps.run("firmware: session", || {
        let (status, frames) = board::emulate("session")?;
        let log = decode("session", &frames)?;
        println!("{log}");
        if !status.success() {
            return Err(format!("the image ended with {status}; its log is above"));
        }
        if log.is_empty() {
            return Err("the image logged nothing".to_owned());
        }
        Ok(())
    })
}

/// Builds what reads the log.
pub(crate) fn decoder() -> Result {
    process::run(process::cargo().args([
        "build",
        "--locked",
        "--manifest-path",
        DECODER,
        "--target-dir=target/firmware-log",
    ]))
}

/// Builds the images, while others do what is waited for.
pub(crate) fn prepare() -> Result {
    let toolchain = programs()?.patient();
    images(&toolchain)?;
    toolchain.build_c_library().map(drop)
}

fn images(toolchain: &Toolchain) -> Result {
    toolchain.build(&["session", "failing"], "log")?;
    toolchain.build(&["embassy"], "embassy")
}

/// Finds the compilers and the emulator, or installs them.
pub(crate) fn programs() -> Result<Toolchain> {
    if !programs::works(C_COMPILER) {
        programs::install(&["gcc-arm-none-eabi"])?;
    }
    Toolchain::find()
}

/// The same session through the C library: a start in C, a `main` in C, and
/// libestreamer_core.a.
fn compile_c(library: &Path) -> Result {
    let mut command = process::command(C_COMPILER);
    command.args(["-mcpu=cortex-m3", "-mthumb", "-Os", "-ffreestanding"]);
    command.args(["-nostdlib", "-std=c99", "-Wall", "-Wextra", "-Werror"]);
    command.args(["-Icore/capi/include", "-Icore/capi/c"]);
    command.args([
        "-Tcore/capi/c/firmware.ld",
        "-Wl,--gc-sections",
        "-Wl,-z,noexecstack",
    ]);
    command.args(["core/capi/c/firmware.c", "core/capi/c/conversation.c"]);
    command.arg(library).arg("-lgcc");
    process::run(command.arg("-o").arg(board::image(C_IMAGE)))
}

/// The log in words.
fn decode(image: &str, frames: &Path) -> Result<String> {
    let frames = File::open(frames).map_err(|error| error.to_string())?;
    let decoder = tree::root().join("target/firmware-log/debug/estreamer-firmware-log");
    process::read(Command::new(decoder).arg(board::image(image)).stdin(frames))
}
