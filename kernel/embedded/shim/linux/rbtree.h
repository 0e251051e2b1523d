/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Red-black trees
 *
 * The kernel's interface: nodes are embedded, the caller walks down to find the
 * place of a new one, links it with rb_link_node() and lets rb_insert_color()
 * restore the balance.  In-order walks, insertion and removal are O(log n).
 */
#ifndef SHIM_LINUX_RBTREE_H
#define SHIM_LINUX_RBTREE_H

#include <linux/list.h>
#include <linux/types.h>

struct rb_node {
	unsigned long parent_color; /* the parent, with the color in bit 0 */
	struct rb_node *rb_right;
	struct rb_node *rb_left;
} __attribute__((__aligned__(sizeof(long))));

struct rb_root {
	struct rb_node *rb_node;
};

/* a tree whose first node is found in O(1) */
struct rb_root_cached {
	struct rb_root rb_root;
	struct rb_node *rb_leftmost;
};

#define RB_ROOT	       ((struct rb_root){ NULL })
#define RB_ROOT_CACHED ((struct rb_root_cached){ { NULL }, NULL })

#define rb_parent(node) ((struct rb_node *)((node)->parent_color & ~1UL))
#define rb_entry(ptr, type, member) container_of(ptr, type, member)

#define RB_EMPTY_ROOT(root) (!(root)->rb_node)
/* a node that is in no tree is its own parent */
#define RB_EMPTY_NODE(node) ((node)->parent_color == (unsigned long)(node))
#define RB_CLEAR_NODE(node) ((node)->parent_color = (unsigned long)(node))

void rb_insert_color(struct rb_node *node, struct rb_root *root);
/* @node is in no tree afterwards; RB_CLEAR_NODE() it if RB_EMPTY_NODE() shall say so */
void rb_erase(struct rb_node *node, struct rb_root *root);

struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

/* @link is where the walk down from the root ended, a member of @parent or of the root */
static inline void rb_link_node(struct rb_node *node, struct rb_node *parent,
				struct rb_node **link)
{
	node->parent_color = (unsigned long)parent;
	node->rb_left = node->rb_right = NULL;
	*link = node;
}

#define rb_first_cached(root) ((root)->rb_leftmost)

static inline void rb_insert_color_cached(struct rb_node *node, struct rb_root_cached *root,
					  bool leftmost)
{
	if (leftmost)
		root->rb_leftmost = node;
	rb_insert_color(node, &root->rb_root);
}

static inline void rb_erase_cached(struct rb_node *node, struct rb_root_cached *root)
{
	if (root->rb_leftmost == node)
		root->rb_leftmost = rb_next(node);
	rb_erase(node, &root->rb_root);
}

#endif
