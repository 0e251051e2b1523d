# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += test-uapi
test_uapi_SOURCES = %D%/test-uapi.c %D%/uapi-check.h
test_uapi_LDADD = libtap.a
TESTS += test-uapi

dist_check_SCRIPTS += %D%/test-uapi-compile.sh
TESTS += %D%/test-uapi-compile.sh

# tests of kernel code see <linux/*.h> as that code does
kernel_test_ldadd = libkdbus.a libbase.a libtap.a

# tests of the seam, on every carrier
engine_util_sources = %D%/engine-util.c %D%/engine-util.h %D%/remote-util.c %D%/remote-util.h

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
test_engine_SOURCES = %D%/test-engine.c $(engine_util_sources)
test_engine_LDADD = $(kernel_test_ldadd)
TESTS += test-engine

check_PROGRAMS += test-engine-order
test_engine_order_SOURCES = %D%/test-engine-order.c $(engine_util_sources)
test_engine_order_LDADD = $(kernel_test_ldadd)
TESTS += test-engine-order

check_PROGRAMS += test-engine-activator
test_engine_activator_SOURCES = \
	%D%/test-engine-activator.c \
	$(engine_util_sources)
test_engine_activator_LDADD = $(kernel_test_ldadd)
TESTS += test-engine-activator

check_PROGRAMS += test-engine-listener
test_engine_listener_SOURCES = \
	%D%/test-engine-listener.c \
	$(engine_util_sources)
test_engine_listener_LDADD = $(kernel_test_ldadd)
TESTS += test-engine-listener

check_PROGRAMS += test-engine-native
test_engine_native_SOURCES = \
	%D%/test-engine-native.c \
	$(engine_util_sources)
test_engine_native_LDADD = $(kernel_test_ldadd)
TESTS += test-engine-native

dist_check_SCRIPTS += %D%/test-engine-ioctl.sh
TESTS += %D%/test-engine-ioctl.sh

check_PROGRAMS += test-engine-soak
test_engine_soak_SOURCES = %D%/test-engine-soak.c $(engine_util_sources)
test_engine_soak_LDADD = $(kernel_test_ldadd)
TESTS += test-engine-soak

check_PROGRAMS += test-remote
test_remote_SOURCES = %D%/test-remote.c %D%/remote-util.c %D%/remote-util.h
test_remote_LDADD = $(kernel_test_ldadd)
TESTS += test-remote

check_PROGRAMS += test-remote-stream
test_remote_stream_SOURCES = %D%/test-remote-stream.c %D%/remote-util.c %D%/remote-util.h
test_remote_stream_LDADD = $(kernel_test_ldadd)
TESTS += test-remote-stream

check_PROGRAMS += test-remote-stage
test_remote_stage_SOURCES = %D%/test-remote-stage.c %D%/remote-util.c %D%/remote-util.h
test_remote_stage_LDADD = $(kernel_test_ldadd)
TESTS += test-remote-stage

check_PROGRAMS += test-remote-call
test_remote_call_SOURCES = %D%/test-remote-call.c %D%/remote-util.c %D%/remote-util.h
test_remote_call_LDADD = $(kernel_test_ldadd)
TESTS += test-remote-call

include tests/unit/kernel/core.mk
check_PROGRAMS += test-engine-fault
test_engine_fault_SOURCES = %D%/test-engine-fault.c
test_engine_fault_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags)
test_engine_fault_LDADD = $(kernel_test_ldadd) libfault.a
TESTS += test-engine-fault
