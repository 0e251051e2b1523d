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

# what led to each failure in the log of a TAP program: the comments above it
show_failures() {
    find "$1" -name '*.trs' | sort | while IFS= read -r trs; do
        grep -q '^:global-test-result: \(FAIL\|ERROR\)' "$trs" || continue
        echo "--- ${trs%.trs}.log"
        awk '/^(PASS|FAIL|SKIP): /  { next }
             /^ok /                 { n = 0; next }
                                    { line[n++] = $0 }
             /^(not ok |ERROR: )/   { for (i = n > 30 ? n - 30 : 0; i < n; i++) print "  " line[i]
                                      n = 0 }' "${trs%.trs}.log"
    done
}

# the number of lines of FILE that start with WHAT
count_lines() {
    grep -c "^$2: " "$1"
}

# programs that ended in error without having said which of their tests failed
count_errors() {
    awk '/^FAIL: /  { failed[$2] = 1 }
         /^ERROR: / { error[$2] = 1 }
         END        { for (name in error) n += !(name in failed); print n + 0 }' "$1"
}

# check_in DIR LIMIT-S: make check, adding up; what fails does not end the script
check_in() {
    dir=$1
    : >"$dir/check.output"
    timeout -k 10 "$2" make -s -k -C "$dir" -j "$(nproc 2>/dev/null || echo 2)" check \
        >"$dir/check.output" 2>&1 </dev/null &
    check_pid=$!
    tail -n +1 -f --pid="$check_pid" -s 0.5 "$dir/check.output" | check_progress
    wait "$check_pid"
    status=$?
    passed=$(count_lines "$dir/check.output" PASS)
    failed=$(($(count_lines "$dir/check.output" FAIL) + $(count_lines "$dir/check.output" XPASS) +
        $(count_errors "$dir/check.output")))
    if [ "$status" != 0 ]; then
        [ "$status" != 124 ] || echo "make check in $dir took longer than $2 s"
        [ "$failed" != 0 ] || failed=1
        if [ "$passed" != 0 ]; then
            show_failures "$dir"
        else
            tail -n 40 "$dir/check.output"
        fi
    fi
    n_passed=$((n_passed + passed))
    n_failed=$((n_failed + failed))
    n_skipped=$((n_skipped + $(count_lines "$dir/check.output" SKIP)))
}

# add_sum FILE STATUS: what FILE says in its sum; a STATUS but 0 is a failure at least
add_sum() {
    # shellcheck disable=SC2046 # three numbers
    set -- "$2" $(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' \
        "$1") 0 0 0
    failed=$3
    if [ "$1" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
    n_passed=$((n_passed + $2))
    n_failed=$((n_failed + failed))
    n_skipped=$((n_skipped + $4))
}

# suites_in DIR LIMIT-S: the tests of others, adding up
suites_in() {
    dir=$1
    timeout -k 10 $(($2 + 60)) make -s -C "$dir" check-suites SUITE_SECONDS="$2" \
        >"$dir/suites.output" 2>&1 </dev/null
    status=$?
    # all but the programs one by one
    grep -v '^  ' "$dir/suites.output" | sed 's/^/  /'
    add_sum "$dir/suites.output" "$status"
}

# kernels_in DIR LIMIT-S: the module on the kernel that is installed, or else the release's, and on
# a newer one, adding up
kernels_in() {
    dir=$1
    if ! ls /lib/modules/*/build/Makefile >/dev/null 2>&1; then
        "$top/tests/ci/fetch-kernel" "$dir/kernels" "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" \
            >"$dir/fetch-kernel.output" 2>&1 || tail -n 1 "$dir/fetch-kernel.output"
    fi
    "$top/tests/ci/fetch-kernel" "$dir/kernels" >"$dir/fetch-kernel.output" 2>&1 ||
        tail -n 1 "$dir/fetch-kernel.output"
    timeout -k 10 "$2" make -s -j "$(nproc 2>/dev/null || echo 2)" -C "$dir" check-kernel \
        >"$dir/check-kernel.output" 2>&1 </dev/null
    status=$?
    grep -E '^(SKIP|kernel )' "$dir/check-kernel.output" | sed 's/^/  /'
    [ "$status" = 0 ] || tail -n 60 "$dir/check-kernel.output"
    add_sum "$dir/check-kernel.output" "$status"
}
