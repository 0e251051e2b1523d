#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The programs of this folder on the older revision of the ABI, and that every row has a
# test; "make check" runs them on the newer one by themselves.
cd "${top_builddir:?}" || exit 99
set -- test-abi-*[a-z]
# shellcheck source=tests/harness/tap.sh
. "${top_srcdir:?}/tests/harness/tap.sh"

"${PYTHON3:-python3}" "$top_srcdir/tests/abi/rows.py" lint
result $? every_row_has_a_test
for program; do
    [ -x "$program" ] || continue
    ABI_PROFILE=P1 ./"$program" >"$program.p1.log" 2>&1
    status=$?
    result $status "$program" "$(grep -B4 '^not ok' "$program.p1.log")"
done
finish
