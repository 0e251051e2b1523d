/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Payload of messages in this process
 *
 * An imported payload keeps the image that goes to pools (see payload_copy() in
 * kernel/core/host.h), duplicates of the descriptors, and the list of its parts,
 * from which the bytes in one piece can be made.  Memory that could not be read
 * makes it a faulty one: the message still finds out first whether there is
 * anybody to deliver it to.
 */
#include "kernel/embedded/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernel/embedded/host.h"

#define SEALS_NEEDED (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)
#define TMPFS_MAGIC_ 0x01021994

/* what is put together for a receiver in this process: more is no message of its protocol */
#define FLAT_SIZE_MAX (128u * 1024 * 1024)

struct imported_part {
	enum kdbus_part_type type;
	int fd;
	uint64_t start;
	uint64_t size;
};

struct imported {
	struct engine_payload payload; /* data: the image */
	struct embedded_share *share;  /* whose its descriptors are; NULL: this process' */
	bool is_faulty;
	bool is_flat; /* the image is all there is */
	size_t n_parts;
	struct imported_part *parts;
	uint8_t *image;
};

/* descriptors in messages of other processes, all together */
static atomic_t n_foreign_fds;

static struct engine_payload *to_engine(struct kdbus_payload *payload)
{
	return (struct engine_payload *)payload;
}

struct embedded_share *embedded_share_new(u32 uid, int max)
{
	struct embedded_share *share = kzalloc(sizeof(*share), GFP_KERNEL_ACCOUNT);

	if (!share)
		return NULL;
	kref_init(&share->kref);
	INIT_LIST_HEAD(&share->link);
	share->uid = uid;
	share->max = max;
	return share;
}

static void share_free(struct kref *kref)
{
	struct embedded_share *share = container_of(kref, struct embedded_share, kref);

	list_del(&share->link);
	kfree(share);
}

struct embedded_share *embedded_share_get(struct embedded_share *share)
{
	kref_get(&share->kref);
	return share;
}

void embedded_share_put(struct embedded_share *share)
{
	if (share)
		kref_put(&share->kref, share_free);
}

static void share_return(struct embedded_share *share)
{
	if (!share)
		return;
	atomic_dec_return(&n_foreign_fds);
	atomic_dec_return(&share->n);
}

static bool share_take(struct embedded_share *share, int max_fds)
{
	bool is_too_much;

	if (!share)
		return true;
	is_too_much = atomic_inc_return(&n_foreign_fds) > max_fds;
	is_too_much |= atomic_inc_return(&share->n) > share->max;
	if (is_too_much)
		share_return(share);
	return !is_too_much;
}

/* One that is a message's cannot be reached by the limits of those who receive it: they may be
 * many, and all of one who means harm. */
static int imported_dup(const struct embedded_caller *caller, int from)
{
	struct embedded_share *share = caller->process ? caller->process->share : NULL;
	int fd, r;

	if (!share_take(share, share ? caller->process->max_fds : 0))
		return -EMFILE;
	fd = fcntl(from, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0)
		return fd;
	r = errno == EBADF ? -EBADF : -EMFILE;
	share_return(share);
	return r;
}

static void imported_close(const struct imported *imported, int fd)
{
	/* who received it took it */
	share_return(imported->share);
	if (fd >= 0)
		close(fd);
}

static void imported_free(struct imported *imported)
{
	for (size_t i = 0; i < imported->n_parts; i++)
		if (imported->parts[i].type == KDBUS_PART_MEMFD && imported->parts[i].fd >= 0)
			imported_close(imported, imported->parts[i].fd);
	for (uint32_t i = 0; i < imported->payload.n_fds; i++)
		imported_close(imported, imported->payload.fds[i]);
	embedded_share_put(imported->share);
	kfree(imported->payload.fds);
	kvfree(imported->parts);
	kvfree(imported->image);
	kfree(imported);
}

static void imported_release(struct engine_payload *payload)
{
	imported_free(container_of(payload, struct imported, payload));
}

