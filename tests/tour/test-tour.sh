#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The tour of quickstart works on the bus-proxyd of this build.
set -u
: "${top_srcdir:?}" "${top_builddir:?}"
echo 1..1
for tool in dbus-send dbus-monitor gdbus busctl; do
    command -v $tool >/dev/null || { echo "ok 1 - tour # SKIP no $tool"; exit 0; }
done
log=test-tour.output
if BUS_LOG=test-tour.bus-log timeout 100 "$top_srcdir/tests/ci/with-bus" "$top_builddir/bus-proxyd" \
    "$top_srcdir/conf/session.conf" "$top_srcdir/tests/tour/tour.sh" "$top_builddir/greeter" \
    >$log 2>&1 </dev/null; then
    echo "ok 1 - tour"
else
    sed 's/^/# /' $log test-tour.bus-log
    echo "not ok 1 - tour"
fi
rm -f $log test-tour.bus-log
