# SPDX-License-Identifier: LGPL-2.1-or-later
# What a D-Bus client sees, checked on bus-proxyd with both kinds of engine
# connection and on dbus-daemon (make check-reference).  A test is run once per
# subject: "test-x.SUBJECT.bus" is a link to it, and run-subject turns the name
# of the link into the environment.
conformance_programs = \
	%D%/test-activation \
	%D%/test-activation-child \
	%D%/test-activation-policy \
	%D%/test-activation-systemd \
	%D%/test-auth \
	%D%/test-differences \
	%D%/test-driver \
	%D%/test-eavesdrop \
	%D%/test-endian \
	%D%/test-engine \
	%D%/test-exhaustion \
	%D%/test-fds \
	%D%/test-hello \
	%D%/test-hostile \
	%D%/test-large \
	%D%/test-limits \
	%D%/test-listen \
	%D%/test-log \
	%D%/test-malformed \
	%D%/test-match \
	%D%/test-monitor \
	%D%/test-moved \
	%D%/test-names \
	%D%/test-order \
	%D%/test-order-speed \
	%D%/test-order-start \
	%D%/test-policy \
	%D%/test-policy-users \
	%D%/test-per-client \
	%D%/test-per-client-monitor \
	%D%/test-pressure \
	%D%/test-process \
	%D%/test-replies \
	%D%/test-routing
# by the client libraries and tools of others
conformance_scripts = %D%/test-applications %D%/test-dbusmock %D%/test-libraries \
	%D%/test-tools
dist_check_SCRIPTS += $(conformance_scripts)
EXTRA_DIST += %D%/activation.h %D%/policy-rules.h %D%/run-subject %D%/session.sh %D%/subject.py \
	%D%/app-gio.py %D%/peer-dbus.py %D%/peer-gio.py \
	%D%/peer-next.py

check_PROGRAMS += $(conformance_programs)
conformance_ldadd = libharness.a libtap.a
%C%_test_activation_LDADD = $(conformance_ldadd)
%C%_test_activation_child_LDADD = $(conformance_ldadd)
%C%_test_activation_policy_LDADD = $(conformance_ldadd)
%C%_test_activation_systemd_LDADD = $(conformance_ldadd)
%C%_test_auth_LDADD = $(conformance_ldadd)
%C%_test_differences_LDADD = $(conformance_ldadd)
%C%_test_driver_LDADD = $(conformance_ldadd)
%C%_test_eavesdrop_LDADD = $(conformance_ldadd)
%C%_test_endian_LDADD = $(conformance_ldadd)
%C%_test_engine_LDADD = $(conformance_ldadd)
%C%_test_exhaustion_LDADD = $(conformance_ldadd)
%C%_test_fds_LDADD = $(conformance_ldadd)
%C%_test_hello_LDADD = $(conformance_ldadd)
%C%_test_hostile_LDADD = $(conformance_ldadd)
%C%_test_large_LDADD = $(conformance_ldadd)
%C%_test_limits_LDADD = $(conformance_ldadd)
%C%_test_listen_LDADD = $(conformance_ldadd)
%C%_test_log_LDADD = $(conformance_ldadd)
%C%_test_malformed_LDADD = $(conformance_ldadd)
%C%_test_match_LDADD = $(conformance_ldadd)
%C%_test_monitor_LDADD = $(conformance_ldadd)
%C%_test_moved_LDADD = $(conformance_ldadd)
%C%_test_names_LDADD = $(conformance_ldadd)
%C%_test_order_LDADD = $(conformance_ldadd)
%C%_test_order_speed_LDADD = $(conformance_ldadd)
%C%_test_order_start_LDADD = $(conformance_ldadd)
%C%_test_per_client_LDADD = $(conformance_ldadd)
%C%_test_per_client_monitor_LDADD = $(conformance_ldadd)
%C%_test_policy_LDADD = $(conformance_ldadd)
%C%_test_policy_users_LDADD = $(conformance_ldadd)
%C%_test_pressure_LDADD = $(conformance_ldadd)
%C%_test_process_LDADD = $(conformance_ldadd)
%C%_test_replies_LDADD = $(conformance_ldadd)
%C%_test_routing_LDADD = $(conformance_ldadd)

dist_check_SCRIPTS += %D%/test-per-client-socket
TESTS += %D%/test-per-client-socket

check_PROGRAMS += %D%/per-client-bus %D%/serve-domain
%C%_serve_domain_LDADD = libkdbus.a libbase.a

if HAVE_LIBDBUS
check_PROGRAMS += %D%/peer-libdbus
%C%_peer_libdbus_CFLAGS = $(AM_CFLAGS) $(DBUS_CFLAGS)
%C%_peer_libdbus_LDADD = $(DBUS_LIBS)
endif

