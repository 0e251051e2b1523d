# SPDX-License-Identifier: LGPL-2.1-or-later
# programs that speak the kdbus ABI

REMOTE_CLIENT = \
	kernel/engine/remote-client.c \
	kernel/engine/remote-command.c \
	kernel/engine/remote-stage.c \
	kernel/engine/remote-stream.c

bin_PROGRAMS += kdbus-monitor kdbus-run kdbus-tree
kdbus_tree_SOURCES = \
	%D%/directory.c %D%/directory.h \
	%D%/kdbus-tree.c \
	%D%/names.c %D%/names.h \
	%D%/node.c %D%/node.h \
	$(REMOTE_CLIENT)
kdbus_monitor_SOURCES = \
	%D%/kdbus-monitor.c \
	%D%/names.c %D%/names.h \
	%D%/node.c %D%/node.h \
	%D%/pcap.c %D%/pcap.h \
	$(REMOTE_CLIENT)
kdbus_run_SOURCES = \
	%D%/directory.c %D%/directory.h \
	%D%/kdbus-run.c \
	%D%/preload.h
kdbus_run_CPPFLAGS = $(AM_CPPFLAGS) -DBP_PKGLIBDIR='"$(pkglibdir)"'

# a library that is loaded, not linked with: a program to automake.  It gets into processes that
# know nothing of sanitizers.
preloaddir = $(pkglibdir)
preload_PROGRAMS = kdbus-run.so
kdbus_run_so_SOURCES = \
	%D%/preload.h \
	%D%/preload-fds.c \
	%D%/preload-files.c \
	%D%/preload-handles.c \
	$(REMOTE_CLIENT)
kdbus_run_so_CFLAGS = $(BP_CFLAGS) -fPIC
kdbus_run_so_LDFLAGS = -shared -Wl,-z,defs -Wl,--version-script=$(srcdir)/%D%/preload.map
EXTRA_DIST += %D%/preload.map
dist_man_MANS += %D%/kdbus-monitor.1 %D%/kdbus-run.1 %D%/kdbus-tree.1
