# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += test-uapi
test_uapi_SOURCES = %D%/test-uapi.c %D%/uapi-check.h
test_uapi_LDADD = libtap.a
TESTS += test-uapi

dist_check_SCRIPTS += %D%/test-uapi-compile.sh
TESTS += %D%/test-uapi-compile.sh

# tests of kernel code see <linux/*.h> as that code does
kernel_test_ldadd = libkdbus.a libbase.a libtap.a

check_PROGRAMS += test-shim
test_shim_SOURCES = %D%/test-shim.c
test_shim_CPPFLAGS = $(SHIM_CPPFLAGS) $(AM_CPPFLAGS)
test_shim_LDADD = $(kernel_test_ldadd)
TESTS += test-shim

check_PROGRAMS += test-shim-rbtree
test_shim_rbtree_SOURCES = %D%/test-shim-rbtree.c
test_shim_rbtree_CPPFLAGS = $(SHIM_CPPFLAGS) $(AM_CPPFLAGS)
test_shim_rbtree_LDADD = $(kernel_test_ldadd)
TESTS += test-shim-rbtree

check_PROGRAMS += test-engine-message
test_engine_message_SOURCES = %D%/test-engine-message.c
test_engine_message_LDADD = $(kernel_test_ldadd)
TESTS += test-engine-message

check_PROGRAMS += test-engine
test_engine_SOURCES = %D%/test-engine.c %D%/engine-util.c %D%/engine-util.h
test_engine_LDADD = $(kernel_test_ldadd)
TESTS += test-engine

check_PROGRAMS += test-engine-soak
test_engine_soak_SOURCES = %D%/test-engine-soak.c %D%/engine-util.c %D%/engine-util.h
test_engine_soak_LDADD = $(kernel_test_ldadd)
TESTS += test-engine-soak
# the core, through its commands
check_LIBRARIES += libkdbus-test.a
libkdbus_test_a_SOURCES = %D%/kdbus-util.c %D%/kdbus-util.h
libkdbus_test_a_CPPFLAGS = $(SHIM_CPPFLAGS) $(AM_CPPFLAGS)

core_tests = test-core-connection test-core-handle test-core-info test-core-match \
	test-core-names test-core-policy test-core-queue test-core-reply test-core-send
check_PROGRAMS += $(core_tests)
TESTS += $(core_tests)
core_test_cppflags = $(SHIM_CPPFLAGS) $(AM_CPPFLAGS)
core_test_ldadd = libkdbus-test.a $(kernel_test_ldadd)

test_core_names_SOURCES = %D%/test-core-names.c
test_core_names_CPPFLAGS = $(core_test_cppflags)
test_core_names_LDADD = $(core_test_ldadd)

test_core_queue_SOURCES = %D%/test-core-queue.c
test_core_queue_CPPFLAGS = $(core_test_cppflags)
test_core_queue_LDADD = $(core_test_ldadd)

test_core_send_SOURCES = %D%/test-core-send.c
test_core_send_CPPFLAGS = $(core_test_cppflags)
test_core_send_LDADD = $(core_test_ldadd)

test_core_reply_SOURCES = %D%/test-core-reply.c
test_core_reply_CPPFLAGS = $(core_test_cppflags)
test_core_reply_LDADD = $(core_test_ldadd)

test_core_match_SOURCES = %D%/test-core-match.c
test_core_match_CPPFLAGS = $(core_test_cppflags)
test_core_match_LDADD = $(core_test_ldadd)

test_core_connection_SOURCES = %D%/test-core-connection.c
test_core_connection_CPPFLAGS = $(core_test_cppflags)
test_core_connection_LDADD = $(core_test_ldadd)

test_core_handle_SOURCES = %D%/test-core-handle.c
test_core_handle_CPPFLAGS = $(core_test_cppflags)
test_core_handle_LDADD = $(core_test_ldadd)

test_core_info_SOURCES = %D%/test-core-info.c
test_core_info_CPPFLAGS = $(core_test_cppflags)
test_core_info_LDADD = $(core_test_ldadd)

test_core_policy_SOURCES = %D%/test-core-policy.c
test_core_policy_CPPFLAGS = $(core_test_cppflags)
test_core_policy_LDADD = $(core_test_ldadd)
