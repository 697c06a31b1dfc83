//! `cargo xtask footprint`: what a client session costs on a Cortex-M3 and a RISC-V,
//! against limits and against the checked-in table.

use std::fmt::Write;

use crate::board::{self, Board, CORTEX_M3, RISC_V, Toolchain};
use crate::steps::Steps;
use crate::{Result, process, tree};

const TABLE: &str = "tests/firmware/footprint.md";
/// Code and read-only data together.
const CODE_LIMIT: u64 = 16 * 1024;
/// What a session keeps, beside the caller's window and transmit buffer.
const STATE_LIMIT: u64 = 288;

/// What the image on embassy's executor keeps: a task with its window of 4096 bytes, and
/// everything else.
const EMBASSY_LIMIT: u64 = 4096 + 2048;
/// What it uses of the stack.
const STACK_LIMIT: u64 = 2048;
/// What the stack has more if the timer interrupts where it is deepest: the registers of the
/// exception and of its handler.
const INTERRUPT: u64 = 64;
const STACK: &str = "embassy image: stack";

struct Row {
    name: String,
    bytes: u64,
    limit: Option<u64>,
}

impl Row {
    fn is_near(&self, listed: u64) -> bool {
        let by_chance = if self.name == STACK { INTERRUPT } else { 0 };
        listed.abs_diff(self.bytes).saturating_sub(by_chance) * 100 <= listed * 2
    }
}

pub(crate) fn run(steps: &mut Steps, bless: bool) -> Result {
    let toolchain = steps.run("footprint: tools", Toolchain::find)?;
    steps.run("footprint: images", || images(&toolchain))?;
    let risc_v = steps.run("footprint: RISC-V", || {
        let is_there = risc_v(&toolchain)?;
        if !is_there {
            println!("skipped: the source of core is not there");
        }
        Ok(is_there)
    })?;
    steps.run("footprint: table", || {
        let compiler = toolchain.description();
        let rows = measure(risc_v)?;
        let table = render(&rows, &compiler);
        println!("{table}");
        let path = tree::root().join(TABLE);
        if bless {
            std::fs::write(&path, table).map_err(|error| format!("{TABLE}: {error}"))?;
        }
        check_limits(&rows)?;
        check_table(&rows, &compiler, &tree::read(&path)?)
    })
}

/// Finds the compiler and the emulators, or installs them.
pub(crate) fn programs() -> Result {
    Toolchain::find()?.for_board(RISC_V).map(drop)
}

/// Builds the images, while others do what is waited for.
pub(crate) fn prepare() -> Result {
    let toolchain = Toolchain::find()?.patient();
    images(&toolchain)?;
    risc_v(&toolchain).map(drop)
}

fn images(toolchain: &Toolchain) -> Result {
    toolchain.build(&["footprint", "request", "baseline", "sizes"], "")?;
    toolchain.build(&["collecting", "embassy"], "embassy")
}

/// Builds the images for RISC-V. Returns whether its compiler is there.
fn risc_v(toolchain: &Toolchain) -> Result<bool> {
    let toolchain = toolchain.for_board(RISC_V)?;
    if let Some(toolchain) = &toolchain {
        toolchain.build(&["footprint", "request", "baseline"], "")?;
    }
    Ok(toolchain.is_some())
}

