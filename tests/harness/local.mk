# SPDX-License-Identifier: LGPL-2.1-or-later
# the runner that every test program in C links
check_LIBRARIES += libtap.a
libtap_a_SOURCES = %D%/tap.h %D%/tap.c
