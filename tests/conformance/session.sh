# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# TAP for the tests that run programs inside a session on the subject.  To be
# sourced; a test script calls start_session "$@" first, which starts
# dbus-run-session with the script itself in it, and ends with finish.
dir=
number=0
failed=0

# result STATUS NAME [OUTPUT]
result() {
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        failed=1
        printf '%s\n' "$3" | sed 's/^/# /'
        echo "not ok $number - $2"
    fi
}

skip() {
    number=$((number + 1))
    echo "ok $number - $2 # SKIP no $1"
}

# check NAME PATTERN COMMAND...: the command succeeds and its output matches
check() {
    name=$1 pattern=$2
    shift 2
    if ! command -v "$1" >/dev/null; then
        skip "$1" "$name"
        return
    fi
    output=$(timeout 20 "$@" 2>&1)
    status=$?
    if [ $status -eq 0 ]; then
        printf '%s\n' "$output" | grep -q -e "$pattern"
        status=$?
    fi
    result $status "$name" "$output"
}

# fails NAME PATTERN COMMAND...: it fails and says why
fails() {
    name=$1 pattern=$2
    shift 2
    if ! command -v "$1" >/dev/null; then
        skip "$1" "$name"
        return
    fi
    if output=$(timeout 20 "$@" 2>&1); then
        result 1 "$name" "$output"
    else
        printf '%s\n' "$output" | grep -q -e "$pattern"
        result $? "$name" "$output"
    fi
}

# start_session SCRIPT [inside DIR]: returns inside of the session, with $dir a folder
# that is removed in the end.  There HOME is empty, and so is $XDG_RUNTIME_DIR.
start_session() {
    if [ "${2-}" = inside ]; then
        dir=$3
        return
    fi
    for tool in dbus-run-session dbus-send; do
        if ! command -v $tool >/dev/null; then
            echo "1..0 # SKIP no $tool"
            exit 0
        fi
    done
    dir=$(mktemp -d "${TMPDIR:-/tmp}/bp-test-XXXXXX") || exit 1
    trap 'rm -rf "$dir"' EXIT
    case ${BP_SUBJECT:-embedded} in
    reference) command="dbus-daemon" ;;
    pool) command="${top_builddir:-.}/bus-proxyd --bus=embedded:pool" ;;
    *) command="${top_builddir:-.}/bus-proxyd" ;;
    esac
    printf '#!/bin/sh\nexec %s "$@"\n' "$command" >"$dir/daemon"
    chmod +x "$dir/daemon"
    mkdir -m 700 "$dir/home" "$dir/run"
    HOME=$dir/home XDG_DATA_HOME=$dir/home/.local/share XDG_RUNTIME_DIR=$dir/run
    export HOME XDG_DATA_HOME XDG_RUNTIME_DIR
    unset XDG_CONFIG_HOME XDG_CACHE_HOME
    timeout 120 dbus-run-session --dbus-daemon="$dir/daemon" -- "$1" inside "$dir"
    exit
}

finish() {
    echo "1..$number"
    exit $failed
}
