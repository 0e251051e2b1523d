#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The seam over ioctl and mmap: its tests of a bus in another process, under kdbus-run's library
cd "${top_builddir:?}" || exit 99
out=$(mktemp) || exit 99
trap 'rm -f "$out"' EXIT
n=0
for program in test-engine test-engine-activator test-engine-order; do
    # shellcheck disable=SC2046 # names are words
    ENGINE_CARRIER=run LD_PRELOAD="$PWD/kdbus-run.so${LD_PRELOAD:+:$LD_PRELOAD}" \
        ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0" \
        timeout 100 "./$program" $("./$program" --list | grep -v '_direct$\|_pool$') >"$out" 2>&1
    status=$?
    n=$((n + 1))
    if [ $status = 0 ] && grep -q '^ok' "$out"; then
        echo "ok $n - $program"
    else
        sed 's/^/# /' "$out"
        echo "not ok $n - $program"
    fi
done
echo "1..$n"
