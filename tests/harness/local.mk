# SPDX-License-Identifier: LGPL-2.1-or-later
# the runner that every test program in C links
check_LIBRARIES += libtap.a
libtap_a_SOURCES = %D%/tap.h %D%/tap.c
# a D-Bus client and the bus under test
check_LIBRARIES += libharness.a
libharness_a_SOURCES = %D%/message.h %D%/message.c %D%/parse.c \
	%D%/client.h %D%/client.c %D%/daemon.h %D%/daemon.c
