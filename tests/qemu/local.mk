# SPDX-License-Identifier: LGPL-2.1-or-later
# kdbus.ko in an emulated machine; make all and make check need nothing of this
EXTRA_DIST += %D%/init %D%/init-shared
dist_check_SCRIPTS += %D%/check-kernel %D%/boot %D%/boot-shared %D%/guest-bus \
	%D%/guest-suite %D%/pace %D%/run-shared %D%/test-places

# with a kernel that finds mistakes
EXTRA_DIST += %D%/debug.config %D%/debug-begin %D%/debug-end
dist_check_SCRIPTS += %D%/check-kernel-debug %D%/build-debug-kernel

qemu_programs = guest-exit test-hostile test-module test-payload
debug_programs = test-fail-nth test-load fuzz-ioctl
EXTRA_PROGRAMS += $(qemu_programs) $(debug_programs)
guest_exit_SOURCES = %D%/guest-exit.c
test_hostile_SOURCES = %D%/test-hostile.c
test_hostile_CPPFLAGS = $(abi_cppflags)
test_hostile_LDADD = $(abi_ldadd)
test_module_SOURCES = %D%/test-module.c %D%/hammer.c %D%/hammer.h %D%/stuck-file.c \
	%D%/stuck-file.h
test_module_CPPFLAGS = $(abi_cppflags)
test_module_LDADD = $(abi_ldadd)
test_payload_SOURCES = %D%/test-payload.c
test_payload_CPPFLAGS = $(abi_cppflags)
test_payload_LDADD = $(abi_ldadd)
test_fail_nth_SOURCES = %D%/test-fail-nth.c
test_fail_nth_CPPFLAGS = $(abi_cppflags)
test_fail_nth_LDADD = $(abi_ldadd)
test_load_SOURCES = %D%/test-load.c %D%/hammer.c %D%/hammer.h
test_load_CPPFLAGS = $(abi_cppflags)
test_load_LDADD = $(abi_ldadd)
fuzz_ioctl_SOURCES = %D%/fuzz-ioctl.c %D%/fuzz-program.c %D%/fuzz-program.h %D%/kcov.c \
	%D%/kcov.h tests/fuzz/fill.c tests/fuzz/fill.h tests/fuzz/fuzz.h
fuzz_ioctl_CPPFLAGS = $(SHIM_CPPFLAGS) $(AM_CPPFLAGS)
fuzz_ioctl_LDADD = libkdbus.a libbase.a

# of 32 bits; left out where the compiler makes none
EXTRA_DIST += %D%/test-compat.c
CLEANFILES += test-compat
test-compat: %D%/test-compat.c kernel/include/uapi/linux/kdbus.h
	$(AM_V_GEN)$(CC) -m32 -O1 -std=gnu11 -Wall -Wextra -ffreestanding -fno-pie \
		-fno-stack-protector -nostdlib -static -no-pie \
		-I$(top_srcdir)/kernel/include/uapi \
		-isystem /usr/include/$(MULTIARCH_PATH) \
		$(top_srcdir)/%D%/test-compat.c -o $@ 2>/dev/null || : >$@
MULTIARCH_PATH = $$($(CC) -print-multiarch)

# bus-proxyd on the module, in short: the tour, native programs, the seam, and a few of the
# conformance tests
guest_bus_programs = bus-proxyd$(EXEEXT) greeter kdbus-tree$(EXEEXT) tests/native/native-peer \
	tests/conformance/serve-domain test-engine test-engine-activator test-engine-order \
	tests/native/test-native tests/native/test-native-policy \
	tests/conformance/test-order
guest_bus_files = $(abs_top_srcdir)/%D%/guest-bus $(abs_top_srcdir)/tests/ci/with-bus \
	$(abs_top_srcdir)/%D%/test-places $(abs_top_srcdir)/tests/harness/tap.sh \
	$(abs_top_srcdir)/tests/conformance/run-subject \
	$(abs_top_srcdir)/tests/conformance/kernel.except \
	$(abs_top_srcdir)/tests/tour/tour.sh $(abs_top_srcdir)/conf/session.conf
guest_bus_tools = $$(command -v dbus-send dbus-monitor gdbus busctl)

# on which kernels: all that have headers and an image here
KERNELS =
# and what is tried there, and with which programs on it
KERNEL_TESTS = $(filter-out guest-exit,$(qemu_programs)) $(abi_programs) test-compat
KERNEL_BUS = $(guest_bus_programs)
check-kernel: guest-exit $(KERNEL_TESTS) $(KERNEL_BUS)
	+$(AM_V_at)MAKE='$(MAKE)' $(SHELL) $(top_srcdir)/%D%/check-kernel $(top_srcdir) \
		"$(KERNELS)" guest-exit $(KERNEL_TESTS) $(KERNEL_BUS) \
		$(if $(KERNEL_BUS),$(guest_bus_files) $(guest_bus_tools))

