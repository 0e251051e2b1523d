# SPDX-License-Identifier: LGPL-2.1-or-later
# shipped configuration
dist_pkgdata_DATA = %D%/session.conf
nodist_pkgdata_DATA = %D%/system.conf
dist_man_MANS += %D%/bus-proxyd.conf.5

# it names a program that is installed
EXTRA_DIST += %D%/system.conf.in
CLEANFILES += %D%/system.conf
%D%/system.conf: %D%/system.conf.in Makefile
	$(AM_V_at)$(MKDIR_P) %D%
	$(AM_V_GEN)$(SED) -e 's|@libexecdir[@]|$(libexecdir)|' $(srcdir)/%D%/system.conf.in >$@

# units of a user's bus on which each client has a proxy process; nothing enables them
user_units = %D%/bus-proxyd-owner.service %D%/bus-proxyd-per-client.socket \
	%D%/bus-proxyd-per-client@.service
systemduserunitdir = $(prefix)/lib/systemd/user
nodist_systemduserunit_DATA = $(user_units)
EXTRA_DIST += %D%/bus-proxyd-owner.service.in %D%/bus-proxyd-per-client.socket.in \
	%D%/bus-proxyd-per-client@.service.in
CLEANFILES += $(user_units)
$(user_units): %: %.in Makefile
	$(AM_V_at)$(MKDIR_P) %D%
	$(AM_V_GEN)$(SED) -e 's|@bindir[@]|$(bindir)|' $(srcdir)/$@.in >$@
