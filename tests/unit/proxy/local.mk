# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += test-options
test_options_SOURCES = %D%/test-options.c
test_options_LDADD = libproxy.a libtap.a
TESTS += test-options
