# SPDX-License-Identifier: LGPL-2.1-or-later
# kdbus.ko in an emulated machine; make all and make check need nothing of this
EXTRA_DIST += %D%/init
dist_check_SCRIPTS += %D%/check-kernel %D%/boot

qemu_programs = guest-exit test-module
EXTRA_PROGRAMS += $(qemu_programs)
guest_exit_SOURCES = %D%/guest-exit.c
test_module_SOURCES = %D%/test-module.c
test_module_CPPFLAGS = $(abi_cppflags)
test_module_LDADD = $(abi_ldadd)

# on which kernels: all that have headers and an image here
KERNELS =
check-kernel: $(qemu_programs) $(abi_programs)
	+$(AM_V_at)MAKE='$(MAKE)' $(SHELL) $(top_srcdir)/%D%/check-kernel $(top_srcdir) \
		"$(KERNELS)" $(qemu_programs) $(abi_programs)

.PHONY: check-kernel