/// Weighs session and request, and asks the third image for the sizes.
fn measure(risc_v: bool) -> Result<Vec<Row>> {
    let [session, request, collecting, embassy] =
        ["footprint", "request", "collecting", "embassy"].map(|image| Weight::of(CORTEX_M3, image));
    let (session, request, collecting, embassy) = (session?, request?, collecting?, embassy?);
    let code = session.text + session.rodata;
    let mut rows = vec![
        row("session: code, `.text`", session.text, None),
        row("session: read-only data, `.rodata`", session.rodata, None),
        row("session: both", code, Some(CODE_LIMIT)),
        row("session: `.data` and `.bss`", session.writable, Some(0)),
        row("typed request: both", request.text + request.rodata, None),
        row(
            "typed request: `.data` and `.bss`",
            request.writable,
            Some(0),
        ),
        row(
            "async loop: both",
            collecting.text + collecting.rodata,
            Some(CODE_LIMIT),
        ),
        row(
            "async loop: `.data` and `.bss`",
            collecting.writable,
            Some(0),
        ),
        row("embassy image: both", embassy.text + embassy.rodata, None),
        row(
            "embassy image: `.data` and `.bss`",
            embassy.writable,
            Some(EMBASSY_LIMIT),
        ),
        row(
            STACK,
            told("embassy")?.iter().map(|(_, bytes)| bytes).sum(),
            Some(STACK_LIMIT),
        ),
    ];
    let mut state = 0;
    for (name, bytes) in told("sizes")? {
        state += bytes;
        rows.push(row(&format!("state: `{name}`"), bytes, None));
    }
    if state == 0 {
        return Err("the image `sizes` told no size".to_owned());
    }
    rows.push(row("state: in all", state, Some(STATE_LIMIT)));
    if risc_v {
        for (image, what) in [("footprint", "session"), ("request", "typed request")] {
            let Weight {
                text,
                rodata,
                writable,
            } = Weight::of(RISC_V, image)?;
            let limit = Some(CODE_LIMIT);
            rows.push(row(&format!("RISC-V, {what}: both"), text + rodata, limit));
            let name = format!("RISC-V, {what}: `.data` and `.bss`");
            rows.push(row(&name, writable, Some(0)));
        }
    }
    Ok(rows)
}

/// Runs an image; returns the sizes that it prints by name.
fn told(image: &str) -> Result<Vec<(String, u64)>> {
    let (_, told) = board::emulate(image)?;
    let told = tree::read(&told)?;
    let sizes = told.lines().map(|line| {
        line.rsplit_once(' ')
            .and_then(|(name, bytes)| Some((name.to_owned(), bytes.parse().ok()?)))
            .ok_or_else(|| format!("the image `{image}` wrote `{line}`, not `NAME BYTES`"))
    });
    sizes.collect()
}

/// What an image has more than the baseline.
struct Weight {
    text: u64,
    rodata: u64,
    writable: u64,
}

impl Weight {
    fn of(board: Board, image: &str) -> Result<Self> {
        // What is weighed must also work, or the wrong thing is weighed.
        let (status, _) = board.emulate(image)?;
        if !status.success() {
            return Err(format!("the image {image} ended with {status}"));
        }
        let (whole, baseline) = (sections(board, image)?, sections(board, "baseline")?);
        let more = |section| size(&whole, section).saturating_sub(size(&baseline, section));
        Ok(Weight {
            text: more(".text"),
            rodata: more(".rodata"),
            writable: more(".data") + more(".bss"),
        })
    }
}

/// The table of an image's sections, as readelf prints it.
fn sections(board: Board, image: &str) -> Result<String> {
    let mut command = process::command("readelf");
    process::read(
        command
            .args(["--sections", "--wide"])
            .arg(board.image(image)),
    )
    .map_err(|message| format!("{message}; readelf is part of binutils"))
}

/// The bytes of a section; one that is missing has none. A row is
/// `[ 3] .text PROGBITS 00000400 010400 0012f4 …`: name, type, address, offset, size.
fn size(sections: &str, name: &str) -> u64 {
    let of_row = |row: &str| {
        let (_, row) = row.split_once(']')?;
        let cells: Vec<&str> = row.split_whitespace().collect();
        (cells.first() == Some(&name)).then(|| u64::from_str_radix(cells.get(4)?, 16).ok())?
    };
    sections.lines().find_map(of_row).unwrap_or(0)
}

fn row(name: &str, bytes: u64, limit: Option<u64>) -> Row {
    Row {
        name: name.to_owned(),
        bytes,
        limit,
    }
}

