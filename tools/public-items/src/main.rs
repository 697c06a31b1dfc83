//! Lists the public items of a library, one per line. Run by `cargo xtask api` for each library,
//! with the file that rustdoc has written.

use std::process::ExitCode;

use public_api::Builder;

fn main() -> ExitCode {
    let Some(file) = std::env::args_os().nth(1) else {
        eprintln!("usage: estreamer-public-items FILE.json");
        return ExitCode::FAILURE;
    };
    // What follows from the items themselves would fill most of the list.
    let items = Builder::from_rustdoc_json(file)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build();
    match items {
        Ok(items) => {
            println!("{items}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
