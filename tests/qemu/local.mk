# SPDX-License-Identifier: LGPL-2.1-or-later
# kdbus.ko in an emulated machine; make all and make check need nothing of this
EXTRA_DIST += %D%/init
dist_check_SCRIPTS += %D%/check-kernel %D%/boot

qemu_programs = guest-exit test-module test-payload
EXTRA_PROGRAMS += $(qemu_programs)
guest_exit_SOURCES = %D%/guest-exit.c
test_module_SOURCES = %D%/test-module.c
test_module_CPPFLAGS = $(abi_cppflags)
test_module_LDADD = $(abi_ldadd)
test_payload_SOURCES = %D%/test-payload.c
test_payload_CPPFLAGS = $(abi_cppflags)
test_payload_LDADD = $(abi_ldadd)

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

# on which kernels: all that have headers and an image here
KERNELS =
# and what is tried there
KERNEL_TESTS = $(filter-out guest-exit,$(qemu_programs)) $(abi_programs) test-compat
check-kernel: guest-exit $(KERNEL_TESTS)
	+$(AM_V_at)MAKE='$(MAKE)' $(SHELL) $(top_srcdir)/%D%/check-kernel $(top_srcdir) \
		"$(KERNELS)" guest-exit $(KERNEL_TESTS)

# newer and older ones of Debian's, into ./kernels
fetch-kernels:
	$(AM_V_at)$(SHELL) $(top_srcdir)/tests/ci/fetch-kernel kernels

.PHONY: check-kernel fetch-kernels
