# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += test-list
test_list_SOURCES = %D%/test-list.c
test_list_LDADD = libtap.a
TESTS += test-list

check_PROGRAMS += test-siphash
test_siphash_SOURCES = %D%/test-siphash.c
test_siphash_LDADD = libbase.a libtap.a
TESTS += test-siphash
