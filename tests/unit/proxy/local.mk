# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += test-options
test_options_SOURCES = %D%/test-options.c
test_options_LDADD = libproxy.a libpolicy.a libtap.a $(EXPAT_LIBS)
TESTS += test-options

check_PROGRAMS += test-inbound
test_inbound_SOURCES = %D%/test-inbound.c
test_inbound_LDADD = libproxy.a libwire.a libbase.a libtap.a
TESTS += test-inbound

check_PROGRAMS += test-loop
test_loop_SOURCES = %D%/test-loop.c
test_loop_LDADD = libproxy.a libtap.a
TESTS += test-loop

check_PROGRAMS += test-outbound
test_outbound_SOURCES = %D%/test-outbound.c
test_outbound_LDADD = libproxy.a libwire.a libbase.a libtap.a
TESTS += test-outbound

check_PROGRAMS += test-tail
test_tail_SOURCES = %D%/test-tail.c
test_tail_LDADD = libproxy.a libwire.a libbase.a libtap.a
TESTS += test-tail

check_PROGRAMS += test-unique-name
test_unique_name_SOURCES = %D%/test-unique-name.c
test_unique_name_LDADD = libwire.a libtap.a
TESTS += test-unique-name

check_PROGRAMS += test-bloom
test_bloom_SOURCES = %D%/test-bloom.c
test_bloom_LDADD = libwire.a libbase.a libtap.a
TESTS += test-bloom

check_PROGRAMS += test-match-rule
test_match_rule_SOURCES = %D%/test-match-rule.c %D%/rule-text.c %D%/rule-text.h
test_match_rule_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_match_rule_LDADD = libwire.a libbase.a libtap.a libfault.a
TESTS += test-match-rule

check_PROGRAMS += test-match-registry
test_match_registry_SOURCES = %D%/test-match-registry.c %D%/rule-text.c %D%/rule-text.h
test_match_registry_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_match_registry_LDADD = libwire.a libbase.a libtap.a libfault.a
TESTS += test-match-registry

# a second, plain implementation of the wire format, and random messages
check_LIBRARIES += libnaive.a
libnaive_a_SOURCES = \
	%D%/message-text.c %D%/message-text.h \
	%D%/naive-wire.c %D%/naive-wire.h \
	%D%/wire-gen.c %D%/wire-gen.h
wire_test_ldadd = libnaive.a libwire.a libbase.a libtap.a

check_PROGRAMS += test-wire-random
test_wire_random_SOURCES = %D%/test-wire-random.c
test_wire_random_LDADD = $(wire_test_ldadd)
TESTS += test-wire-random

check_PROGRAMS += test-wire-messages
test_wire_messages_SOURCES = %D%/test-wire-messages.c
test_wire_messages_LDADD = $(wire_test_ldadd)
TESTS += test-wire-messages
EXTRA_DIST += tests/data/messages

check_PROGRAMS += test-wire-names
test_wire_names_SOURCES = %D%/test-wire-names.c
test_wire_names_LDADD = $(wire_test_ldadd)
TESTS += test-wire-names

check_PROGRAMS += test-wire-signature
test_wire_signature_SOURCES = %D%/test-wire-signature.c
test_wire_signature_LDADD = $(wire_test_ldadd)
TESTS += test-wire-signature

check_PROGRAMS += test-wire-utf8
test_wire_utf8_SOURCES = %D%/test-wire-utf8.c
test_wire_utf8_LDADD = $(wire_test_ldadd)
TESTS += test-wire-utf8

check_PROGRAMS += test-wire-relay
test_wire_relay_SOURCES = %D%/test-wire-relay.c
test_wire_relay_LDADD = $(wire_test_ldadd)
TESTS += test-wire-relay

check_PROGRAMS += test-wire-reader
test_wire_reader_SOURCES = %D%/test-wire-reader.c
test_wire_reader_LDADD = $(wire_test_ldadd)
TESTS += test-wire-reader

check_PROGRAMS += test-wire-writer
test_wire_writer_SOURCES = %D%/test-wire-writer.c
test_wire_writer_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_wire_writer_LDADD = $(wire_test_ldadd) libfault.a
TESTS += test-wire-writer

check_PROGRAMS += test-message
test_message_SOURCES = %D%/test-message.c
test_message_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_message_LDADD = $(wire_test_ldadd) libfault.a
TESTS += test-message

check_PROGRAMS += test-auth
test_auth_SOURCES = %D%/test-auth.c
test_auth_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_auth_LDADD = libwire.a libbase.a libtap.a libfault.a
TESTS += test-auth

check_PROGRAMS += test-address
test_address_SOURCES = %D%/test-address.c
test_address_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_address_LDADD = libwire.a libbase.a libtap.a libfault.a
TESTS += test-address

dist_check_SCRIPTS += %D%/test-wire-symbols.sh
TESTS += %D%/test-wire-symbols.sh

check_PROGRAMS += test-environment
test_environment_SOURCES = %D%/test-environment.c
test_environment_LDADD = libproxy.a libbase.a libtap.a
TESTS += test-environment

check_PROGRAMS += test-user-lookup
test_user_lookup_SOURCES = %D%/test-user-lookup.c
test_user_lookup_LDADD = libproxy.a libtap.a
TESTS += test-user-lookup

# peers without a proxy are made with what tests the core
check_PROGRAMS += test-holders
test_holders_SOURCES = %D%/test-holders.c
test_holders_CPPFLAGS = $(core_test_cppflags)
test_holders_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags) -Wl,--wrap=kdbus_embedded_new
test_holders_LDADD = libpolicyfixture.a libpolicytest.a libproxy.a libpolicy.a libkdbus-test.a \
	libcommand.a libkdbus.a libbase.a libtap.a libfault.a $(EXPAT_LIBS) $(LIBSYSTEMD_LIBS)
TESTS += test-holders
