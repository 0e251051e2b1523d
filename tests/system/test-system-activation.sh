#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The system bus: services start when an ordinary user calls them, through the launch
# helper, with the policy and the service files that distributions ship.
# shellcheck disable=SC2317 # functions that are called by name
# shellcheck source=tests/system/system-bus.sh
. "${top_srcdir:?}/tests/system/system-bus.sh"
stock_helper=/usr/lib/dbus-1.0/dbus-daemon-launch-helper
own_services=/usr/local/share/dbus-1/system-services

# the helper that the stock configuration names is a copy of the one under test
case ${BP_SUBJECT-} in
reference) helper=$stock_helper ;;
*) helper=$top_builddir/bus-proxyd-launch-helper ;;
esac
[ -x "$helper" ] || skip_all "no $helper"
[ -d "${stock_helper%/*}" ] || skip_all "no ${stock_helper%/*}"
cp "$helper" /run/helper
mount -t tmpfs -o mode=0755 none "${stock_helper%/*}" || exit 1
mount -t tmpfs -o mode=0755 none /usr/local/share || exit 1
cp /run/helper $stock_helper
chown root:messagebus $stock_helper
chmod 4750 $stock_helper

# service NAME LINE...: a service file for org.example.NAME
service() {
    name=$1
    shift
    {
        echo '[D-BUS Service]'
        echo "Name=org.example.$name"
        for line; do echo "$line"; done
    } >$own_services/org.example."$name".service
}

start_service() {
    driver "$1" StartServiceByName "string:$2" uint32:0
}

# fails ERROR NAME WHAT: starting org.example.NAME is answered with ERROR
fails() {
    if output=$(start_service user "org.example.$2"); then
        result 1 "$3" "$output"
    else
        printf '%s\n' "$output" | grep -q "org.freedesktop.DBus.Error.$1:"
        result $? "$3" "$output"
    fi
}

# process_of NAME: its pid
process_of() {
    driver root GetConnectionUnixProcessID "string:$1" | sed -n 's/.*uint32 //p'
}

# clean NAME: nothing of the bus is in its owner's environment, and of its groups
clean() {
    pid=$(process_of "$1")
    environment=$(tr '\0' '\n' <"/proc/$pid/environ" | grep -e DBUS -e '^LD_' -e '^BP_' | sort)
    [ "$environment" = "\
DBUS_STARTER_ADDRESS=unix:path=/run/dbus/system_bus_socket
DBUS_STARTER_BUS_TYPE=system" ]
    result $? "$1: its environment is its own" "$environment"
    ! grep -q "^[UG]id:.*	$(id -u messagebus)\b" "/proc/$pid/status"
    result $? "$1: it is not the bus' user" "$(cat "/proc/$pid/status")"
}

mkdir -p $own_services
service Failing 'Exec=/bin/sh -c "exit 42"' User=root
service Killed 'Exec=/bin/sh -c "kill -9 $$"' User=root
service NoUser Exec=/bin/true
service UnknownUser Exec=/bin/true User=bp-nosuch
service NoProgram Exec=/nonexistent User=root
service Quotes "Exec=/bin/true '" User=root

start_bus /usr/share/dbus-1/system.conf --nofork
result $? "the bus starts with the stock configuration" "$(cat /run/bus.log)"

if [ -x /usr/lib/polkit-1/polkitd ] || [ -x /usr/libexec/polkitd ]; then
    allowed "polkitd: a user can start it by calling it" org.freedesktop.policykit.exec \
        call user org.freedesktop.PolicyKit1 /org/freedesktop/PolicyKit1/Authority \
        org.freedesktop.PolicyKit1.Authority.EnumerateActions string:
    allowed "polkitd: it is running" 'uint32 2' start_service user org.freedesktop.PolicyKit1
    clean org.freedesktop.PolicyKit1
else
    skip "polkitd: a user can start it by calling it" "no polkitd"
fi

if [ -x /usr/libexec/accounts-daemon ] || [ -x /usr/lib/accountsservice/accounts-daemon ]; then
    allowed "accounts-daemon: a user can start it" 'uint32 1' \
        start_service user org.freedesktop.Accounts
    allowed "accounts-daemon: it is running" '/org/freedesktop/Accounts/User0' \
        call user org.freedesktop.Accounts /org/freedesktop/Accounts \
        org.freedesktop.Accounts.FindUserByName string:root
    clean org.freedesktop.Accounts
else
    skip "accounts-daemon: a user can start it" "no accountsservice"
fi

allowed "they are activatable" org.example.Failing driver user ListActivatableNames
fails ServiceUnknown None "a service that there is not"
fails Spawn.ChildExited Failing "a service that fails"
fails Spawn.ChildSignaled Killed "a service that is killed"
fails Spawn.FileInvalid NoUser "a service without User"
fails Spawn.FailedToSetup UnknownUser "a service whose user does not exist"
fails Spawn.ExecFailed NoProgram "a service without a program"
fails InvalidArgs Quotes "a service whose Exec cannot be split"

# what comes, changes and goes is seen
service Failing 'Exec=/bin/sh -c "kill -9 $$"' User=root
fails Spawn.ChildSignaled Failing "a service file that was changed"
rm $own_services/org.example.Failing.service
fails ServiceUnknown Failing "a service file that has gone"
service Failing 'Exec=/bin/sh -c "exit 42"' User=root
fails Spawn.ChildExited Failing "a service file that has come again"

# the helper finds files by their names
mv $own_services/org.example.Failing.service $own_services/other.service
fails Spawn.ServiceNotFound Failing "a service file that is not called as its service"
service Broken Exec=/bin/true User=root
mv $own_services/org.example.Broken.service $own_services/org.example.Failing.service
fails Spawn.PermissionsInvalid Failing "a service file that is called as another service"
rm $own_services/org.example.Failing.service $own_services/other.service

# a helper that is not setuid, or is not there
chmod 755 $stock_helper
service Failing 'Exec=/bin/sh -c "exit 42"' User=root
fails Spawn.PermissionsInvalid Failing "a launch helper that is not setuid"

kill $bus
wait $bus
result $? "the bus ends well" "$(tail -n 20 /run/bus.log)"
! grep -q -e Sanitizer -e 'runtime error:' -e 'Assertion' /run/bus.log
result $? "no sanitizer has anything to report" "$(tail -n 40 /run/bus.log)"

finish
