//! The files of a bench, and its servers.

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{fs, io};

use super::load::Load;
use crate::{Result, process, tree};

/// The certificates and the request, in a folder of their own.
pub(super) struct Scene {
    folder: PathBuf,
}

/// A server, which is killed when this is dropped, and what its clients need.
pub(super) struct Server {
    child: Child,
    pub(super) address: String,
    /// Events in a bundle.
    pub(super) bundle: u64,
    folder: PathBuf,
}

impl Scene {
    /// Makes certificates and the request.
    pub(super) fn set() -> Result<Self> {
        let folder = tree::root().join("target/bench");
        remove(&folder)?;
        fs::create_dir_all(&folder).map_err(|error| about(&folder, &error))?;
        let pki = folder.join("pki");
        process::run(Command::new(program()).args(["pki", "init"]).arg(&pki))?;
        // Everybody asks for the same: what the collector asks for by itself.
        let said = process::read(Command::new(program()).arg("request"))?;
        let block = said.lines().find(|line| line.starts_with('{'));
        let block = block.ok_or("`estreamer request` printed no JSON block")?;
        let path = folder.join("request.json");
        fs::write(&path, block).map_err(|error| about(&path, &error))?;
        Ok(Self { folder })
    }

    /// A path of this bench.
    pub(super) fn file(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    /// Starts a server.
    pub(super) fn server(&self, load: &Load) -> Result<Server> {
        Server::start(&self.folder, load)
    }
}

impl Server {
    fn start(folder: &Path, load: &Load) -> Result<Self> {
        let mut command = Command::new(program());
        command
            .args(["simulate", "--quiet", "--listen", "127.0.0.1:0", "--pki"])
            .arg(folder.join("pki"))
            .args(load.arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| process::could_not_start(&command, &error))?;
        let mut address = String::new();
        if let Some(stdout) = child.stdout.take() {
            // Without a line there is no address, which is told below.
            let _ = BufReader::new(stdout).read_line(&mut address);
        }
        let server = Self {
            child,
            address: address.trim().to_owned(),
            bundle: load.bundle,
            folder: folder.to_owned(),
        };
        match server.address.is_empty() {
            true => Err("the simulator printed no address".to_owned()),
            false => Ok(server),
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// A path of this bench.
    pub(super) fn file(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    /// Removes what a client wrote.
    pub(super) fn clean(&self) -> Result {
        remove(&self.folder.join("state"))?;
        remove(&self.folder.join("events"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program under test.
pub(super) fn program() -> PathBuf {
    tree::root().join("target/release/estreamer")
}

pub(super) fn remove(path: &Path) -> Result {
    let removed = match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(about(path, &error)),
        _ => Ok(()),
    }
}

pub(super) fn about(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", tree::shown(path))
}
