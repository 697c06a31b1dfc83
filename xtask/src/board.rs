//! What it takes to build for and to run a Cortex-M3 and a RISC-V: finds a compiler, a
//! linker and QEMU, installs Debian's as root, and never fetches a toolchain.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::{Result, process, programs, tree};

/// A processor, the emulator of a board with it, and the package of that.
#[derive(Clone, Copy)]
pub(crate) struct Board {
    target: &'static str,
    qemu: &'static str,
    package: &'static str,
    options: &'static [&'static str],
}

pub(crate) const CORTEX_M3: Board = Board {
    target: "thumbv7m-none-eabi",
    qemu: "qemu-system-arm",
    package: "qemu-system-arm",
    options: &["-cpu", "cortex-m3", "-machine", "lm3s6965evb"],
};
pub(crate) const RISC_V: Board = Board {
    target: "riscv32imc-unknown-none-elf",
    qemu: "qemu-system-riscv32",
    package: "qemu-system-misc",
    options: &["-machine", "virt", "-bios", "none"],
};

/// Debian's second Rust: as new as browsers need it, with its own source.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// No image needs more than a second, but machines can be busy.
const RUN_AT_MOST: Duration = Duration::from_secs(60);

/// A compiler for the board.
pub(crate) struct Toolchain {
    rustc: PathBuf,
    /// `core` is not there for the board: it is compiled from its source.
    build_core: bool,
    linker: Option<PathBuf>,
    version: String,
    board: Board,
    /// What it builds gives way to what is waited for.
    is_patient: bool,
}

impl Board {
    fn install(self) -> Result {
        match programs::works(self.qemu) {
            true => Ok(()),
            false => programs::install(&[self.package]),
        }
    }

    /// The file of an image.
    pub(crate) fn image(self, name: &str) -> PathBuf {
        let folder = tree::root().join("target/firmware").join(self.target);
        folder.join("firmware").join(name)
    }

    /// Runs an image under QEMU; gives its exit status and the file with what it
    /// wrote.
    pub(crate) fn emulate(self, name: &str) -> Result<(ExitStatus, PathBuf)> {
        let written = self.image(name).with_extension("out");
        let said = self.image(name).with_extension("err");
        let create = |path: &Path| {
            File::create(path).map_err(|error| format!("creating {}: {error}", tree::shown(path)))
        };
        let mut command = Command::new(self.qemu);
        command
            .args(self.options)
            .args([
                "-nographic",
                "-semihosting-config",
                "enable=on,target=native",
                "-kernel",
            ])
            .arg(self.image(name))
            .stdin(Stdio::null())
            .stdout(create(&written)?)
            .stderr(create(&said)?);
        let mut child = command
            .spawn()
            .map_err(|error| process::could_not_start(&command, &error))?;
        let status = process::wait_at_most(&mut child, RUN_AT_MOST).map_err(|message| {
            let said = std::fs::read_to_string(&said).unwrap_or_default();
            format!("{name} under QEMU: {message}\n{said}")
        })?;
        Ok((status, written))
    }
}

impl Toolchain {
    /// Finds everything, or installs what is missing.
    pub(crate) fn find() -> Result<Self> {
        CORTEX_M3.install()?;
        if let Some(toolchain) = Self::present()? {
            return Ok(toolchain);
        }
        programs::install(&["rustc-web", "rust-web-src"])?;
        Self::present()?.ok_or_else(|| {
            format!("Debian's rustc-web and rust-web-src are installed, but {DEBIAN_RUSTC} lacks the source of core")
        })
    }

    fn present() -> Result<Option<Self>> {
        let current = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        for rustc in [PathBuf::from(current), DEBIAN_RUSTC.into()] {
            let Ok(libraries) = libraries(&rustc) else {
                continue;
            };
            let has_target = libraries.join(CORTEX_M3.target).is_dir();
            if !has_target && !libraries.join("src/rust/library/core").is_dir() {
                continue;
            }
            let version = process::read(Command::new(&rustc).arg("--version"))?;
            let version: Vec<_> = version.split_whitespace().take(2).collect();
            return Ok(Some(Toolchain {
                linker: if has_target { None } else { Some(linker()?) },
                build_core: !has_target,
                version: version.join(" "),
                rustc,
                board: CORTEX_M3,
                is_patient: false,
            }));
        }
        Ok(None)
    }

