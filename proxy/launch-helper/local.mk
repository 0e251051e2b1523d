# SPDX-License-Identifier: LGPL-2.1-or-later
# starts services of the system bus; it has to be setuid root to be of use
launch_helper_sources = \
	%D%/launch-exit.h \
	%D%/launch-find.c %D%/launch-find.h \
	%D%/launch-process.c %D%/launch-process.h \
	%D%/main.c
launch_helper_ldadd = libservice.a libpolicy.a libwire.a libbase.a $(EXPAT_LIBS)

libexec_PROGRAMS += bus-proxyd-launch-helper
dist_man_MANS += %D%/bus-proxyd-launch-helper.8
bus_proxyd_launch_helper_SOURCES = $(launch_helper_sources)
bus_proxyd_launch_helper_LDFLAGS = $(AM_LDFLAGS) -Wl,-z,relro -Wl,-z,now
bus_proxyd_launch_helper_LDADD = $(launch_helper_ldadd)

# For root, after "make install": the bus' group may run it, and it is setuid.
# Packages do the same in their own ways.
BUS_GROUP = messagebus
.PHONY: install-launch-helper
install-launch-helper:
	chown root:$(BUS_GROUP) '$(DESTDIR)$(libexecdir)/bus-proxyd-launch-helper'
	chmod 4750 '$(DESTDIR)$(libexecdir)/bus-proxyd-launch-helper'
