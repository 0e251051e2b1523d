# SPDX-License-Identifier: LGPL-2.1-or-later
# org.freedesktop.DBus
noinst_LIBRARIES += libdriver.a
libdriver_a_CFLAGS = $(library_cflags)
libdriver_a_SOURCES = \
	%D%/driver-admin.c \
	%D%/driver-creds.c \
	%D%/driver-error.c %D%/driver-error.h \
	%D%/driver-internal.h \
	%D%/driver-introspect.c \
	%D%/driver-match.c \
	%D%/driver-methods.c \
	%D%/driver-monitor.c \
	%D%/driver-names.c \
	%D%/driver-peer.c \
	%D%/driver-properties.c \
	%D%/driver-stats.c \
	%D%/driver.c %D%/driver.h \
	%D%/synthetic.c %D%/synthetic.h
