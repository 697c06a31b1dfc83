//! The size of the pieces of memory that records are received into.

use crate::count::Count;
use crate::failure::Failure;

/// The largest record with its overhead, for which the budget has room besides the
/// arenas.
const LARGEST: usize = 16 << 20;
/// The minimum size of an arena, one TLS record, and the maximum useful size.
const ARENA: (usize, usize) = (16 << 10, 256 << 10);

/// Arenas beside one for each source. A source whose arena is full takes one of them for
/// the record of which only a part has come, and the full one is free after its delivery.
const SPARE: usize = 2;

/// Returns the size of an arena in bytes: as large as two for each source allow, but at least
/// the smallest, of which one for each source has to fit.
pub(super) fn arena(memory: usize, sources: usize) -> Result<usize, Failure> {
    let arenas = memory.saturating_sub(LARGEST);
    if arenas / (sources + SPARE) < ARENA.0 {
        let needed = (LARGEST + (sources + SPARE) * ARENA.0).div_ceil(1 << 20);
        return Err(Failure::usage(
            format!(
                "{} MiB of memory is not enough for {}",
                memory >> 20,
                Count(sources as u64, "source")
            ),
            format!("Allow at least {needed} MiB"),
        ));
    }
    Ok((arenas / (2 * sources + SPARE)).clamp(ARENA.0, ARENA.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_sources_have_an_arena_each_at_the_default_of_memory() {
        let default = 32 << 20;
        let size = arena(default, 1000).unwrap();
        assert!(size >= ARENA.0 && LARGEST + (1000 + SPARE) * size <= default);
        let size = arena(default, 200).unwrap();
        assert!(size > ARENA.0 && LARGEST + (2 * 200 + SPARE) * size <= default);
        assert_eq!(arena(default, 1).unwrap(), ARENA.1);
        let refused = arena(default, 1100).unwrap_err().to_string();
        assert!(refused.contains("Allow at least 34 MiB"), "{refused}");
        assert!(arena(34 << 20, 1100).is_ok());
    }
}
