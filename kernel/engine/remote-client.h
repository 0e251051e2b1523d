/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A node that another process serves, as a file of kdbusfs would be used
 *
 * open(), ioctl(), poll(), mmap() and close() for the sockets of a server
 * (kernel/embedded/server.h).  What comes back are the results and errors of the ABI.
 * Nothing but libc is needed, nothing is kept but what is in struct remote_client, and
 * whoever uses one from several threads takes turns.
 *
 * The socket is what stands for the open file: its copies, inherited or passed on,
 * are the same handle; and who polls it finds it readable while there is something
 * to receive.  That is so until remote_client_command() has received it, not for
 * bytes that could be read.
 */
#ifndef KERNEL_ENGINE_REMOTE_CLIENT_H
#define KERNEL_ENGINE_REMOTE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For programs that were written for files: structs of commands may lie anywhere, also where
 * nothing is (EFAULT), and the socket is readable by the time that a command returns.  Without it
 * the memory is known to be there, and readiness may follow; that is quicker. */
#define REMOTE_CLIENT_EXACT (1u << 0)

struct remote_command;
struct remote_stream;

/**
 * struct remote_client - an open node
 * @fd: the socket
 * @flags: REMOTE_CLIENT_*
 * @pool_fd: descriptor of the pool, or -1 while that is not known
 * @pool_size: its bytes, with @pool_fd
 * @is_readable: there was something to receive when the last answer was given, or the server has
 *	said so since
 * @position: how far the queue had got when the last answer was given
 * @buffer: for packets
 * @command: for what a command is about; in the same memory
 * @stream: remote-stream.h, owned; or NULL
 */
struct remote_client {
	int fd;
	unsigned flags;
	int pool_fd;
	uint64_t pool_size;
	bool is_readable;
	uint64_t position;
	uint64_t *buffer;
	struct remote_command *command;
	struct remote_stream *stream;
};

/**
 * remote_client_open() - open()
 * @path: of the socket
 * @flags: REMOTE_CLIENT_*
 *
 * Return: 0, or a negative errno: that of open() on kdbusfs; -ECONNREFUSED if there is
 * a node but nobody behind it; -EPROTO for a server of another kind.
 */
int remote_client_open(struct remote_client *client, const char *path, unsigned flags);
/**
 * remote_client_attach() - take over the socket of a node that is open
 * @fd: owned from now on, also if this fails
 *
 * Return: 0 or -ENOMEM.
 */
int remote_client_attach(struct remote_client *client, int fd, unsigned flags);
/* close() of one copy; mappings stay */
void remote_client_close(struct remote_client *client);
/* the last close(), even if there are copies: when it returns all has taken effect */
void remote_client_close_last(struct remote_client *client);

/**
 * remote_client_command() - ioctl()
 * @nr: KDBUS_CMD_*
 * @cmd: its struct, written back as the ABI says
 *
 * A synchronous SEND blocks; -EINTR as for an ioctl().
 *
 * Return: 0 or the negative errno of the ABI; -ECONNRESET if the server is gone.
 */
int remote_client_command(struct remote_client *client, unsigned long nr, void *cmd);
/**
 * struct remote_client_call - a synchronous SEND under way
 * @fd: ends when there is a result; or -1
 * @id: what the server calls it
 * @nr, @address, @size: the command
 */
struct remote_client_call {
	int fd;
	uint64_t id;
	unsigned long nr;
	uint64_t address;
	uint64_t size;
};

#define REMOTE_CLIENT_WAITS 1

/**
 * remote_client_start() - remote_client_command() for those who share the client
 * @call_out: with REMOTE_CLIENT_WAITS: to be waited for, and ended
 *
 * Return: 0, REMOTE_CLIENT_WAITS or a negative errno.
 */
int remote_client_start(struct remote_client *client, unsigned long nr, void *cmd,
			struct remote_client_call *call_out);
/**
 * remote_client_wait() - until there is a result, or a signal
 *
 * It does not touch the client, which others may use meanwhile.  A signal whose handler was
 * installed with SA_RESTART does not end it.
 */
void remote_client_wait(const struct remote_client_call *call);
/* the result; -EINTR if there is none, and the same command, sent again, goes on to wait for it */
int remote_client_end(struct remote_client *client, struct remote_client_call *call);
/**
 * remote_client_published() - the file that the owner of the bus has published
 * @fd_out: to be closed
 * @generation_out: its number; may be NULL
 *
 * When there is another one the socket becomes readable, until this is called again.
 *
 * Return: 0, -ENODATA, -EPERM (not as good as the owner), or -ECONNRESET.
 */
int remote_client_published(struct remote_client *client, int *fd_out, uint64_t *generation_out);
/**
 * remote_client_stream() - messages shall come without being asked for
 *
 * Before HELLO; what can be done with it is in remote-stream.h.  The client must not be moved from
 * now on.
 *
 * Return: 0, -EPERM (not as good as the owner of the bus, or it is of another process), -EBADFD
 * (HELLO was said), -ENOMEM: then the client cannot be used, or -ECONNRESET.
 */
int remote_client_stream(struct remote_client *client);
/* whether RECV would say EAGAIN, as far as is known without asking; for who has no copies of
 * the socket */
bool remote_client_is_empty(struct remote_client *client);
/* poll(): the events of the ABI, or -ECONNRESET if the server is gone */
int remote_client_poll(struct remote_client *client);
/**
 * remote_client_map() - mmap()
 * @size, @prot, @flags, @offset: its arguments
 *
 * Return: 0 or the negative errno of the ABI.
 */
int remote_client_map(struct remote_client *client, size_t size, int prot, int flags,
		      uint64_t offset, void **address_out);

#endif
