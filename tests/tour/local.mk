# SPDX-License-Identifier: LGPL-2.1-or-later
# the tour that quickstart shows: an ordinary service and ordinary clients
check_PROGRAMS += greeter
greeter_SOURCES = %D%/greeter.c
greeter_CPPFLAGS = $(LIBSYSTEMD_CFLAGS) $(AM_CPPFLAGS)
greeter_LDADD = $(LIBSYSTEMD_LIBS)
dist_check_SCRIPTS += %D%/tour.sh %D%/test-tour.sh
TESTS += %D%/test-tour.sh
