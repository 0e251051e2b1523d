/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHIM_LINUX_MINMAX_H
#define SHIM_LINUX_MINMAX_H

/* both operands have one type, as the kernel insists */
#define shim_pick(a, b, op)                                                                        \
	({                                                                                         \
		__typeof__(a) pick_a_ = (a);                                                       \
		__typeof__(b) pick_b_ = (b);                                                       \
		(void)(&pick_a_ == &pick_b_);                                                      \
		pick_a_ op pick_b_ ? pick_a_ : pick_b_;                                            \
	})
#define min(a, b)	    shim_pick(a, b, <)
#define max(a, b)	    shim_pick(a, b, >)
#define min_t(type, a, b)   min((type)(a), (type)(b))
#define max_t(type, a, b)   max((type)(a), (type)(b))

#endif
