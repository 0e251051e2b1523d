#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# check-fuzz.sh SECONDS [TARGET...]
#
# Runs each fuzz target for so long (libFuzzer, ASan, UBSan), from its seed
# corpus, and prints the line coverage of its parser (tests/fuzz/parsers).  In
# fuzz/ of the current directory: the build, and corpora that grow from run to
# run.  Fails when a target finds something, or reaches less than WANTED.
set -u
me=check-fuzz
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$top/tests/ci/setup.sh"
WANTED=90 # percent of the lines

[ $# -ge 1 ] || die "usage: check-fuzz.sh SECONDS [TARGET...]"
seconds=$1
shift
for tool in clang llvm-cov llvm-profdata; do
    command -v $tool >/dev/null || { say "skipped: no $tool (Debian: clang, llvm)"; exit 77; }
done

coverage="-fprofile-instr-generate -fcoverage-mapping"
build_tree fuzz CC=clang CFLAGS="-O1 -g $coverage" LDFLAGS="$coverage" \
    --enable-fuzzing --enable-sanitizers=address,undefined
# shellcheck disable=SC2046 # a list of words
[ $# -gt 0 ] || set -- $(sed -n 's/^\([-a-z]*\)	.*/\1/p' "$top/tests/fuzz/parsers")
for target; do
    make_in fuzz "fuzz-$target"
done

status=0
cd fuzz || exit 1
for target; do
    work=run/$target
    mkdir -p "$work/corpus" "$work/found"
    set -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$work/found/"
    dict=$top/tests/fuzz/$target.dict
    [ ! -f "$dict" ] || set -- "$@" -dict="$dict"
    if ! LLVM_PROFILE_FILE=$work/profraw timeout $((seconds + 120)) "./fuzz-$target" "$@" \
        "$work/corpus" "$top/tests/fuzz/corpus/$target" >"$work/log" 2>&1 </dev/null; then
        tail -n 30 "$work/log"
        echo "fuzz-$target: FOUND something, see $(pwd)/$work"
        status=1
        continue
    fi
    files=$(sed -n "s/^$target	//p" "$top/tests/fuzz/parsers")
    llvm-profdata merge -sparse "$work/profraw" -o "$work/profdata" || exit 1
    # shellcheck disable=SC2086 # a list of words
    (cd "$top" && llvm-cov export --summary-only "$OLDPWD/fuzz-$target" \
        --instr-profile="$OLDPWD/$work/profdata" $files) >"$work/coverage" || exit 1
    runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$work/log")
    "${PYTHON3:-python3}" - "$work/coverage" "$target" "$runs" $WANTED <<'END' || status=1
import json, os, sys
path, target, runs, wanted = sys.argv[1:]
with open(path, encoding='utf-8') as f:
    data = json.load(f)['data'][0]
for file in data['files']:
    lines = file['summary']['lines']
    print(f"  {lines['percent']:5.1f} %  {lines['covered']:5} of {lines['count']:5}  "
          + os.path.basename(file['filename']))
lines = data['totals']['lines']
print(f"fuzz-{target}: {runs} runs, nothing found, {lines['percent']:.1f} % of its parser's lines")
sys.exit(lines['percent'] < float(wanted))
END
done
exit $status
