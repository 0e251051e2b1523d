# SPDX-License-Identifier: LGPL-2.1-or-later
# the daemon

# messages: bytes in, bytes out; org.freedesktop.DBus is built on it as well
noinst_LIBRARIES += libwire.a
libwire_a_CFLAGS = $(library_cflags)
libwire_a_SOURCES = \
	%D%/address.c %D%/address.h \
	%D%/auth.c %D%/auth.h \
	%D%/bloom.c %D%/bloom.h \
	%D%/match-internal.h \
	%D%/match-registry.c \
	%D%/match-rule.c \
	%D%/match-search.c \
	%D%/match-subject.c \
	%D%/match-tree.c %D%/match-tree.h \
	%D%/match.h \
	%D%/message.c %D%/message.h \
	%D%/tail.c %D%/tail.h \
	%D%/unique-name.c %D%/unique-name.h \
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
libproxy_a_CFLAGS = $(library_cflags)
libproxy_a_SOURCES = \
	%D%/access.c %D%/access.h \
	%D%/admission.c %D%/admission.h \
	%D%/activation/activation-internal.h \
	%D%/activation/activation-names.c \
	%D%/activation/activation-start.c \
	%D%/activation/activation.c %D%/activation/activation.h \
	%D%/activation/spawn.c %D%/activation/spawn.h \
	%D%/activation/systemd.c %D%/activation/systemd.h \
	%D%/bus-place.c %D%/bus-place.h \
	%D%/client-io.c %D%/client-io.h \
	%D%/client.c %D%/client.h \
	%D%/config-log.h \
	%D%/daemon-host.c %D%/daemon-host.h \
	%D%/daemon.c %D%/daemon.h \
	%D%/desk.c %D%/desk.h \
	%D%/dispatch.c %D%/dispatch.h \
	%D%/eavesdrop.c %D%/eavesdrop.h \
	%D%/environment.c %D%/environment.h \
	%D%/errand.c %D%/errand.h \
	%D%/holders.c %D%/holders.h \
	%D%/inbound.c %D%/inbound.h \
	%D%/learned-users.c %D%/learned-users.h \
	%D%/listener.c %D%/listener.h \
	%D%/loop.c %D%/loop.h \
	%D%/monitor.c %D%/monitor.h \
	%D%/options.c %D%/options.h \
	%D%/outbound.c %D%/outbound.h \
	%D%/parties.c %D%/parties.h \
	%D%/per-client.c %D%/per-client.h \
	%D%/process.c %D%/process.h \
	%D%/reload.c \
	%D%/reserve.c %D%/reserve.h \
	%D%/translate.c %D%/translate.h \
	%D%/user-lookup.c %D%/user-lookup.h

bin_PROGRAMS += bus-proxyd
bus_proxyd_SOURCES = %D%/main.c
bus_proxyd_CFLAGS = $(library_cflags)
bus_proxyd_LDFLAGS = $(BP_FLAVOUR_LDFLAGS) $(BP_LTO_LDFLAGS)
bus_proxyd_LDADD = libproxy.a libservice.a libdriver.a libkdbus.a libpolicy.a libwire.a libbase.a \
	$(EXPAT_LIBS) $(LIBSYSTEMD_LIBS) $(LIBCAP_LIBS)
dist_man_MANS += %D%/bus-proxyd.8

# --enable-dbus-daemon-name: whoever starts dbus-daemon gets us
install-exec-hook:
	@test "$(enable_dbus_daemon_name)" != yes || \
		$(LN_S) -f bus-proxyd$(EXEEXT) "$(DESTDIR)$(bindir)/dbus-daemon$(EXEEXT)"
install-data-hook:
	@test "$(enable_dbus_daemon_name)" != yes || { \
		$(MKDIR_P) "$(DESTDIR)$(man1dir)" && \
		echo ".so man8/bus-proxyd.8" >"$(DESTDIR)$(man1dir)/dbus-daemon.1"; }
uninstall-hook:
	@test "$(enable_dbus_daemon_name)" != yes || \
		rm -f "$(DESTDIR)$(bindir)/dbus-daemon$(EXEEXT)" \
			"$(DESTDIR)$(man1dir)/dbus-daemon.1"