static struct imported *to_imported(struct engine_payload *payload)
{
	if (payload->release != imported_release)
		return NULL;
	return container_of(payload, struct imported, payload);
}

/* the descriptor that the caller calls @number; or -EBADF */
int embedded_caller_fd(const struct embedded_caller *caller, int number)
{
	if (caller->process)
		return caller->process->ops->get_fd(caller->process, number);
	return number < 0 ? -EBADF : number;
}

/* reference 3.12 row 18, for a memory file */
static int import_memfd(const struct embedded_caller *caller, const struct kdbus_part *part,
			int *fd_out)
{
	int fd, seals, from = embedded_caller_fd(caller, part->fd);
	struct statfs fs;
	struct stat st;

	if (from < 0 || fcntl(from, F_GETFL) < 0 || (fcntl(from, F_GETFL) & O_PATH))
		return -EBADF;
	seals = fcntl(from, F_GET_SEALS);
	if (seals < 0) {
		/* a file that is in memory but knows no seals counts as sealed with SEAL only */
		if (fstatfs(from, &fs) < 0 || fs.f_type != TMPFS_MAGIC_)
			return -EMEDIUMTYPE;
		return -ETXTBSY;
	}
	if ((seals & SEALS_NEEDED) != SEALS_NEEDED)
		return -ETXTBSY;
	if (fstat(from, &st) < 0)
		return -EBADF;
	if (part->start + part->size > (uint64_t)st.st_size)
		return kdbus_embedded_domain(caller->embedded)->is_p1 ? -EBADF : -EFAULT;
	fd = imported_dup(caller, from);
	if (fd < 0)
		return fd;
	*fd_out = fd;
	return 0;
}

