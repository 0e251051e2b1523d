# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# One "make check" with progress and a sum.  To be sourced after setup.sh.
: "${top:?}" "${me:?}"

n_passed=0
n_failed=0
n_skipped=0

# passes on what is not an ordinary success, and a line for every hundredth success
check_progress() {
    n=0
    while IFS= read -r line; do
        case $line in
        PASS:*)
            n=$((n + 1))
            if [ $((n % 100)) = 0 ]; then echo "  $n passed so far (${line#PASS: })"; fi
            ;;
        SKIP:* | FAIL:* | ERROR:* | XFAIL:* | XPASS:* | *' CC '* | *' CCLD '* | *rror*)
            echo "$line"
            ;;
        esac
    done
    echo "  $n passed"
}

# shows what the failed test programs of DIR have to say
show_failures() {
    find "$1" -name '*.trs' | while IFS= read -r trs; do
        grep -q '^:global-test-result: \(FAIL\|ERROR\)' "$trs" || continue
        echo "--- ${trs%.trs}.log (its last lines)"
        tail -n 40 "${trs%.trs}.log"
    done
}

# check_in DIR LIMIT-S: make check, adding up; what fails does not end the script
check_in() {
    dir=$1
    timeout -k 10 "$2" make -s -k -C "$dir" -j "$(nproc 2>/dev/null || echo 2)" check \
        >"$dir/check.output" 2>&1 </dev/null &
    check_pid=$!
    tail -n +1 -f --pid="$check_pid" -s 0.5 "$dir/check.output" | check_progress
    wait "$check_pid"
    status=$?
    # TAP results as automake counts them; ERROR is a program that ended early
    passed=$(sed -n 's/^# PASS: *//p' "$dir/check.output" | tail -n 1)
    skipped=$(sed -n 's/^# SKIP: *//p' "$dir/check.output" | tail -n 1)
    failed=$(sed -n 's/^# \(FAIL\|XPASS\|ERROR\): *//p' "$dir/check.output" |
        tail -n 3 | paste -s -d + -)
    failed=$((${failed:-0}))
    if [ "$status" != 0 ]; then
        [ "$status" != 124 ] || echo "make check in $dir took longer than $2 s"
        [ "$failed" != 0 ] || failed=1
        if [ -n "$passed" ]; then show_failures "$dir"; else tail -n 40 "$dir/check.output"; fi
    fi
    n_passed=$((n_passed + ${passed:-0}))
    n_skipped=$((n_skipped + ${skipped:-0}))
    n_failed=$((n_failed + failed))
}
