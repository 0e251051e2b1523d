/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The mistake that the evaluator of this build makes on purpose: 0 none, or up to N_MUTATIONS
 *
 * Included in front of policy-parser/policy-eval.c when it is compiled for tests.
 */
#pragma once

#define N_MUTATIONS 5

extern unsigned policy_mutation;

#define POLICY_MUTATION policy_mutation