/* a strict domain does not pass what can carry descriptors itself */
static bool fd_is_refused(const struct embedded_caller *caller, int fd)
{
	int domain;
	socklen_t size = sizeof(domain);

	if (!kdbus_embedded_domain(caller->embedded)->strict)
		return false;
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

static int import_fds(const struct embedded_caller *caller, const struct kdbus_part *part,
		      struct engine_payload *payload)
{
	int fd, flags, from;

	if (part->n_fds == 0)
		return 0;
	payload->fds = kmalloc_array(part->n_fds, sizeof(*payload->fds), GFP_KERNEL_ACCOUNT);
	if (!payload->fds)
		return -ENOMEM;
	for (uint32_t i = 0; i < part->n_fds; i++) {
		from = embedded_caller_fd(caller, part->fds[i]);
		flags = from < 0 ? -1 : fcntl(from, F_GETFL);
		if (flags < 0)
			return -EBADF;
		if (!(flags & O_PATH) && fd_is_refused(caller, from))
			return -EOPNOTSUPP;
		fd = imported_dup(caller, from);
		if (fd < 0)
			return fd;
		payload->fds[payload->n_fds++] = fd;
	}
	return 0;
}

static int import_part(struct embedded_caller *caller, struct imported *imported,
		       const struct kdbus_part *part)
{
	struct imported_part *mine = &imported->parts[imported->n_parts];
	int r = 0;

	*mine = (struct imported_part){
		.type = part->type, .fd = -1, .start = part->start, .size = part->size};
	switch (part->type) {
	case KDBUS_PART_BYTES:
		break;
	case KDBUS_PART_ZERO:
		imported->is_flat = false;
		break;
	case KDBUS_PART_MEMFD:
		imported->is_flat = false;
		r = import_memfd(caller, part, &mine->fd);
		break;
	case KDBUS_PART_FDS:
		r = import_fds(caller, part, &imported->payload);
		break;
	}
	if (r < 0)
		return r;
	imported->n_parts++;
	return 0;
}

static void read_bytes(struct embedded_caller *caller, struct imported *imported,
		       const struct kdbus_part *parts, size_t n_parts)
{
	size_t pos = 0, size;

	for (size_t i = 0; i < n_parts; i++) {
		size = kdbus_part_image_size(&parts[i]);
		if (size == 0)
			continue;
		if (parts[i].type != KDBUS_PART_BYTES) {
			memset(imported->image + pos, 0, size);
		} else if (embedded_user_read(caller, imported->image + pos, parts[i].address,
					      size) < 0) {
			/* who is asked about the message may look at it */
			memset(imported->image + pos, 0, size);
			imported->is_faulty = true;
		}
		pos += size;
	}
}

int embedded_payload_import(void *data, const struct kdbus_part *parts, size_t n_parts, bool stays,
			    struct kdbus_payload **payload_out)
{
	struct embedded_caller *caller = data;
	struct imported *imported;
	size_t size = 0;
	int r = 0;

	for (size_t i = 0; i < n_parts; i++)
		size += kdbus_part_image_size(&parts[i]);
	/* the same bytes may be named many times */
	if (caller->process && size > caller->process->ops->max_payload)
		return -EMSGSIZE;

	imported = kzalloc(sizeof(*imported), GFP_KERNEL_ACCOUNT);
	if (!imported)
		return -ENOMEM;
	imported->payload.refcount = 1;
	imported->payload.release = imported_release;
	imported->is_flat = true;
	if (caller->process)
		imported->share = embedded_share_get(caller->process->share);

	imported->parts = kvcalloc(n_parts, sizeof(*imported->parts), GFP_KERNEL_ACCOUNT);
	imported->image = size > 0 ? kvmalloc(size, GFP_KERNEL_ACCOUNT) : NULL;
	if (!imported->parts || (size > 0 && !imported->image)) {
		r = -ENOMEM;
		goto exit_imported;
	}
	imported->payload.data = imported->image;
	imported->payload.size = size;
	for (size_t i = 0; i < n_parts; i++) {
		r = import_part(caller, imported, &parts[i]);
		if (r < 0)
			goto exit_imported;
	}
	if (!stays)
		read_bytes(caller, imported, parts, n_parts);
	else if (size > 0)
		memset(imported->image, 0, size);
	*payload_out = embedded_payload(&imported->payload);
	return 0;

exit_imported:
	imported_free(imported);
	return r;
}

/* whoever gets the message passed on may want the bytes as well */
int embedded_payload_load(void *caller, struct kdbus_payload *opaque,
			  const struct kdbus_part *parts, size_t n_parts, void *pool, u64 offset)
{
	/* the others may do now what they like */
	sched_yield();
	read_bytes(caller, to_imported(to_engine(opaque)), parts, n_parts);
	return embedded_payload_copy(opaque, pool, offset);
}

struct kdbus_payload *embedded_payload_get(struct kdbus_payload *payload)
{
	return embedded_payload(engine_payload_ref(to_engine(payload)));
}

void embedded_payload_put(struct kdbus_payload *payload)
{
	engine_payload_unref(to_engine(payload));
}

int embedded_payload_copy(struct kdbus_payload *opaque, void *pool, u64 offset)
{
	struct engine_payload *payload = to_engine(opaque);
	struct imported *imported = to_imported(payload);

	if (imported && imported->is_faulty)
		return -EFAULT;
	if (!pool)
		return 0;
	return embedded_pool_write(pool, offset, payload->data, payload->size);
}

/* a duplicate of @fd at the lowest free number, or -1; another process says later which it is */
static int install_fd(const struct embedded_caller *caller, int fd, unsigned int *n_missing)
{
	if (caller->process) {
		if (caller->process->ops->give_fd(caller->process, fd) < 0)
			(*n_missing)++;
		return -1;
	}
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		(*n_missing)++;
	return fd;
}

unsigned int embedded_payload_install(void *caller, struct kdbus_payload *opaque, s32 *memfds_out,
				      s32 *fds_out)
{
	struct engine_payload *payload = to_engine(opaque);
	struct imported *imported = to_imported(payload);
	unsigned int n_missing = 0;
	size_t n_memfds = 0;

	if (memfds_out && imported)
		for (size_t i = 0; i < imported->n_parts; i++)
			if (imported->parts[i].type == KDBUS_PART_MEMFD)
				memfds_out[n_memfds++] =
					install_fd(caller, imported->parts[i].fd, &n_missing);
	if (fds_out)
		for (uint32_t i = 0; i < payload->n_fds; i++)
			fds_out[i] = install_fd(caller, payload->fds[i], &n_missing);
	return n_missing;
}

/* for direct receivers */

struct flat {
	struct engine_payload payload;
	struct engine_payload *origin; /* has the descriptors */
	uint8_t data[];
};

static void flat_release(struct engine_payload *payload)
{
	struct flat *flat = container_of(payload, struct flat, payload);

	engine_payload_unref(flat->origin);
	kvfree(flat);
}

static int read_memfd(const struct imported_part *part, uint8_t *dst, size_t size)
{
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		n = pread(part->fd, dst + done, size - done, part->start + done);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += n;
	}
	return 0;
}

