#!/bin/sh
# Fuzzes every parser of network input, coverage-guided, on stable Rust: fuzz/run.sh [SECONDS [TARGET...]]
# What is found is kept in fuzz/corpus (interesting inputs) and fuzz/findings (crashes, with how to repeat them).
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
[ $# -gt 0 ] && shift
targets=${*:-message endpoint framing sdp rtp rtcp}

# SanitizerCoverage for libFuzzer. Stable rustc runs the pass when it is named; no sanitizer is linked, as the code is safe Rust
# and its panics and failed assertions are what is looked for.
export RUSTFLAGS="-C passes=sancov-module \
 -C llvm-args=-sanitizer-coverage-level=4 \
 -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
 -C llvm-args=-sanitizer-coverage-pc-table \
 -C llvm-args=-sanitizer-coverage-trace-compares \
 -C codegen-units=1 --cfg fuzzing"
# With a target named, the flags are for the code under test only and not for build scripts and macros.
host=$(rustc -vV | sed -n 's/^host: //p')
cargo build --quiet --release --target "$host"

status=0
for target in $targets; do
    mkdir -p "corpus/$target" "findings/$target"
    echo "---- $target: $seconds s"
    if ! "target/$host/release/$target" "corpus/$target" "seeds/$target" \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 \
        -artifact_prefix="findings/$target/" -print_final_stats=1 -verbosity=1 >"findings/$target.log" 2>&1; then
        status=1
        grep -E "panicked|ERROR|SUMMARY" -A2 "findings/$target.log" || tail -20 "findings/$target.log"
        echo "repeat: fuzz/target/$host/release/$target fuzz/findings/$target/<file>"
    fi
    grep -E "^(Done|#[0-9]+.*(DONE|pulse|cov:))|stat::number_of_executed_units" "findings/$target.log" | tail -3
done
exit $status
