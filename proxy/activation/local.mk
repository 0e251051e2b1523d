# SPDX-License-Identifier: LGPL-2.1-or-later
# service files: what the daemon and the launch helper know of them
noinst_LIBRARIES += libservice.a
libservice_a_CFLAGS = $(library_cflags)
libservice_a_SOURCES = \
	%D%/service-exec.c %D%/service-exec.h \
	%D%/service-file.c %D%/service-file.h \
	%D%/services.c %D%/services.h

# notices changes of their directories
libproxy_a_SOURCES += \
	%D%/services-watch.c %D%/services-watch.h
