#!/bin/bash -eu
# Builds every fuzz target for ClusterFuzzLite and OSS-Fuzz: the program, its
# seed corpus and the dictionary, side by side in $OUT.
cd "$SRC/estreamer"
cargo fuzz build --fuzz-dir fuzz --release --debug-assertions

for source in fuzz/fuzz_targets/*.rs; do
    target=$(basename "$source" .rs)
    # All of the core's targets in one, for a quick run by hand.
    [ "$target" = smoke ] && continue
    cp "fuzz/target/x86_64-unknown-linux-gnu/release/$target" "$OUT/"
    cp fuzz/estreamer.dict "$OUT/$target.dict"
    rm -f "$OUT/${target}_seed_corpus.zip"
    zip --quiet --junk-paths --recurse-paths "$OUT/${target}_seed_corpus.zip" "fuzz/corpus/$target"
done
