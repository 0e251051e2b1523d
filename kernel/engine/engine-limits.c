/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits of the engine as limits of a domain in this process: where the engine
 * says 0, what the ABI publishes.
 */
#include "kernel/core/domain.h"
#include "kernel/engine/engine-carrier.h"

void engine_limits_apply(const struct engine_limits *limits, struct kdbus_domain *domain)
{
	static const struct kdbus_limits published = KDBUS_LIMITS_DEFAULT;
	const struct kdbus_limits merged = {
		.pool_size = limits->pool_size ?: published.pool_size,
		.vec_size = published.vec_size,
		.n_buses_user = published.n_buses_user,
		.n_conns_user = limits->n_conns_user ?: published.n_conns_user,
		.n_names_conn = limits->n_names_conn ?: published.n_names_conn,
		.n_matches_conn = limits->n_matches_conn ?: published.n_matches_conn,
		.n_replies_conn = limits->n_replies_conn ?: published.n_replies_conn,
		.n_msgs_user = limits->n_msgs_user ?: published.n_msgs_user,
		.n_fds_user = limits->n_fds_user ?: published.n_fds_user,
		.n_fds_msg = limits->n_fds_msg ?: published.n_fds_msg,
	};

	kdbus_domain_set_limits(domain, &merged);
}