fn render(rows: &[Row], compiler: &str) -> String {
    let mut table = String::from(
        "# What a client session costs on a Cortex-M3 and a RISC-V\n\n\
         Bytes that an image has more than the same image without\n\
         (`src/bin/baseline.rs`), optimised for size: a client session\n\
         (`src/bin/footprint.rs`), a typed request (`src/bin/request.rs`), the loop that\n\
         collects with the async client, its request and its waits\n\
         (`src/bin/collecting.rs`), and the same with embassy's executor, a timer, a\n\
         scripted server and a window of 4096 bytes (`src/bin/embassy`). The stack is what\n\
         that image has used at its end, with up to 64 bytes more if its timer interrupts\n\
         where it is deepest. RISC-V is riscv32imc. Written by `cargo xtask footprint --bless`.\n\n\
         | what | bytes | at most |\n|---|---:|---:|\n",
    );
    for Row { name, bytes, limit } in rows {
        let limit = limit.map(|limit| limit.to_string()).unwrap_or_default();
        let _ = writeln!(table, "| {name} | {bytes} | {limit} |");
    }
    let _ = write!(table, "\nCompiler: {compiler}\n");
    table
}

fn check_limits(rows: &[Row]) -> Result {
    let over: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row, row.limit?)))
        .filter(|(row, limit)| row.bytes > *limit)
        .map(|(row, limit)| format!("{}: {} bytes, allowed are {limit}", row.name, row.bytes))
        .collect();
    if over.is_empty() {
        Ok(())
    } else {
        Err(over.join("; "))
    }
}

/// The checked-in table must be true to 2 %. Another compiler makes other
/// code, so there it is only told.
fn check_table(rows: &[Row], compiler: &str, table: &str) -> Result {
    let stale: Vec<_> = rows
        .iter()
        .filter(|row| !listed(table, &row.name).is_some_and(|bytes| row.is_near(bytes)))
        .map(|row| row.name.as_str())
        .collect();
    if stale.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{TABLE} is off by more than 2 % for {}; `cargo xtask footprint --bless` rewrites it",
        stale.join(", ")
    );
    if table.contains(&format!("Compiler: {compiler}\n")) {
        Err(message)
    } else {
        println!("warning: {message} (it was measured with another compiler)");
        Ok(())
    }
}

/// The bytes of a row in a rendered table.
fn listed(table: &str, name: &str) -> Option<u64> {
    table.lines().find_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        (cells.next()? == name).then(|| cells.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(code: u64) -> [Row; 2] {
        [row("code", code, Some(10_000)), row("`.bss`", 0, Some(0))]
    }

    #[test]
    fn a_table_is_true_to_two_percent() {
        let table = render(&rows(1000), "rustc 1");
        for (code, ok) in [(979, false), (980, true), (1020, true), (1021, false)] {
            assert_eq!(
                check_table(&rows(code), "rustc 1", &table).is_ok(),
                ok,
                "{code}"
            );
            assert!(check_table(&rows(code), "rustc 2", &table).is_ok());
        }
    }

    #[test]
    fn a_stack_may_have_an_interrupt_more() {
        let stack = |bytes| [row(STACK, bytes, None)];
        let table = render(&stack(1000), "rustc 1");
        for (bytes, ok) in [(915, false), (916, true), (1084, true), (1085, false)] {
            assert_eq!(
                check_table(&stack(bytes), "rustc 1", &table).is_ok(),
                ok,
                "{bytes}"
            );
        }
    }

    #[test]
    fn a_section_has_the_size_that_readelf_tells() {
        let sections = "  [Nr] Name Type Addr Off Size ES Flg Lk Inf Al\n\
                        \x20 [ 0]      NULL     00000000 000000 000000 00      0 0 0\n\
                        \x20 [ 1] .text PROGBITS 00000400 010400 0012f4 00  AX  0 0 4\n";
        assert_eq!(size(sections, ".text"), 0x12f4);
        assert_eq!(size(sections, ".rodata"), 0);
    }

    #[test]
    fn a_missing_row_is_stale() {
        let table = render(&rows(1000)[..1], "rustc 1");
        assert!(check_table(&rows(1000), "rustc 1", &table).is_err());
    }

    #[test]
    fn a_limit_holds_up_to_its_last_byte() {
        assert!(check_limits(&rows(10_000)).is_ok());
        assert!(check_limits(&rows(10_001)).is_err());
    }
}
