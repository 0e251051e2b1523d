#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The system bus: services that people know take their names on it, with the policy
# files that distributions ship; an ordinary user gets what these files allow, and is
# refused the rest.
# shellcheck disable=SC2317 # functions that are called by name
# shellcheck source=tests/system/system-bus.sh
. "${top_srcdir:?}/tests/system/system-bus.sh"

# logged NAME PATTERN FILE: the last refusal in the log matches, and names a line of FILE
logged() {
    if [ "${BP_SUBJECT-}" = reference ]; then
        skip "$1" "dbus-daemon does not name rules"
        return
    fi
    line=$(grep -e rule= /run/bus.log | tail -n 1)
    printf '%s\n' "$line" | grep -e "$2" | grep -q -e "rule=\"[^\"]*/$3:[0-9][0-9]*\""
    result $? "$1" "$line"
}

# service PACKAGE NAME PATH[|PATH...] ARGUMENT...: starts it; 1 where it is not installed
service() {
    package=$1 bus_name=$2 paths=$3
    shift 3
    program=
    IFS='|'
    for path in $paths; do
        [ -z "$program" ] && [ -x "$path" ] && program=$path
    done
    unset IFS
    if [ -z "$program" ]; then
        skip "$package is on the bus" "no $package"
        return 1
    fi
    "$program" "$@" >"/run/$package.log" 2>&1 &
    services="${services-} $!"
    wait_for has_owner "$bus_name"
    result $? "$package takes the name $bus_name" "$(cat "/run/$package.log")"
    refused "$package: its name is not for a user" "not allowed to own the service" \
        driver user RequestName "string:$bus_name" uint32:0
    logged "... the log says by which rule" "$bus_name" system.conf
}

start_bus /usr/share/dbus-1/system.conf --nofork
result $? "the bus starts with the stock configuration" "$(cat /run/bus.log)"

status=$(cat /proc/$bus/status)
printf '%s\n' "$status" | grep -q "^Uid:	$(id -u messagebus)	$(id -u messagebus)	"
result $? "it runs as its user" "$status"
! printf '%s\n' "$status" | grep -e '^Cap[IPEA]' | grep -q '[1-9a-f]$'
result $? "without capabilities" "$status"

# the bus itself
allowed "a user may ask the bus" ':1\.' driver user ListNames
refused "a user may not see statistics" 'Rejected send message.*interface="org.freedesktop.DBus.Debug.Stats"' \
    driver user Debug.Stats.GetStats
logged "... the log says by which rule" 'member="GetStats"' system.conf
refused "a user may not become a monitor" 'Rejected send message.*member="BecomeMonitor"' \
    driver user Monitoring.BecomeMonitor array:string: uint32:0
allowed "root may" '^method return' driver root Monitoring.BecomeMonitor array:string: uint32:0
allowed "root may see statistics" '^method return' driver root Debug.Stats.GetStats

# polkitd, which drops to a user of its own
polkit=no
if service polkitd org.freedesktop.PolicyKit1 \
    '/usr/lib/polkit-1/polkitd|/usr/libexec/polkitd' --no-debug; then
    polkit=yes
    allowed "polkitd: a user may ask for actions" org.freedesktop.policykit.exec \
        call user org.freedesktop.PolicyKit1 /org/freedesktop/PolicyKit1/Authority \
        org.freedesktop.PolicyKit1.Authority.EnumerateActions string:
fi

# systemd-hostnamed, which asks polkitd
if service systemd org.freedesktop.hostname1 \
    '/usr/lib/systemd/systemd-hostnamed|/lib/systemd/systemd-hostnamed'; then
    allowed "hostnamed: a user may ask for the host name" "\"$(uname -n)\"" \
        call user org.freedesktop.hostname1 /org/freedesktop/hostname1 \
        org.freedesktop.DBus.Properties.Get string:org.freedesktop.hostname1 string:Hostname
    name="hostnamed: a user may not set it, says polkitd"
    if [ $polkit = yes ]; then
        output=$(call user org.freedesktop.hostname1 /org/freedesktop/hostname1 \
            org.freedesktop.hostname1.SetHostname string:other boolean:false) && false
        printf '%s\n' "$output" | grep -q -e AccessDenied -e InteractiveAuthorizationRequired
        result $? "$name" "$output"
    else
        skip "$name" "no polkitd"
    fi
    allowed "hostnamed: root may" '^method return' \
        call root org.freedesktop.hostname1 /org/freedesktop/hostname1 \
        org.freedesktop.hostname1.SetHostname string:other boolean:false
fi

