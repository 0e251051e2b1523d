#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# tour.sh GREETER: what quickstart shows, on the session bus of the environment.
# Ordinary programs that know nothing of bus-proxyd own a name, call, signal and
# monitor.  Fails when any of them does not get what it should.
set -u
greeter=$1
name=org.example.Greeter
path=/org/example/Greeter
dir=$(mktemp -d "${TMPDIR:-/tmp}/tour-XXXXXX") || exit 1
pids=
# shellcheck disable=SC2317 # called by the trap
end() {
    for pid in $pids; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "tour: $*" >&2
    exit 1
}

# show WANTED COMMAND...: runs it, shows it and its output, which holds WANTED
show() {
    wanted=$1
    shift
    printf '\n$ %s\n' "$*"
    timeout 20 "$@" >"$dir/out" 2>&1 || {
        cat "$dir/out"
        fail "failed with status $?: $*"
    }
    head -n 12 "$dir/out" | cut -c 1-110
    grep -qe "$wanted" "$dir/out" || fail "no \"$wanted\" in the output of: $*"
}

# until_true SECONDS COMMAND...
until_true() {
    tries=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.1
    done
}

echo "A service (sd-bus) owns the name $name:"
"$greeter" &
pids="$pids $!"
until_true 10 dbus-send --session --print-reply --dest="$name" "$path" \
    org.freedesktop.DBus.Peer.Ping || fail "the service does not answer"
show "$name" busctl --user --no-pager --acquired list

echo
echo "Two monitors watch (gdbus for its signals, dbus-monitor for everything):"
printf '$ gdbus monitor --session --dest %s &\n$ dbus-monitor --session &\n' "$name"
gdbus monitor --session --dest "$name" >"$dir/gdbus" 2>&1 &
pids="$pids $!"
dbus-monitor --session >"$dir/monitor" 2>&1 &
pids="$pids $!"
until_true 10 grep -q 'is owned by' "$dir/gdbus" || fail "gdbus monitor does not start"
until_true 10 test -s "$dir/monitor" || fail "dbus-monitor does not start"

echo
echo "Three clients call it, each through a library of its own:"
show 'Hello, libdbus!' dbus-send --session --print-reply --dest="$name" "$path" $name.Greet \
    string:libdbus
show 'Hello, GDBus!' gdbus call --session --dest "$name" --object-path "$path" \
    --method $name.Greet GDBus
show 'Hello, sd-bus!' busctl --user call "$name" "$path" "$name" Greet s sd-bus
show 'u 3' busctl --user get-property "$name" "$path" "$name" Greetings
show 'Greet' busctl --user --no-pager introspect "$name" "$path" "$name"

echo
echo "What the monitors have seen:"
until_true 10 grep -q 'Greeted.*sd-bus' "$dir/gdbus" || fail "gdbus monitor missed a signal"
until_true 10 grep -q 'string "sd-bus"' "$dir/monitor" || fail "dbus-monitor missed a message"
sed 's/^/    /' "$dir/gdbus"
echo "    and $(grep -c '^[a-z].*serial=' "$dir/monitor") messages in dbus-monitor"