# newer and older ones of Debian's, into ./kernels
fetch-kernels:
	$(AM_V_at)$(SHELL) $(top_srcdir)/tests/ci/fetch-kernel kernels

# in a machine that shares the files of this one: all conformance tests, and the tests of Debian's
# dbus-tests; what a round trip costs there
run_shared = top_builddir='$(abs_top_builddir)' top_srcdir='$(abs_top_srcdir)' MAKE='$(MAKE)' \
	$(SHELL) $(top_srcdir)/%D%/run-shared $(top_srcdir) "$(firstword $(KERNELS))"
guest_suite_programs = bus-proxyd$(EXEEXT) guest-exit greeter tests/conformance/serve-domain \
	$(conformance_kernel)
check-kernel-suite: bus-proxyd$(EXEEXT) $(guest_suite_programs)
	+$(AM_V_at)$(MAKE) check-kernel-suite-dbus; status=$$?; \
	$(MAKE) check-kernel-suite-conformance || status=1; exit $$status
# what each test has said comes to kernel-suite
run_suite_shared = KERNEL_TIMEOUT=$(KERNEL_SUITE_SECONDS) GUEST_RESULTS=kernel-suite $(run_shared)
KERNEL_SUITE_SECONDS = 7200
check-kernel-suite-dbus: bus-proxyd$(EXEEXT) guest-exit
	+$(AM_V_at)$(run_suite_shared) '$(abs_top_srcdir)/%D%/guest-suite dbus'
check-kernel-suite-conformance: $(guest_suite_programs)
	+$(AM_V_at)$(run_suite_shared) '$(abs_top_srcdir)/%D%/guest-bus $(conformance_kernel)'

# BENCH_FLAGS: rounds, and calls in each
bench-kernel: kernel-bench$(EXEEXT) bus-proxyd$(EXEEXT) guest-exit
	+$(AM_V_at)KERNEL_COUNTS=1 $(run_shared) './kernel-bench $(if $(BENCH_FLAGS),$(BENCH_FLAGS),9 500)'

# where that kernel is kept: 2 GB
DEBUG_KERNEL = debug-kernel
# seconds of the fuzzer; how often the module is loaded and unloaded; what both begin with
DEBUG_FUZZ = 20
DEBUG_CYCLES = 20
DEBUG_SEED = 1
# a trace of the fuzzer, to be run instead
DEBUG_REPLAY =
# its parts, each of which can be run alone, and with make -j beside the others
debug_parts = suite bus faults fuzz cycles
check-kernel-debug: $(debug_parts:%=check-kernel-debug-%)
debug_files_suite = $(KERNEL_TESTS)
debug_files_bus = $(guest_bus_programs)
debug_files_faults = test-fail-nth
debug_files_fuzz = fuzz-ioctl
debug_files_cycles = test-load
debug_options = kdbus.fuzz=$(DEBUG_FUZZ) kdbus.cycles=$(DEBUG_CYCLES) kdbus.seed=$(DEBUG_SEED)
debug_part = $(AM_V_at)MAKE='$(MAKE)' KERNEL_APPEND='$(debug_options)' \
	$(1) $(SHELL) $(top_srcdir)/%D%/check-kernel-debug $(abs_top_srcdir) '$(DEBUG_KERNEL)' \
	$(2) guest-exit $(debug_files_$(2))
check-kernel-debug-suite: guest-exit $(debug_files_suite)
	+$(call debug_part,,suite)
check-kernel-debug-bus: guest-exit $(debug_files_bus)
	+$(call debug_part,,bus) $(guest_bus_files) $(guest_bus_tools)
check-kernel-debug-faults: guest-exit $(debug_files_faults)
	+$(call debug_part,,faults)
check-kernel-debug-fuzz: guest-exit $(debug_files_fuzz)
	+$(call debug_part,KERNEL_REPLAY='$(DEBUG_REPLAY)',fuzz)
check-kernel-debug-cycles: guest-exit $(debug_files_cycles)
	+$(call debug_part,,cycles)

.PHONY: check-kernel fetch-kernels check-kernel-suite check-kernel-suite-dbus \
	check-kernel-suite-conformance bench-kernel check-kernel-debug \
	$(debug_parts:%=check-kernel-debug-%)
