#!/bin/bash -eu
# Builds fuzz targets for ClusterFuzzLite and OSS-Fuzz: the program, its seed corpus
# and the dictionary, side by side in $OUT. Without arguments, all of them.
cd "$SRC/estreamer"
if [ $# = 0 ]; then
    cargo fuzz build --fuzz-dir fuzz --release --debug-assertions
    for source in fuzz/fuzz_targets/*.rs; do
        target=$(basename "$source" .rs)
        # All of the core's targets in one, for a quick run by hand.
        [ "$target" = smoke ] || set -- "$@" "$target"
    done
else
    for target; do
        cargo fuzz build --fuzz-dir fuzz --release --debug-assertions "$target"
    done
fi

built=${CARGO_TARGET_DIR:-fuzz/target}/$(rustc -vV | sed -n 's/^host: //p')/release
for target; do
    cp "$built/$target" "$OUT/"
    cp fuzz/estreamer.dict "$OUT/$target.dict"
    rm -f "$OUT/${target}_seed_corpus.zip"
    zip --quiet --junk-paths --recurse-paths "$OUT/${target}_seed_corpus.zip" "fuzz/corpus/$target"
done
