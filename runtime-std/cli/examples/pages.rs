//! Writes the man pages and the shells' completions of `estreamer` into a directory,
//! which is made: `man/`, `bash/`, `zsh/` and `fish/`. They come from the one
//! definition of the command line.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap_complete::Shell;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err("name the directory to write into".into());
    };
    let man = directory.join("man");
    fs::create_dir_all(&man)?;
    clap_mangen::generate_to(estreamer_cli::command(), &man)?;
    for (shell, name) in [
        (Shell::Bash, "bash"),
        (Shell::Zsh, "zsh"),
        (Shell::Fish, "fish"),
    ] {
        let directory = directory.join(name);
        fs::create_dir_all(&directory)?;
        clap_complete::generate_to(
            shell,
            &mut estreamer_cli::command(),
            "estreamer",
            &directory,
        )?;
    }
    Ok(())
}
