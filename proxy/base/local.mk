# SPDX-License-Identifier: LGPL-2.1-or-later
# what every userspace part needs
noinst_LIBRARIES += libbase.a
libbase_a_CFLAGS = $(library_cflags)
libbase_a_SOURCES = \
	%D%/cleanup.h \
	%D%/creds.c %D%/creds.h \
	%D%/hex.h \
	%D%/htable.c %D%/htable.h \
	%D%/list.h \
	%D%/loop-source.h \
	%D%/log.c %D%/log.h \
	%D%/reap.h \
	%D%/siphash.c %D%/siphash.h
