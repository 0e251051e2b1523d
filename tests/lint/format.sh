#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# format.sh [BASE]: what clang-format would change in the C files that differ
# from BASE (default: the parent commit and what is not committed).
set -u
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 1
command -v clang-format >/dev/null || { echo "format: no clang-format, not looked at"; exit 0; }
git rev-parse -q --verify "${1:-HEAD~1}" >/dev/null 2>&1 ||
    { echo "format: no history to compare with, not looked at"; exit 0; }
status=0
for file in $(git diff --name-only --diff-filter=d "${1:-HEAD~1}" -- '*.c' '*.h'); do
    clang-format "$file" | diff -u --label "$file" --label "$file (formatted)" "$file" - ||
        status=1
done
[ $status = 0 ] || echo "format: clang-format -i FILE mends it"
exit $status
