// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Domain
 *
 * Holds the buses and does the accounting per uid.  A user exists while
 * something refers to it.  The caches of the core are global, as a module has
 * one of each.
 */
#include "kernel/core/domain.h"
#include "kernel/core/item.h"
#include "kernel/core/queue.h"
#include "kernel/core/reply.h"

static unsigned int core_users;

int kdbus_core_init(void)
{
	int r;

	if (core_users++ > 0)
		return 0;

	r = kdbus_queue_init_cache();
	if (r < 0)
		goto exit_count;
	r = kdbus_reply_init_cache();
	if (r < 0)
		goto exit_queue;
	return 0;

exit_queue:
	kdbus_queue_exit_cache();
exit_count:
	core_users--;
	return r;
}

void kdbus_core_exit(void)
{
	if (--core_users > 0)
		return;
	kdbus_reply_exit_cache();
	kdbus_queue_exit_cache();
}

int kdbus_domain_new(const struct kdbus_host_ops *host, void *host_data,
		     const struct kdbus_limits *limits, bool strict, bool is_p1,
		     struct kdbus_domain **domain_out)
{
	static const struct kdbus_limits published = KDBUS_LIMITS_DEFAULT;
	struct kdbus_domain *domain;
	int r;

	domain = kzalloc(sizeof(*domain), GFP_KERNEL_ACCOUNT);
	if (!domain)
		return -ENOMEM;

	r = kdbus_table_init(&domain->users);
	if (r < 0) {
		kfree(domain);
		return r;
	}
	kref_init(&domain->kref);
	mutex_init(&domain->lock);
	mutex_init(&domain->users_lock);
	INIT_LIST_HEAD(&domain->buses);
	domain->host = host;
	domain->host_data = host_data;
	domain->limits = limits ? *limits : published;
	domain->strict = strict || is_p1;
	domain->is_p1 = is_p1;
	domain->attach_mask = KDBUS_ATTACH_MASK_DEFAULT;

	*domain_out = domain;
	return 0;
}

static void kdbus_domain_release(struct kref *kref)
{
	struct kdbus_domain *domain = container_of(kref, struct kdbus_domain, kref);

	WARN_ON(!list_empty(&domain->buses));
	kdbus_table_deinit(&domain->users);
	mutex_destroy(&domain->users_lock);
	mutex_destroy(&domain->lock);
	kfree(domain);
}

struct kdbus_domain *kdbus_domain_ref(struct kdbus_domain *domain)
{
	kref_get(&domain->kref);
	return domain;
}

struct kdbus_domain *kdbus_domain_unref(struct kdbus_domain *domain)
{
	if (domain)
		kref_put(&domain->kref, kdbus_domain_release);
	return NULL;
}

void kdbus_domain_kill(struct kdbus_domain *domain)
{
	mutex_lock(&domain->lock);
	WRITE_ONCE(domain->is_dead, true);
	mutex_unlock(&domain->lock);
}

void kdbus_domain_set_limits(struct kdbus_domain *domain, const struct kdbus_limits *limits)
{
	WRITE_ONCE(domain->limits.pool_size, limits->pool_size);
	WRITE_ONCE(domain->limits.vec_size, limits->vec_size);
	WRITE_ONCE(domain->limits.n_buses_user, limits->n_buses_user);
	WRITE_ONCE(domain->limits.n_conns_user, limits->n_conns_user);
	WRITE_ONCE(domain->limits.n_names_conn, limits->n_names_conn);
	WRITE_ONCE(domain->limits.n_matches_conn, limits->n_matches_conn);
	WRITE_ONCE(domain->limits.n_replies_conn, limits->n_replies_conn);
	WRITE_ONCE(domain->limits.n_msgs_user, limits->n_msgs_user);
	WRITE_ONCE(domain->limits.n_fds_user, limits->n_fds_user);
	WRITE_ONCE(domain->limits.n_fds_msg, limits->n_fds_msg);
}

u64 kdbus_domain_next_id(struct kdbus_domain *domain)
{
	return atomic64_inc_return(&domain->last_id);
}

bool kdbus_domain_owns_name(const struct kdbus_domain *domain, kuid_t uid, const char *name)
{
	u32 number;

	return domain->host->uid_number(domain, uid, &number) &&
	       kdbus_sysname_has_uid(name, number);
}

int kdbus_user_get(struct kdbus_domain *domain, kuid_t uid, struct kdbus_user **user_out)
{
	u32 hash = __kuid_val(uid);
	struct kdbus_user *user;

	mutex_lock(&domain->users_lock);
	kdbus_table_for_each_possible(user, &domain->users, by_uid, hash) {
		if (uid_eq(user->uid, uid))
			goto found;
	}

	user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	if (!user) {
		mutex_unlock(&domain->users_lock);
		return -ENOMEM;
	}
	user->domain = domain;
	user->uid = uid;
	kdbus_table_add(&domain->users, &user->by_uid, hash);
found:
	user->n_refs++;
	mutex_unlock(&domain->users_lock);
	*user_out = user;
	return 0;
}

int kdbus_user_new_anonymous(struct kdbus_domain *domain, struct kdbus_user **user_out)
{
	struct kdbus_user *user;

	user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	if (!user)
		return -ENOMEM;
	kdbus_table_node_init(&user->by_uid);
	user->domain = domain;
	user->uid = INVALID_UID;
	user->n_refs = 1;
	*user_out = user;
	return 0;
}

struct kdbus_user *kdbus_user_ref(struct kdbus_user *user)
{
	mutex_lock(&user->domain->users_lock);
	user->n_refs++;
	mutex_unlock(&user->domain->users_lock);
	return user;
}

struct kdbus_user *kdbus_user_unref(struct kdbus_user *user)
{
	struct kdbus_domain *domain;

	if (!user)
		return NULL;

	domain = user->domain;
	mutex_lock(&domain->users_lock);
	if (--user->n_refs == 0) {
		kdbus_table_remove(&domain->users, &user->by_uid);
		kfree(user);
	}
	mutex_unlock(&domain->users_lock);
	return NULL;
}

static int kdbus_user_add(struct kdbus_user *user, u32 *counter, u32 limit)
{
	int r = 0;

	mutex_lock(&user->domain->users_lock);
	if (*counter >= limit)
		r = -EMFILE;
	else
		(*counter)++;
	mutex_unlock(&user->domain->users_lock);
	return r;
}

static void kdbus_user_remove(struct kdbus_user *user, u32 *counter)
{
	mutex_lock(&user->domain->users_lock);
	WARN_ON(*counter == 0);
	(*counter)--;
	mutex_unlock(&user->domain->users_lock);
}

int kdbus_user_add_bus(struct kdbus_user *user)
{
	return kdbus_user_add(user, &user->n_buses, kdbus_limit(user->domain, n_buses_user));
}

int kdbus_user_add_conn(struct kdbus_user *user)
{
	return kdbus_user_add(user, &user->n_conns, kdbus_limit(user->domain, n_conns_user));
}

void kdbus_user_remove_bus(struct kdbus_user *user)
{
	kdbus_user_remove(user, &user->n_buses);
}

void kdbus_user_remove_conn(struct kdbus_user *user)
{
	kdbus_user_remove(user, &user->n_conns);
}
