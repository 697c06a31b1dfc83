//! Talking to the person: a standard error that cannot be written to is no
//! reason to stop, least of all on the disk that is full.

/// As `eprintln!`, but it does not panic.
#[doc(hidden)]
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => {{
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("{}\n", format_args!($($argument)*)),
        );
    }};
}