# avahi-daemon, whose policy has a rule for a member, and one for a group
if service avahi-daemon org.freedesktop.Avahi /usr/sbin/avahi-daemon --no-drop-root --no-rlimits; then
    set_host_name() {
        call "$1" org.freedesktop.Avahi / org.freedesktop.Avahi.Server.SetHostName "string:$2"
    }
    allowed "avahi-daemon: a user may ask for its version" avahi \
        call user org.freedesktop.Avahi / org.freedesktop.Avahi.Server.GetVersionString
    refused "avahi-daemon: a user may not set the host name" \
        'Rejected send message, [0-9]* matched rules; type="method_call", sender=":1\.[0-9]*" (uid=[0-9]* pid=[0-9]* comm="dbus-send.*interface="org.freedesktop.Avahi.Server" member="SetHostName" error name="(unset)" requested_reply="0" destination="org.freedesktop.Avahi" (uid=0 pid=[0-9]* comm="' \
        set_host_name user first
    logged "... the log says by which rule" 'member="SetHostName"' avahi-dbus.conf
    if getent group netdev >/dev/null; then
        allowed "avahi-daemon: who is in the group netdev may" '^method return' \
            set_host_name user+netdev second
    else
        skip "avahi-daemon: who is in the group netdev may" "no group netdev"
    fi
    allowed "avahi-daemon: root may" '^method return' set_host_name root third
fi

if service accountsservice org.freedesktop.Accounts \
    '/usr/libexec/accounts-daemon|/usr/lib/accountsservice/accounts-daemon'; then
    allowed "accounts-daemon: a user may look up users" '/org/freedesktop/Accounts/User0' \
        call user org.freedesktop.Accounts /org/freedesktop/Accounts \
        org.freedesktop.Accounts.FindUserByName string:root
fi

if service udisks2 org.freedesktop.UDisks2 \
    '/usr/libexec/udisks2/udisksd|/usr/lib/udisks2/udisksd'; then
    allowed "udisksd: a user may look at the disks" /org/freedesktop/UDisks2/Manager \
        call user org.freedesktop.UDisks2 /org/freedesktop/UDisks2 \
        org.freedesktop.DBus.ObjectManager.GetManagedObjects
fi

# a package comes, and goes again
request() {
    driver user RequestName string:org.example.Service uint32:0
}
refused "a name without a rule is for nobody" "not allowed to own the service" request
cat >/etc/dbus-1/system.d/org.example.Service.conf <<'CONF'
<busconfig>
  <policy user="nobody"><allow own="org.example.Service"/></policy>
</busconfig>
CONF
driver root ReloadConfig >/dev/null
allowed "a file of a package opens it, after a reload" 'uint32 1' request
echo '<busconfig>' >/etc/dbus-1/system.d/org.example.Service.conf
driver root ReloadConfig >/dev/null
if [ "${BP_SUBJECT-}" = reference ]; then
    skip "a broken one changes nothing" "dbus-daemon drops the file"
else
    allowed "a broken one changes nothing" 'uint32 1' request
fi
rm /etc/dbus-1/system.d/org.example.Service.conf
driver root ReloadConfig >/dev/null
refused "without the file it is closed again" "not allowed to own the service" request

# everybody leaves
# shellcheck disable=SC2086 # a list of words
[ -z "${services-}" ] || kill $services 2>/dev/null
kill $bus
wait $bus
result $? "the bus ends well" "$(tail -n 20 /run/bus.log)"

# our own configuration, in the background
if [ "${BP_SUBJECT-}" != reference ]; then
    start_bus "$top_builddir/conf/system.conf"
    result $? "the bus starts with our own configuration" "$(cat /run/bus.log)"
    wait $bus
    result $? "... its parent ends when it is ready"
    bus=$(cat /run/dbus/pid)
    status=$(cat "/proc/$bus/status")
    printf '%s\n' "$status" | grep -q "^Uid:	$(id -u messagebus)	"
    result $? "... it runs as its user" "$status"
    refused "... a user owns nothing" "not allowed to own the service" request
    kill "$bus"
    wait_for test ! -e "/proc/$bus"
    result $? "... it ends" "$(tail -n 20 /run/bus.log)"
    [ ! -e /run/dbus/pid ] && [ ! -e /run/dbus/system_bus_socket ]
    result $? "... and leaves nothing behind" "$(ls /run/dbus)"
fi

! grep -q -e Sanitizer -e 'runtime error:' -e 'Assertion' /run/bus.log
result $? "no sanitizer has anything to report" "$(tail -n 40 /run/bus.log)"

finish
