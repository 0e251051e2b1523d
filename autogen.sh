#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Generates configure and the Makefile templates; needs autoconf, automake and
# autoconf-archive.  "quickstart" and "run-tests" call it where it is needed.
set -e
cd "$(dirname "$0")"
exec autoreconf --install --force -Wall
