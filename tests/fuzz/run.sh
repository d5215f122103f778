#!/bin/bash
# run.sh [TARGET] [SECONDS]: build tests/fuzz/fuzz_TARGET.c with libFuzzer, ASan and UBSan (the preset
# fuzz; tests/CMakeLists.txt says what a target is made of and where its corpus is), and let it run
# (60 s each unless told). Without TARGET: all of them. A crash leaves its input in build/fuzz/runs and
# ends with 1.
set -e -u
cd "$(dirname "$0")/../.."
only=${1:-} seconds=${2:-60}
case $only in *[!0-9]* | '') ;; *) seconds=$only only= ;; esac
[ -z "$only" ] || [ -e "tests/fuzz/fuzz_$only.c" ] || { echo "run.sh: there is no target '$only'" >&2; exit 2; }

cmake --preset fuzz >/dev/null
for source in tests/fuzz/fuzz_*.c; do
    target=$(basename "$source" .c) target=${target#fuzz_}
    [ -z "$only" ] || [ "$only" = "$target" ] || continue
    echo "fuzz $target: building"
    cmake --build build/fuzz --parallel --target "fuzz_$target"
    work=$PWD/build/fuzz/runs/$target dict=$PWD/tests/fuzz/fuzz_$target.dict options=()
    mkdir -p "$work/corpus"
    [ ! -e "$dict" ] || options+=("-dict=$dict")
    echo "fuzz $target: running for $seconds s"
    (cd "$work" && ../../tests/"fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -verbosity=0 "${options[@]}" corpus "$(cat "../../fuzz_$target.corpus")") \
        || { echo "fuzz $target: failed, see $work"; exit 1; }
done
