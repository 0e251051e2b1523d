# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# For the tests that run programs inside a session on the subject, beside
# tests/harness/tap.sh.  To be sourced; a test script calls start_session "$@" first, which starts
# dbus-run-session with the script itself in it, and ends with finish.
# shellcheck source=tests/harness/tap.sh
. "${top_srcdir:?}/tests/harness/tap.sh"
dir=

# check NAME PATTERN COMMAND...: the command succeeds and its output matches
check() {
    name=$1 pattern=$2
    shift 2
    if ! command -v "$1" >/dev/null; then
        skip "$name" "no $1"
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
        skip "$name" "no $1"
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
        command -v $tool >/dev/null || skip_all "no $tool"
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
