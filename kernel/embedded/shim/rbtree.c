/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Red-black trees, as in Cormen, Leiserson, Rivest and Stein, "Introduction to
 * Algorithms", chapter 13, with NULL for the black leaves:
 *
 *  - the root is black; a red node has no red child
 *  - every way down from a node to a leaf passes the same number of black nodes
 *
 * so that no way down is more than twice as long as another.
 */
#include <linux/kernel.h>
#include <linux/rbtree.h>

#define RED   0UL
#define BLACK 1UL

static inline bool is_red(const struct rb_node *node)
{
	return node && (node->parent_color & 1) == RED;
}

static inline void set_color(struct rb_node *node, unsigned long color)
{
	node->parent_color = (node->parent_color & ~1UL) | color;
}

static inline void set_parent(struct rb_node *node, struct rb_node *parent)
{
	node->parent_color = (unsigned long)parent | (node->parent_color & 1);
}

/* what pointed to @from, a child of @parent, points to @to */
static void replace_child(struct rb_root *root, struct rb_node *parent, struct rb_node *from,
			  struct rb_node *to)
{
	if (!parent)
		root->rb_node = to;
	else if (parent->rb_left == from)
		parent->rb_left = to;
	else
		parent->rb_right = to;
}

/* @node goes down to the left, its right child takes its place */
static void rotate_left(struct rb_root *root, struct rb_node *node)
{
	struct rb_node *up = node->rb_right, *parent = rb_parent(node);

	node->rb_right = up->rb_left;
	if (up->rb_left)
		set_parent(up->rb_left, node);
	up->rb_left = node;
	set_parent(up, parent);
	set_parent(node, up);
	replace_child(root, parent, node, up);
}

static void rotate_right(struct rb_root *root, struct rb_node *node)
{
	struct rb_node *up = node->rb_left, *parent = rb_parent(node);

	node->rb_left = up->rb_right;
	if (up->rb_right)
		set_parent(up->rb_right, node);
	up->rb_right = node;
	set_parent(up, parent);
	set_parent(node, up);
	replace_child(root, parent, node, up);
}

void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *parent, *grand, *uncle;

	set_color(node, RED);
	while ((parent = rb_parent(node)) && is_red(parent)) {
		/* a red node is not the root, so there is a grandparent */
		grand = rb_parent(parent);
		uncle = grand->rb_left == parent ? grand->rb_right : grand->rb_left;
		if (is_red(uncle)) {
			set_color(parent, BLACK);
			set_color(uncle, BLACK);
			set_color(grand, RED);
			node = grand;
		} else if (parent == grand->rb_left) {
			if (node == parent->rb_right) {
				rotate_left(root, parent);
				parent = node;
			}
			set_color(parent, BLACK);
			set_color(grand, RED);
			rotate_right(root, grand);
			break;
		} else {
			if (node == parent->rb_left) {
				rotate_right(root, parent);
				parent = node;
			}
			set_color(parent, BLACK);
			set_color(grand, RED);
			rotate_left(root, grand);
			break;
		}
	}
	set_color(root->rb_node, BLACK);
}

/* The ways down through @node, a child of @parent and possibly NULL, are one
 * black node short.
 */
static void erase_rebalance(struct rb_root *root, struct rb_node *node, struct rb_node *parent)
{
	struct rb_node *sibling;

	while (parent && !is_red(node)) {
		if (node == parent->rb_left) {
			sibling = parent->rb_right;
			if (is_red(sibling)) {
				set_color(sibling, BLACK);
				set_color(parent, RED);
				rotate_left(root, parent);
				sibling = parent->rb_right;
			}
			if (is_red(sibling->rb_left) || is_red(sibling->rb_right)) {
				if (!is_red(sibling->rb_right)) {
					set_color(sibling->rb_left, BLACK);
					set_color(sibling, RED);
					rotate_right(root, sibling);
					sibling = parent->rb_right;
				}
				set_color(sibling, is_red(parent) ? RED : BLACK);
				set_color(parent, BLACK);
				set_color(sibling->rb_right, BLACK);
				rotate_left(root, parent);
				return;
			}
		} else {
			sibling = parent->rb_left;
			if (is_red(sibling)) {
				set_color(sibling, BLACK);
				set_color(parent, RED);
				rotate_right(root, parent);
				sibling = parent->rb_left;
			}
			if (is_red(sibling->rb_left) || is_red(sibling->rb_right)) {
				if (!is_red(sibling->rb_left)) {
					set_color(sibling->rb_right, BLACK);
					set_color(sibling, RED);
					rotate_left(root, sibling);
					sibling = parent->rb_left;
				}
				set_color(sibling, is_red(parent) ? RED : BLACK);
				set_color(parent, BLACK);
				set_color(sibling->rb_left, BLACK);
				rotate_right(root, parent);
				return;
			}
		}
		set_color(sibling, RED);
		node = parent;
		parent = rb_parent(node);
	}
	if (node)
		set_color(node, BLACK);
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *next = node, *child, *parent;
	bool was_red;

	/* what leaves its place in the tree has one child at most: @node, or
	 * the node after it, which then takes @node's place */
	if (node->rb_left && node->rb_right)
		for (next = node->rb_right; next->rb_left;)
			next = next->rb_left;
	child = next->rb_left ?: next->rb_right;
	parent = rb_parent(next);
	was_red = is_red(next);

	replace_child(root, parent, next, child);
	if (child)
		set_parent(child, parent);
	if (next != node) {
		if (parent == node)
			parent = next;
		*next = *node;
		replace_child(root, rb_parent(node), node, next);
		if (next->rb_left)
			set_parent(next->rb_left, next);
		if (next->rb_right)
			set_parent(next->rb_right, next);
	}
	if (!was_red)
		erase_rebalance(root, child, parent);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *node = root->rb_node;

	while (node && node->rb_left)
		node = node->rb_left;
	return node;
}

struct rb_node *rb_last(const struct rb_root *root)
{
	struct rb_node *node = root->rb_node;

	while (node && node->rb_right)
		node = node->rb_right;
	return node;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	struct rb_node *parent, *next;

	if (RB_EMPTY_NODE(node))
		return NULL;
	if (node->rb_right) {
		for (next = node->rb_right; next->rb_left;)
			next = next->rb_left;
		return next;
	}
	while ((parent = rb_parent(node)) && node == parent->rb_right)
		node = parent;
	return parent;
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	struct rb_node *parent, *prev;

	if (RB_EMPTY_NODE(node))
		return NULL;
	if (node->rb_left) {
		for (prev = node->rb_left; prev->rb_right;)
			prev = prev->rb_right;
		return prev;
	}
	while ((parent = rb_parent(node)) && node == parent->rb_left)
		node = parent;
	return parent;
}
