# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# TAP for tests that are shell scripts, to be read by them: results as they come, finish
# at the end.
number=0
failed=0

# result STATUS NAME [OUTPUT]: what it printed is shown when it failed
result() {
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        failed=1
        [ -z "${3-}" ] || printf '%s\n' "$3" | sed 's/^/# /'
        echo "not ok $number - $2"
    fi
}

# skip NAME WHY
skip() {
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

# skip_all WHY: there is nothing to be tested here
skip_all() {
    echo "1..0 # SKIP $*"
    exit 0
}

finish() {
    echo "1..$number"
    exit $failed
}
