# SPDX-License-Identifier: LGPL-2.1-or-later
# the daemon

# messages: bytes in, bytes out; org.freedesktop.DBus is built on it as well
noinst_LIBRARIES += libwire.a
libwire_a_SOURCES = \
	%D%/auth.c %D%/auth.h \
	%D%/message.c %D%/message.h \
	%D%/wire-body.c \
	%D%/wire-header.c \
	%D%/wire-inner.h \
	%D%/wire-names.c \
	%D%/wire-reader.c \
	%D%/wire-relay.c \
	%D%/wire-signature.c \
	%D%/wire-utf8.c \
	%D%/wire-writer.c %D%/wire-writer.h \
	%D%/wire.h

noinst_LIBRARIES += libproxy.a
libproxy_a_SOURCES = \
	%D%/options.c %D%/options.h
