#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Whatever one client does, nothing is lost of what a hundred others say, and the
# daemon's memory stays within the limits of that one.
set -u
: "${top_builddir:?}"
echo 1..1
if "$top_builddir/bus-hostile" --alone --check --rounds=1 --seconds=0.3 >test-bus-hostile.out 2>&1; then
    result=ok
else
    result="not ok"
fi
sed 's/^/# /' test-bus-hostile.out
echo "$result 1 - hostile"
rm -f test-bus-hostile.out
