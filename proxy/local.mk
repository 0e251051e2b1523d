# SPDX-License-Identifier: LGPL-2.1-or-later
# the daemon
noinst_LIBRARIES += libproxy.a
libproxy_a_SOURCES = \
	%D%/options.c %D%/options.h
