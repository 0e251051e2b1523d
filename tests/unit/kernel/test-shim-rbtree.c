/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shim's red-black tree against a sorted array */
#include <linux/kernel.h>
#include <linux/rbtree.h>

#include <stdlib.h>

#include "tests/harness/tap.h"

#define N_NODES 512

struct number {
	struct rb_node node;
	unsigned int key;
};

static struct number numbers[N_NODES];
static bool is_in[N_NODES];

static void tree_add(struct rb_root_cached *root, struct number *number)
{
	struct rb_node **link = &root->rb_root.rb_node, *parent = NULL;
	bool leftmost = true;

	while (*link) {
		parent = *link;
		if (number->key < rb_entry(parent, struct number, node)->key) {
			link = &parent->rb_left;
		} else {
			link = &parent->rb_right;
			leftmost = false;
		}
	}
	rb_link_node(&number->node, parent, link);
	rb_insert_color_cached(&number->node, root, leftmost);
}

/* black nodes on each way down; checks order, parents and colors on the way */
static unsigned int tree_check(const struct rb_node *node, unsigned int depth)
{
	unsigned int left, right;
	bool is_red;

	if (!node)
		return 0;
	expect_lt(depth, 32u);
	is_red = !(node->parent_color & 1);
	if (node->rb_left) {
		expect(rb_parent(node->rb_left) == node);
		expect(!is_red || (node->rb_left->parent_color & 1));
	}
	if (node->rb_right) {
		expect(rb_parent(node->rb_right) == node);
		expect(!is_red || (node->rb_right->parent_color & 1));
	}
	left = tree_check(node->rb_left, depth + 1);
	right = tree_check(node->rb_right, depth + 1);
	expect_eq(left, right);
	return left + !is_red;
}

static void tree_compare(struct rb_root_cached *root)
{
	struct rb_node *node = rb_first_cached(root);

	expect(node == rb_first(&root->rb_root));
	expect(!root->rb_root.rb_node || (root->rb_root.rb_node->parent_color & 1));
	tree_check(root->rb_root.rb_node, 0);
	for (unsigned int i = 0; i < N_NODES; i++) {
		if (!is_in[i])
			continue;
		expect(node == &numbers[i].node);
		node = rb_next(node);
	}
	expect(!node);
	node = rb_last(&root->rb_root);
	for (unsigned int i = N_NODES; i-- > 0;) {
		if (!is_in[i])
			continue;
		expect(node == &numbers[i].node);
		node = rb_prev(node);
	}
	expect(!node);
}

TEST(random_operations_keep_order_and_balance)
{
	struct rb_root_cached root = RB_ROOT_CACHED;

	srandom(1);
	for (unsigned int i = 0; i < N_NODES; i++)
		numbers[i].key = i;
	for (unsigned int step = 0; step < 20000; step++) {
		/* waves, so that the tree is full and empty several times */
		unsigned int i = (unsigned int)random() % N_NODES;
		bool add = (unsigned int)random() % 100 < (step / 2000 % 2 ? 10 : 90);

		if (add && !is_in[i]) {
			tree_add(&root, &numbers[i]);
			is_in[i] = true;
		} else if (!add && is_in[i]) {
			rb_erase_cached(&numbers[i].node, &root);
			is_in[i] = false;
		}
		if (step % 16 == 0)
			tree_compare(&root);
	}
	for (unsigned int i = 0; i < N_NODES; i++) {
		if (is_in[i])
			rb_erase_cached(&numbers[i].node, &root);
		is_in[i] = false;
	}
	expect(RB_EMPTY_ROOT(&root.rb_root));
	tree_compare(&root);
}

TEST(ascending_and_descending_insertion_stay_balanced)
{
	struct rb_root_cached root = RB_ROOT_CACHED;

	for (unsigned int i = 0; i < N_NODES / 2; i++) {
		numbers[i].key = i;
		tree_add(&root, &numbers[i]);
		is_in[i] = true;
	}
	for (unsigned int i = N_NODES; i-- > N_NODES / 2;) {
		numbers[i].key = i;
		tree_add(&root, &numbers[i]);
		is_in[i] = true;
	}
	tree_compare(&root);
}

TEST(equal_keys_keep_the_order_of_insertion)
{
	struct rb_root_cached root = RB_ROOT_CACHED;
	struct rb_node *node;

	for (unsigned int i = 0; i < 100; i++) {
		numbers[i].key = i % 2;
		tree_add(&root, &numbers[i]);
	}
	node = rb_first_cached(&root);
	for (unsigned int parity = 0; parity < 2; parity++)
		for (unsigned int i = parity; i < 100; i += 2, node = rb_next(node))
			expect(node == &numbers[i].node);
	expect(!node);
}

TEST(cleared_node_is_in_no_tree)
{
	struct number number;

	RB_CLEAR_NODE(&number.node);
	expect(RB_EMPTY_NODE(&number.node));
	expect(!rb_next(&number.node));
	expect(!rb_prev(&number.node));
}
