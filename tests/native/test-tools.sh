#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# kdbus-tree, kdbus-monitor and kdbus-run on a bus that bus-proxyd serves
set -u
build=${top_builddir:?}
dir=$(mktemp -d "${TMPDIR:-/tmp}/test-tools-XXXXXX") || exit 1
daemon=
monitor=
# shellcheck source=tests/harness/tap.sh
. "${top_srcdir:?}/tests/harness/tap.sh"

# shellcheck disable=SC2317 # called by the traps
end() {
    [ -z "$monitor" ] || kill "$monitor" 2>/dev/null
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null
    wait
    rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# until COMMAND succeeds
await() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || return 1
        sleep 0.1
    done
}

# tree PATTERN
tree() {
    "$build/kdbus-tree" "$dir/kdbus" >"$dir/tree" 2>&1 && grep -q "$1" "$dir/tree"
}

# somebody comes and goes, and the monitor has seen it
# shellcheck disable=SC2317 # called by await
visited() {
    "$build/kdbus-tree" "$dir/kdbus" >/dev/null
    grep -q 'connection gone' "$dir/lines" 2>/dev/null
}

cat >"$dir/conf" <<END
<busconfig>
  <type>session</type>
  <listen>unix:path=$dir/bus</listen>
  <policy context="default">
    <allow user="*"/><allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
END
"$build/bus-proxyd" --config-file="$dir/conf" --nofork --engine-socket="$dir/kdbus" \
    2>"$dir/log" &
daemon=$!
await test -S "$dir/kdbus/control"
DBUS_SESSION_BUS_ADDRESS=unix:path=$dir/bus
export DBUS_SESSION_BUS_ADDRESS

await tree "^  $(id -u)-.* uid=$(id -u) .*pid=$daemon"
result $? "the tree has the bus and who made it"
tree "endpoint bus  0666  uid=$(id -u)"
result $? "its endpoint"

"$build/kdbus-monitor" "$(dirname "$(find "$dir/kdbus" -name bus)")" >"$dir/lines" &
monitor=$!
await visited
"$build/greeter" >/dev/null 2>&1 &
greeter=$!
await tree '^        org\.example\.Greeter'
result $? "names and their owners"
await grep -q 'name added  org\.example\.Greeter' "$dir/lines"
result $? "the monitor tells of names"
kill $greeter
await grep -q 'name removed  org\.example\.Greeter' "$dir/lines"
result $? "and of their end"
kill $monitor
wait $monitor
status=$?
monitor=
result $status "the monitor ends when it is told to"

"$build/kdbus-monitor" --pcap="$dir/pcap" "$(dirname "$(find "$dir/kdbus" -name bus)")" &
monitor=$!
await test -s "$dir/pcap"
"$build/greeter" >/dev/null 2>&1 &
greeter=$!
await tree '^        org\.example\.Greeter'
dbus-send --session --print-reply --dest=org.example.Greeter /org/example/Greeter \
    org.example.Greeter.Greet string:pcap >/dev/null
await grep -q Greet "$dir/pcap"
[ "$(od -An -tx4 -N4 "$dir/pcap")" = " a1b23c4d" ] && [ "$(od -An -tu4 -j20 -N4 "$dir/pcap" | tr -d ' ')" = 231 ]
result $? "a capture has the messages"
kill $greeter $monitor
wait $monitor
monitor=

# the file system that is not there
# the library comes in front of a sanitizer's, and has none
ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0" "$build/kdbus-run" --directory="$dir/kdbus" "$build/kdbus-tree" /sys/fs/kdbus >"$dir/tree" 2>&1 &&
    grep -q "endpoint bus  0666" "$dir/tree"
result $? "under kdbus-run it is below /sys/fs/kdbus"
finish
