#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The benchmark can measure each of its quick measures on the bus-proxyd of this
# build, and one of each other kind.  What it measures is of no interest here.
set -u
: "${top_builddir:?}"

# measures [OPTION...]: every line of the outcome has a figure of bus-proxyd's
measures() {
    rm -rf test-bench.out
    if ! "$top_builddir/bus-bench" --rounds=1 --output=test-bench.out "$@" \
        >test-bench.txt 2>test-bench.errors; then
        sed 's/^/# /' test-bench.errors
        return 1
    fi
    [ -s test-bench.out/RESULTS.md ] || return 1
    lines=$(grep '"ratios"' test-bench.out/results.json)
    # not everywhere may one process trace another
    if grep -q 'cannot count system calls' test-bench.errors; then
        lines=$(printf '%s\n' "$lines" | grep -v '"system calls')
    fi
    ! printf '%s\n' "$lines" | grep -v '"bus-proxyd":{"median"'
}

n=0
# test NAME OPTION...
test_measures() {
    name=$1
    shift
    n=$((n + 1))
    if measures "$@"; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
    fi
}

echo 1..5
test_measures quick --quick
for measure in rules-arg0path slow-reader credentials queue-memory; do
    test_measures $measure --only --measure=$measure
done
rm -rf test-bench.out test-bench.txt test-bench.errors
