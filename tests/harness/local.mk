# SPDX-License-Identifier: LGPL-2.1-or-later
# the runner that every test program in C links
check_LIBRARIES += libtap.a
EXTRA_DIST += %D%/tap.sh
libtap_a_SOURCES = %D%/tap.h %D%/tap.c
# commands of kdbus; needs nothing but the C library
check_LIBRARIES += libcommand.a
libcommand_a_SOURCES = %D%/command.h %D%/command.c
# a D-Bus client and the bus under test, one or more processes of it
check_LIBRARIES += libharness.a
libharness_a_SOURCES = %D%/message.h %D%/message.c %D%/parse.c \
	%D%/client.h %D%/client.c %D%/daemon.h %D%/daemon.c %D%/proxied.h %D%/proxied.c
# allocations that fail: LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags), and last in LDADD
check_LIBRARIES += libfault.a
libfault_a_SOURCES = %D%/fault.h %D%/fault.c
fault_ldflags = -Wl,--wrap=free,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray \
	-Wl,--wrap=strdup,--wrap=strndup,--wrap=asprintf,--wrap=vasprintf \
	-Wl,--wrap=open_memstream,--wrap=tsearch
