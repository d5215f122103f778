#!/bin/bash
# run.sh [TARGET] [SECONDS]: build tests/fuzz/fuzz_TARGET.c with libFuzzer, ASan and UBSan, and let it run
# (60 s each unless told). Without TARGET: all of them. A crash leaves its input in build/fuzz and ends with 1.
#
# A target names what it is made of in its first comment:
#   sources: daemon/base/*.c …    (patterns from the top of the tree)
#   libs: -lyaml …
#   corpus: tests/data/conf …     (folders with files to begin with)
set -e -u
cd "$(dirname "$0")/../.."
only=${1:-} seconds=${2:-60}
case $only in *[!0-9]* | '') ;; *) seconds=$only only= ;; esac

field() { # field NAME FILE: what stands behind "NAME:" in the first comment
    sed -n "/\*\//q; s/^ \* $1: *//p" "$2"
}

found=0
for source in tests/fuzz/fuzz_*.c; do
    target=$(basename "$source" .c) target=${target#fuzz_}
    [ -z "$only" ] || [ "$only" = "$target" ] || continue
    found=1
    work=build/fuzz/$target
    mkdir -p "$work/corpus"
    echo "fuzz $target: building"
    # shellcheck disable=SC2046,SC2086 # patterns and options are meant to be split
    clang -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -D_GNU_SOURCE \
        -DSTEWARD_VERSION='"fuzz"' -Idaemon -Iinclude -Iplugins "$source" $(field sources "$source") \
        $(field libs "$source") -o "$work/fuzz"
    dict=tests/fuzz/fuzz_$target.dict options=()
    [ ! -e "$dict" ] || options+=("-dict=$dict")
    echo "fuzz $target: running for $seconds s"
    # shellcheck disable=SC2046
    (cd "$work" && ./fuzz -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
        "${options[@]/#-dict=/-dict=../../../}" corpus $(cd ../../.. && field corpus "$source" | xargs -n1 printf '../../../%s ')) \
        || { echo "fuzz $target: failed, see $work"; exit 1; }
done
[ $found = 1 ] || { echo "run.sh: there is no target '$only'" >&2; exit 2; }
