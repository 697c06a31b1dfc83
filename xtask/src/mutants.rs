//! `cargo xtask mutants`: changes the code in small ways, one after the other, and counts the
//! changes that the tests notice, by cargo-mutants.

use std::fs;

use crate::steps::Steps;
use crate::{Result, process, programs, tree};

/// Tests, with the package and the features that they are built with.
struct Tests(&'static str, &'static str, &'static [&'static str]);

/// What is changed.
struct Part {
    name: &'static str,
    package: &'static str,
    files: &'static str,
    /// Run for every change, because they are built and run in seconds.
    fast: Tests,
    /// Run for the changes that those let pass.
    thorough: Tests,
}

/// What delivers events, crashed at every point, and worlds from seeds.
const DELIVERY: Tests = Tests("estreamer-tests", "", &["--test=model", "--bin=world"]);

const PARTS: [Part; 4] = [
    Part {
        name: "core",
        package: "estreamer-core",
        files: "core/src/**",
        fast: Tests(
            "estreamer-core",
            "json,embedded-io-async,arbitrary",
            &["--lib", "--test=all"],
        ),
        thorough: Tests("estreamer-core", "json,fuzzing,arbitrary", &[]),
    },
    Part {
        name: "delivery",
        package: "estreamer",
        files: "runtime-std/src/delivery/**",
        fast: Tests("estreamer", "archive", &["--lib"]),
        thorough: DELIVERY,
    },
    Part {
        name: "output",
        package: "estreamer",
        files: "runtime-std/src/output/**",
        fast: Tests("estreamer", "archive,http", &["--lib"]),
        thorough: DELIVERY,
    },
    Part {
        name: "tls",
        package: "estreamer-mio",
        files: "runtime-mio/src/tls/**",
        fast: Tests("estreamer-mio", "", &["--lib"]),
        thorough: Tests("estreamer-mio", "fuzzing", &[]),
    },
];

/// Tries one part, or of `N` equal shares of its changes the one with number `K`, from 0 on.
pub(crate) fn run(steps: &mut Steps, name: &str, shard: &str) -> Result {
    let part = PARTS.iter().find(|part| part.name == name);
    let part = part.ok_or("the parts are core, delivery, output and tls")?;
    steps.run("mutants: program", || programs::cargo("mutants"))?;
    let out = tree::root()
        .join("target/mutants-of")
        .join(format!("{name}-{}", shard.replace('/', "-of-")));
    let outcomes = |pass: &str, kind: &str| {
        let file = out.join(pass).join("mutants.out").join(kind);
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().map(str::to_owned).collect::<Vec<String>>()
    };
    let pass = |pass: &str, tests: &Tests, which: &[String]| {
        let Tests(package, features, arguments) = tests;
        let to = out.join(pass);
        fs::create_dir_all(&to).map_err(|error| format!("{}: {error}", to.display()))?;
        let mut mutants = process::cargo();
        mutants
            .args(["mutants", "--package", part.package, "--file", part.files])
            .args(["--test-package", package, "--features", features])
            .args(which)
            // For building as well; what follows `--` is for running alone.
            .args(
                arguments
                    .iter()
                    .map(|argument| format!("--cargo-arg={argument}")),
            )
            .arg("--output")
            .arg(to)
            .env("PROPTEST_CASES", "32");
        // 2 and 3: changes that were not noticed, or that never end.
        match mutants.status().map(|status| status.code()) {
            Ok(Some(0 | 2 | 3)) => Ok(()),
            Ok(_) => Err(format!("cargo mutants did not finish {name}")),
            Err(error) => Err(process::could_not_start(&mutants, &error)),
        }
    };
    let share = ["--sharding=round-robin", "--shard", shard].map(str::to_owned);
    steps.run("mutants: fast tests", || pass("fast", &part.fast, &share))?;
    let missed = outcomes("fast", "missed.txt");
    if !missed.is_empty() {
        let again: Vec<String> = missed.iter().map(|name| exactly(name)).collect();
        steps.run("mutants: all tests", || {
            pass("thorough", &part.thorough, &again)
        })?;
    }
    let count = |kind: &str| outcomes("fast", kind).len();
    let left = outcomes("thorough", "missed.txt");
    let (unviable, found) = (
        count("unviable.txt"),
        count("caught.txt") + count("timeout.txt"),
    );
    println!("| {name} {shard} | tried | noticed | do not compile | not noticed |");
    let noticed = found + missed.len() - left.len();
    let tried = found + missed.len() + unviable;
    println!("| | {tried} | {noticed} | {unviable} | {} |", left.len());
    left.iter().for_each(|change| println!("{change}"));
    Ok(())
}

/// The argument that selects the change with this name and no other.
fn exactly(name: &str) -> String {
    let mut argument = String::from("--re=^");
    for letter in name.chars() {
        if !letter.is_alphanumeric() && letter.is_ascii() && letter != ' ' {
            argument.push('\\');
        }
        argument.push(letter);
    }
    argument + "$"
}
