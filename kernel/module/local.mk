# SPDX-License-Identifier: LGPL-2.1-or-later
# kdbus.ko.  No other target needs the headers of a kernel.
EXTRA_DIST += \
	kernel/Kbuild \
	kernel/build-module \
	kernel/check-dkms \
	kernel/check-style \
	kernel/dkms.conf \
	%D%/compat.h \
	%D%/file.c \
	%D%/fs.c \
	%D%/host.c \
	%D%/main.c \
	%D%/meta.c \
	%D%/module.h \
	%D%/payload.c \
	%D%/pool.c

# for which kernel: the running one, or else the newest that has headers here
KVER = $$(uname -r | xargs -I{} ls -d /lib/modules/{}/build 2>/dev/null | cut -d/ -f4 | grep . || \
	ls -d /lib/modules/*/build 2>/dev/null | sort -V | tail -n 1 | cut -d/ -f4)
build_module = MAKE='$(MAKE)' $(SHELL) $(abs_top_srcdir)/kernel/build-module

module:
	+$(AM_V_at)kver=$(KVER); \
	$(build_module) module-build/$$kver "$$kver" && \
	cp module-build/$$kver/kernel/kdbus.ko .

module-install: module
	+$(AM_V_at)kver=$(KVER); \
	INSTALL_MOD_PATH='$(DESTDIR)' INSTALL_MOD_DIR=updates \
	$(build_module) module-build/$$kver "$$kver" modules_install && \
	{ test -n '$(DESTDIR)' || depmod $$kver; }

# the sources for DKMS, to be followed by dkms add kdbus/$(VERSION)
module_source = $(DESTDIR)/usr/src/kdbus-$(VERSION)
module-source:
	$(AM_V_at)mkdir -p '$(module_source)/kernel' && \
	for part in Kbuild core module include; do \
		cp -Rp '$(top_srcdir)'/kernel/$$part '$(module_source)/kernel/' || exit 1; \
	done && \
	sed 's/@[V]ERSION@/$(VERSION)/' '$(top_srcdir)/kernel/dkms.conf' \
		>'$(module_source)/dkms.conf'

# what the kernel's own tools say of it
check-module-style:
	+$(AM_V_at)MAKE='$(MAKE)' $(SHELL) $(abs_top_srcdir)/kernel/check-style module-style || \
		test $$? = 77

# that DKMS makes a module of what module-source gives it
check-dkms:
	+$(AM_V_at)rm -rf module-build/dkms && mkdir -p module-build && \
	$(MAKE) module-source DESTDIR=module-build/dkms && \
	{ $(SHELL) $(abs_top_srcdir)/kernel/check-dkms module-build/dkms/usr/src $(VERSION) || \
		test $$? = 77; }

clean-local: clean-module
clean-module:
	rm -rf module-build module-style kernel-suite kdbus.ko

.PHONY: module module-install module-source check-module-style check-dkms clean-module
