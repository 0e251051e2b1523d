# SPDX-License-Identifier: LGPL-2.1-or-later
# busconfig XML -> configuration and rules
noinst_LIBRARIES += libpolicy.a
libpolicy_a_SOURCES = \
	%D%/config.h \
	%D%/messages.c %D%/messages.h \
	%D%/rule.h
