# SPDX-License-Identifier: LGPL-2.1-or-later
# Each allocation and each call of the system fails once, in a daemon that serves.
check_PROGRAMS += %D%/bus-proxyd %D%/test-fault %D%/test-fault-proxies

fault_call_ldflags = \
	-Wl,--wrap=accept4,--wrap=access,--wrap=bind,--wrap=chdir,--wrap=chmod,--wrap=close \
	-Wl,--wrap=close_range,--wrap=dup2,--wrap=epoll_create1,--wrap=epoll_ctl \
	-Wl,--wrap=epoll_wait,--wrap=eventfd,--wrap=execve,--wrap=fcntl,--wrap=fdopen,--wrap=fmemopen \
	-Wl,--wrap=fopen,--wrap=fork,--wrap=fstat,--wrap=fstatfs,--wrap=ftruncate \
	-Wl,--wrap=getrandom,--wrap=inotify_init1,--wrap=inotify_add_watch,--wrap=getsockname,--wrap=getsockopt,--wrap=listen,--wrap=lstat \
	-Wl,--wrap=memfd_create,--wrap=mmap,--wrap=open,--wrap=opendir,--wrap=pipe2,--wrap=pread,--wrap=pwrite \
	-Wl,--wrap=process_vm_readv,--wrap=process_vm_writev,--wrap=read,--wrap=readdir \
	-Wl,--wrap=readlink,--wrap=realpath,--wrap=recvmsg,--wrap=sd_notify,--wrap=send \
	-Wl,--wrap=sendmsg,--wrap=sendto,--wrap=setrlimit,--wrap=setsockopt,--wrap=signalfd,--wrap=socket,--wrap=socketpair,--wrap=splice \
	-Wl,--wrap=stat,--wrap=syscall,--wrap=timerfd_create,--wrap=unlink,--wrap=waitpid,--wrap=write \
	-Wl,--wrap=writev

# the core's caches keep nothing: each object is an allocation of its own
check_LIBRARIES += libfaultslab.a
libfaultslab_a_SOURCES = kernel/embedded/shim/slab.c
libfaultslab_a_CPPFLAGS = $(SHIM_CPPFLAGS) $(AM_CPPFLAGS) -DCACHE_KEEP_MAX=0

%C%_bus_proxyd_SOURCES = proxy/main.c %D%/inject.c %D%/inject.h
# the symbol is wanted before libkdbus.a offers another one
%C%_bus_proxyd_LDFLAGS = $(AM_LDFLAGS) $(fault_ldflags) $(fault_call_ldflags) -Wl,-u,kmalloc
%C%_bus_proxyd_LDADD = libproxy.a libservice.a libdriver.a libfaultslab.a libkdbus.a libpolicy.a \
	libwire.a libbase.a libfault.a $(EXPAT_LIBS) $(LIBSYSTEMD_LIBS) $(LIBCAP_LIBS)
%C%_test_fault_SOURCES = %D%/inject.h %D%/scene.c %D%/scene.h %D%/test-fault.c
%C%_test_fault_LDADD = libharness.a libtap.a
%C%_test_fault_proxies_SOURCES = %D%/inject.h %D%/scene.c %D%/scene.h %D%/test-fault-proxies.c
%C%_test_fault_proxies_LDADD = libharness.a libtap.a
TESTS += %D%/test-fault %D%/test-fault-proxies

# "make check" takes a sample
check-fault: %D%/bus-proxyd %D%/test-fault %D%/test-fault-proxies $(bin_PROGRAMS)
	$(AM_V_at)export top_builddir='$(abs_top_builddir)' FAULT_STRIDE=1 && \
		%D%/test-fault && %D%/test-fault-proxies

.PHONY: check-fault
