# SPDX-License-Identifier: LGPL-2.1-or-later
# the core, through its commands; and its parts that have a life of their own
check_LIBRARIES += libkdbus-test.a
libkdbus_test_a_SOURCES = %D%/kdbus-util.c %D%/kdbus-util.h
libkdbus_test_a_CPPFLAGS = $(SHIM_CPPFLAGS) $(AM_CPPFLAGS)

core_tests = \
	test-core-activator \
	test-core-alloc \
	test-core-call \
	test-core-connection \
	test-core-handle \
	test-core-info \
	test-core-item \
	test-core-match \
	test-core-names \
	test-core-policy \
	test-core-pool \
	test-core-queue \
	test-core-reply \
	test-core-send
check_PROGRAMS += $(core_tests)
TESTS += $(core_tests)
core_test_cppflags = $(SHIM_CPPFLAGS) $(AM_CPPFLAGS)
core_test_ldadd = libkdbus-test.a libcommand.a $(kernel_test_ldadd)

test_core_activator_SOURCES = %D%/test-core-activator.c
test_core_activator_CPPFLAGS = $(core_test_cppflags)
test_core_activator_LDADD = $(core_test_ldadd)

test_core_alloc_SOURCES = %D%/test-core-alloc.c
test_core_alloc_CPPFLAGS = $(core_test_cppflags)
test_core_alloc_LDADD = $(core_test_ldadd)

test_core_call_SOURCES = %D%/test-core-call.c
test_core_call_CPPFLAGS = $(core_test_cppflags)
test_core_call_LDADD = $(core_test_ldadd)

test_core_connection_SOURCES = %D%/test-core-connection.c
test_core_connection_CPPFLAGS = $(core_test_cppflags)
test_core_connection_LDADD = $(core_test_ldadd)

test_core_handle_SOURCES = %D%/test-core-handle.c
test_core_handle_CPPFLAGS = $(core_test_cppflags)
test_core_handle_LDADD = $(core_test_ldadd)

test_core_info_SOURCES = %D%/test-core-info.c
test_core_info_CPPFLAGS = $(core_test_cppflags)
test_core_info_LDADD = $(core_test_ldadd)

test_core_item_SOURCES = %D%/test-core-item.c
test_core_item_CPPFLAGS = $(core_test_cppflags)
test_core_item_LDADD = $(core_test_ldadd)

test_core_match_SOURCES = %D%/test-core-match.c
test_core_match_CPPFLAGS = $(core_test_cppflags)
test_core_match_LDADD = $(core_test_ldadd)

test_core_names_SOURCES = %D%/test-core-names.c
test_core_names_CPPFLAGS = $(core_test_cppflags)
test_core_names_LDADD = $(core_test_ldadd)

test_core_policy_SOURCES = %D%/test-core-policy.c
test_core_policy_CPPFLAGS = $(core_test_cppflags)
test_core_policy_LDADD = $(core_test_ldadd)

test_core_pool_SOURCES = %D%/test-core-pool.c
test_core_pool_CPPFLAGS = $(core_test_cppflags)
test_core_pool_LDADD = $(core_test_ldadd)

test_core_queue_SOURCES = %D%/test-core-queue.c
test_core_queue_CPPFLAGS = $(core_test_cppflags)
test_core_queue_LDADD = $(core_test_ldadd)

test_core_reply_SOURCES = %D%/test-core-reply.c
test_core_reply_CPPFLAGS = $(core_test_cppflags)
test_core_reply_LDADD = $(core_test_ldadd)

test_core_send_SOURCES = %D%/test-core-send.c
test_core_send_CPPFLAGS = $(core_test_cppflags)
test_core_send_LDADD = $(core_test_ldadd)