    /// The compiler and where its `core` comes from: both decide on sizes.
    pub(crate) fn description(&self) -> String {
        let core = if self.build_core {
            "from source"
        } else {
            "as installed"
        };
        format!("{}, core {core}", self.version)
    }

    /// Returns a compiler for another board as well; `None` if `core` is there for this one
    /// only, and its source is not.
    pub(crate) fn for_board(&self, board: Board) -> Result<Option<Self>> {
        board.install()?;
        let libraries = libraries(&self.rustc)?;
        let has_target = libraries.join(board.target).is_dir();
        if !has_target && !libraries.join("src/rust/library/core").is_dir() {
            return Ok(None);
        }
        Ok(Some(Self {
            rustc: self.rustc.clone(),
            build_core: !has_target,
            linker: Some(linker()?),
            version: self.version.clone(),
            board,
            is_patient: self.is_patient,
        }))
    }

    /// The same compiler for what is built while others do what is waited for.
    pub(crate) fn patient(self) -> Self {
        Self {
            is_patient: true,
            ..self
        }
    }

    /// Builds images of tests/firmware, optimised for size.
    pub(crate) fn build(&self, images: &[&str], features: &str) -> Result {
        let mut command = self.cargo("build", "tests/firmware/Cargo.toml");
        command.arg(format!("--features={features}"));
        for image in images {
            command.args(["--bin", image]);
        }
        command.env("DEFMT_LOG", "info");
        process::run(&mut command)
    }

    /// Builds libestreamer_core.a and returns its path, under cargo's name for it.
    pub(crate) fn build_c_library(&self) -> Result<PathBuf> {
        let mut command = self.cargo("rustc", "core/capi/Cargo.toml");
        command.args(["--crate-type=staticlib", "--features=panic-handler"]);
        process::run(&mut command)?;
        let folder = tree::root().join("target/firmware").join(CORTEX_M3.target);
        Ok(folder.join("firmware/libestreamer_core_capi.a"))
    }

    /// A cargo command for the board.
    fn cargo(&self, task: &str, manifest: &str) -> Command {
        let cargo = process::cargo();
        let mut command = match self.is_patient {
            true => process::patient(cargo.get_program()),
            false => cargo,
        };
        command.args([
            task,
            "--profile=firmware",
            "--locked",
            "--target",
            self.board.target,
        ]);
        command.args(["--manifest-path", manifest]);
        command.args(["--target-dir", "target/firmware"]);
        command.env("RUSTC", &self.rustc);
        if self.build_core {
            command.arg("-Zbuild-std=core");
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        if let Some(linker) = &self.linker {
            let target = self.board.target.to_uppercase().replace('-', "_");
            command.env(format!("CARGO_TARGET_{target}_LINKER"), linker);
        }
        command
    }
}

/// The file of an image for the Cortex-M3.
pub(crate) fn image(name: &str) -> PathBuf {
    CORTEX_M3.image(name)
}

/// Runs an image on the Cortex-M3; see [`Board::emulate`].
pub(crate) fn emulate(name: &str) -> Result<(ExitStatus, PathBuf)> {
    CORTEX_M3.emulate(name)
}

/// The folder of a compiler that holds its targets and its source.
fn libraries(rustc: &Path) -> Result<PathBuf> {
    let sysroot = process::read(Command::new(rustc).args(["--print", "sysroot"]))?;
    Ok(Path::new(&sysroot).join("lib/rustlib"))
}

/// LLVM's linker. The one of rustup's compilers will do for Debian's, which
/// names it but does not bring it along.
fn linker() -> Result<PathBuf> {
    for rustc in ["rustc", DEBIAN_RUSTC] {
        let Ok(libraries) = libraries(Path::new(rustc)) else {
            continue;
        };
        let hosts = std::fs::read_dir(&libraries)
            .into_iter()
            .flatten()
            .flatten();
        for host in hosts {
            let linker = host.path().join("bin/rust-lld");
            if linker.exists() {
                return Ok(linker);
            }
        }
    }
    if !programs::works("ld.lld") {
        programs::install(&["lld"])?;
    }
    Ok("ld.lld".into())
}
