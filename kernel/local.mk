# SPDX-License-Identifier: LGPL-2.1-or-later
# the kdbus core, its userspace host and the seam above it
noinst_LIBRARIES += libkdbus.a
libkdbus_a_CFLAGS = $(library_cflags)

# <linux/*.h> is ours first, the system's where we have none
SHIM_CPPFLAGS = -I$(top_srcdir)/%D%/embedded/shim -I$(top_srcdir)/%D%/include/uapi
libkdbus_a_CPPFLAGS = $(SHIM_CPPFLAGS) $(AM_CPPFLAGS)

libkdbus_a_SOURCES = \
	%D%/include/uapi/linux/kdbus.h

# stand-ins for the kernel's helpers
libkdbus_a_SOURCES += \
	%D%/embedded/shim/bug.c \
	%D%/embedded/shim/rbtree.c \
	%D%/embedded/shim/shim-alloc.h \
	%D%/embedded/shim/slab.c \
	%D%/embedded/shim/linux/atomic.h \
	%D%/embedded/shim/linux/bug.h \
	%D%/embedded/shim/linux/compiler.h \
	%D%/embedded/shim/linux/gfp.h \
	%D%/embedded/shim/linux/kernel.h \
	%D%/embedded/shim/linux/kref.h \
	%D%/embedded/shim/linux/list.h \
	%D%/embedded/shim/linux/lockdep.h \
	%D%/embedded/shim/linux/mempool.h \
	%D%/embedded/shim/linux/minmax.h \
	%D%/embedded/shim/linux/mutex.h \
	%D%/embedded/shim/linux/overflow.h \
	%D%/embedded/shim/linux/prefetch.h \
	%D%/embedded/shim/linux/rbtree.h \
	%D%/embedded/shim/linux/refcount.h \
	%D%/embedded/shim/linux/rwsem.h \
	%D%/embedded/shim/linux/siphash.h \
	%D%/embedded/shim/linux/slab.h \
	%D%/embedded/shim/linux/string.h \
	%D%/embedded/shim/linux/types.h \
	%D%/embedded/shim/linux/uidgid.h

# the seam
libkdbus_a_SOURCES += \
	%D%/engine/engine.c \
	%D%/engine/engine.h \
	%D%/engine/engine-abi.c \
	%D%/engine/engine-abi-match.c \
	%D%/engine/engine-abi-order.c \
	%D%/engine/engine-abi-queue.c \
	%D%/engine/engine-abi-stream.c \
	%D%/engine/engine-abi-stream.h \
	%D%/engine/engine-abi-view.c \
	%D%/engine/engine-abi-view.h \
	%D%/engine/engine-abi.h \
	%D%/engine/engine-abi-activator.c \
	%D%/engine/engine-abi-listener.c \
	%D%/engine/engine-activator.c \
	%D%/engine/engine-carrier.h \
	%D%/engine/engine-direct.c \
	%D%/engine/engine-direct-stranger.c \
	%D%/engine/engine-direct-stranger.h \
	%D%/engine/engine-stranger.c \
	%D%/engine/engine-items.c \
	%D%/engine/engine-items.h \
	%D%/engine/engine-ioctl.c \
	%D%/engine/engine-limits.c \
	%D%/engine/engine-message.c \
	%D%/engine/engine-message.h \
	%D%/engine/engine-mount.c \
	%D%/engine/engine-path.c \
	%D%/engine/engine-policy.c \
	%D%/engine/engine-pool.c \
	%D%/engine/engine-publish.c \
	%D%/engine/engine-remote.c \
	%D%/engine/engine-transport.h \
	%D%/engine/remote-client.c \
	%D%/engine/remote-client.h \
	%D%/engine/remote-command.c \
	%D%/engine/remote-inner.h \
	%D%/engine/remote-stage.c \
	%D%/engine/remote-stage.h \
	%D%/engine/remote-stream.c \
	%D%/engine/remote-stream.h

# the core
libkdbus_a_SOURCES += \
	%D%/core/activator.c \
	%D%/core/activator.h \
	%D%/core/args.c \
	%D%/core/args.h \
	%D%/core/bus.c \
	%D%/core/bus.h \
	%D%/core/call.c \
	%D%/core/call.h \
	%D%/core/connection-info.c \
	%D%/core/connection-info.h \
	%D%/core/connection-recv.c \
	%D%/core/connection.c \
	%D%/core/connection.h \
	%D%/core/delivery.c \
	%D%/core/delivery.h \
	%D%/core/domain.c \
	%D%/core/domain.h \
	%D%/core/endpoint.c \
	%D%/core/endpoint.h \
	%D%/core/handle.c \
	%D%/core/handle.h \
	%D%/core/host.h \
	%D%/core/item.c \
	%D%/core/item.h \
	%D%/core/limits.h \
	%D%/core/match.c \
	%D%/core/match.h \
	%D%/core/message-p1.c \
	%D%/core/message-p1.h \
	%D%/core/message.c \
	%D%/core/message.h \
	%D%/core/metadata.c \
	%D%/core/metadata.h \
	%D%/core/names.c \
	%D%/core/names.h \
	%D%/core/notify.c \
	%D%/core/notify.h \
	%D%/core/os.h \
	%D%/core/policy.c \
	%D%/core/policy.h \
	%D%/core/pool.c \
	%D%/core/pool.h \
	%D%/core/queue.c \
	%D%/core/queue.h \
	%D%/core/reply.c \
	%D%/core/reply.h \
	%D%/core/stage.c \
	%D%/core/stage.h \
	%D%/core/table.c \
	%D%/core/table.h

# its host in userspace
libkdbus_a_SOURCES += \
	%D%/embedded/call.c \
	%D%/embedded/embedded.c \
	%D%/embedded/embedded.h \
	%D%/embedded/host.h \
	%D%/embedded/memory.c \
	%D%/embedded/meta.c \
	%D%/embedded/namespace.c \
	%D%/embedded/namespace.h \
	%D%/embedded/payload.c \
	%D%/embedded/payload.h \
	%D%/embedded/pool.c \
	%D%/embedded/remote-protocol.h \
	%D%/embedded/remote-request.c \
	%D%/embedded/remote-request.h \
	%D%/embedded/server.c \
	%D%/embedded/server.h \
	%D%/embedded/server-accept.c \
	%D%/embedded/server-call.c \
	%D%/embedded/server-stream.c \
	%D%/embedded/server-inner.h \
	%D%/embedded/server-node.c \
	%D%/embedded/server-peer.c

# the same with real locks, for tests that have threads
check_LIBRARIES += libkdbus-threads.a
libkdbus_threads_a_SOURCES = $(libkdbus_a_SOURCES)
libkdbus_threads_a_CPPFLAGS = -DSHIM_THREADS $(libkdbus_a_CPPFLAGS)

# the interface, by noun
dist_man_MANS += \
	%D%/man/kdbus.7 \
	%D%/man/kdbus.bus.7 \
	%D%/man/kdbus.connection.7 \
	%D%/man/kdbus.endpoint.7 \
	%D%/man/kdbus.match.7 \
	%D%/man/kdbus.message.7 \
	%D%/man/kdbus.name.7 \
	%D%/man/kdbus.policy.7 \
	%D%/man/kdbus.pool.7