/* the first @room bytes of all parts, of which the image has not those of zeros and files */
static int flat_fill(struct flat *flat, const struct imported *imported, size_t room)
{
	const uint8_t *image = imported->image;
	uint8_t *dst = flat->data;
	int r;

	for (size_t i = 0; i < imported->n_parts; i++) {
		const struct imported_part *part = &imported->parts[i];
		size_t size = min_t(size_t, part->size, room);

		switch (part->type) {
		case KDBUS_PART_BYTES:
			memcpy(dst, image, size);
			image += part->size;
			break;
		case KDBUS_PART_ZERO:
			memset(dst, 0, size);
			image += part->size % 8;
			break;
		case KDBUS_PART_MEMFD:
			r = read_memfd(part, dst, size);
			if (r < 0)
				return r;
			image += part->size % 8;
			break;
		case KDBUS_PART_FDS:
			continue;
		}
		dst += size;
		room -= size;
	}
	return 0;
}

static void nothing_release(struct engine_payload *payload)
{
	/* the reference that is there from the start is never given up */
	BUG_ON(true);
}

/* in the place of what cannot be had */
static struct engine_payload nothing = {.refcount = 1, .release = nothing_release};

int embedded_payload_flat_part(struct kdbus_payload *opaque, size_t max, bool *is_cut_out,
			       struct engine_payload **flat_out)
{
	struct engine_payload *payload = to_engine(opaque);
	struct imported *imported = payload ? to_imported(payload) : NULL;
	size_t size = 0, room;
	struct flat *flat;
	int r;

	*is_cut_out = false;
	if (payload && (!imported || imported->is_flat)) {
		*flat_out = engine_payload_ref(payload);
		return 0;
	}

	for (size_t i = 0; imported && i < imported->n_parts; i++)
		if (imported->parts[i].type != KDBUS_PART_FDS &&
		    check_add_overflow(size, (size_t)imported->parts[i].size, &size))
			size = SIZE_MAX / 2;
	/* no receiver takes this for a message, but one answers who waits */
	if (size > FLAT_SIZE_MAX) {
		*flat_out = engine_payload_ref(&nothing);
		return 0;
	}
	room = min_t(size_t, size, max);
	flat = kvmalloc(sizeof(*flat) + room, GFP_KERNEL_ACCOUNT);
	if (!flat)
		return -ENOMEM;
	r = imported ? flat_fill(flat, imported, room) : 0;
	if (r < 0) {
		kvfree(flat);
		*flat_out = engine_payload_ref(&nothing);
		return 0;
	}
	flat->origin = payload ? engine_payload_ref(payload) : NULL;
	flat->payload = (struct engine_payload){
		.refcount = 1,
		.n_fds = payload ? payload->n_fds : 0,
		.size = room,
		.data = flat->data,
		.fds = payload ? payload->fds : NULL,
		.release = flat_release,
	};
	*is_cut_out = room < size;
	*flat_out = &flat->payload;
	return 0;
}

int embedded_payload_flat(struct kdbus_payload *payload, struct engine_payload **flat_out)
{
	bool is_cut;

	return embedded_payload_flat_part(payload, FLAT_SIZE_MAX, &is_cut, flat_out);
}

bool embedded_payload_is_direct(struct kdbus_payload *payload)
{
	return !to_imported(to_engine(payload));
}