check_PROGRAMS += %D%/peer-sdbus
%C%_peer_sdbus_CFLAGS = $(AM_CFLAGS) $(LIBSYSTEMD_CFLAGS)
%C%_peer_sdbus_LDADD = $(LIBSYSTEMD_LIBS)

TEST_EXTENSIONS += .bus
BUS_LOG_DRIVER = $(LOG_DRIVER)
BUS_LOG_COMPILER = $(SHELL) $(top_srcdir)/%D%/run-subject

conformance_embedded = $(conformance_programs:=.embedded.bus)
conformance_embedded_scripts = $(conformance_scripts:=.embedded.bus)
conformance_pool = $(conformance_programs:=.pool.bus)
conformance_pool_scripts = $(conformance_scripts:=.pool.bus)
# the bus is in another process; tests that know the first client's name, or limits that only
# the owner of a domain can set, have nothing to say there
conformance_remote = %D%/test-endian.remote.bus \
	%D%/test-fds.remote.bus \
	%D%/test-hostile.remote.bus \
	%D%/test-large.remote.bus \
	%D%/test-order.remote.bus \
	%D%/test-policy.remote.bus \
	%D%/test-policy-users.remote.bus \
	%D%/test-pressure.remote.bus \
	%D%/test-routing.remote.bus
# the same as if it were in the kernel: what kdbusfs would be asked, kdbus-run's library answers
conformance_ioctl = $(conformance_remote:.remote.bus=.ioctl.bus) \
	%D%/test-activation.ioctl.bus \
	%D%/test-names.ioctl.bus
# in a machine with kdbus.ko
conformance_kernel = $(conformance_programs)
EXTRA_DIST += %D%/kernel.except
# each client has a proxy process; what they are not asked for is in per-client.except
conformance_per_client = $(patsubst %,%.per-client.bus,$(filter-out %/test-per-client %/test-per-client-monitor, \
	$(conformance_programs)))
EXTRA_DIST += %D%/per-client.except
conformance_reference = $(conformance_programs:=.reference.bus)
conformance_reference_scripts = $(conformance_scripts:=.reference.bus)
conformance_ours = $(conformance_embedded) $(conformance_embedded_scripts) \
	$(conformance_pool) $(conformance_pool_scripts) $(conformance_remote) \
	$(conformance_ioctl)
# of the clients with proxies "make check" has what is quick
conformance_per_client_sample = \
	%D%/test-activation-policy.per-client.bus \
	%D%/test-activation-systemd.per-client.bus \
	%D%/test-endian.per-client.bus \
	%D%/test-fds.per-client.bus \
	%D%/test-hello.per-client.bus \
	%D%/test-large.per-client.bus \
	%D%/test-match.per-client.bus \
	%D%/test-names.per-client.bus \
	%D%/test-order.per-client.bus \
	%D%/test-order-speed.per-client.bus \
	%D%/test-policy.per-client.bus \
	%D%/test-routing.per-client.bus
conformance_theirs = $(conformance_reference) $(conformance_reference_scripts)
TESTS += $(conformance_ours) $(conformance_per_client_sample)
MOSTLYCLEANFILES += $(conformance_ours) $(conformance_theirs) $(conformance_per_client)

$(conformance_embedded): %.embedded.bus: %$(EXEEXT)
	$(AM_V_at)$(LN_S) -f $(notdir $<) $@
$(conformance_pool): %.pool.bus: %$(EXEEXT)
	$(AM_V_at)$(LN_S) -f $(notdir $<) $@
$(conformance_remote): %.remote.bus: %$(EXEEXT) %D%/serve-domain
	$(AM_V_at)$(LN_S) -f $(notdir $<) $@
$(conformance_ioctl): %.ioctl.bus: %$(EXEEXT) %D%/serve-domain
	$(AM_V_at)$(LN_S) -f $(notdir $<) $@
$(conformance_per_client): %.per-client.bus: %$(EXEEXT) %D%/per-client-bus
	$(AM_V_at)$(LN_S) -f $(notdir $<) $@
$(conformance_reference): %.reference.bus: %$(EXEEXT)
	$(AM_V_at)$(LN_S) -f $(notdir $<) $@
$(conformance_embedded_scripts): %.embedded.bus: %
	$(AM_V_at)$(LN_S) -f $(abs_top_srcdir)/$* $@
$(conformance_pool_scripts): %.pool.bus: %
	$(AM_V_at)$(LN_S) -f $(abs_top_srcdir)/$* $@
$(conformance_reference_scripts): %.reference.bus: %
	$(AM_V_at)$(LN_S) -f $(abs_top_srcdir)/$* $@

.PHONY: check-conformance check-conformance-per-client check-reference
check-conformance-per-client:
	$(AM_V_at)$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(conformance_per_client)'
check-conformance:
	$(AM_V_at)$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(conformance_ours)'
check-reference:
	$(AM_V_at)$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(conformance_theirs)'
