# SPDX-License-Identifier: LGPL-2.1-or-later
# What a message costs.  "make bench" measures; "make check" only looks whether
# the benchmark can still be built and run.
check_PROGRAMS += bus-bench
bus_bench_SOURCES = \
	%D%/bus-bench.c \
	%D%/contender.c \
	%D%/contender.h \
	%D%/goals.c \
	%D%/goals.h \
	%D%/machine.c \
	%D%/machine.h \
	%D%/measure-call.c \
	%D%/measure-driver.c \
	%D%/measure-memory.c \
	%D%/measure-signal.c \
	%D%/measure.c \
	%D%/measure.h \
	%D%/meter.c \
	%D%/peer.c \
	%D%/peer.h \
	%D%/relay.c \
	%D%/relay.h \
	%D%/report-draw.c \
	%D%/report-json.c \
	%D%/report-markdown.c \
	%D%/report.c \
	%D%/report.h \
	%D%/result.c \
	%D%/result.h \
	%D%/run.c \
	%D%/run.h \
	%D%/spread.c \
	%D%/spread.h \
	%D%/tracer.c \
	%D%/tracer.h
bus_bench_LDADD = -lm -lpthread

# where the kernel has kdbus: "make bench-kernel"
check_PROGRAMS += kernel-bench
kernel_bench_SOURCES = \
	%D%/kernel-bench.c \
	%D%/contender.c \
	%D%/contender.h \
	%D%/peer.c \
	%D%/peer.h \
	%D%/relay.c \
	%D%/relay.h \
	%D%/spread.c \
	%D%/spread.h

dist_check_SCRIPTS += %D%/test-bench.sh %D%/with-rules
EXTRA_DIST += %D%/RESULTS.md
TESTS += %D%/test-bench.sh

check_PROGRAMS += test-bench-result
test_bench_result_SOURCES = %D%/test-bench-result.c %D%/goals.c %D%/result.c %D%/spread.c
test_bench_result_LDADD = libtap.a -lm
TESTS += test-bench-result

# BENCH_OUT=FILE: write the table there as well; BENCH_SECONDS=N: bound each measure
bench_flags = --output=bench-results $(if $(BENCH_OUT),--results=$(BENCH_OUT)) \
	$(if $(BENCH_SECONDS),--seconds=$(BENCH_SECONDS)) $(BENCH_FLAGS)

bench: bus-bench$(EXEEXT) $(bin_PROGRAMS) tests/conformance/per-client-bus$(EXEEXT)
	$(AM_V_at)./bus-bench$(EXEEXT) $(bench_flags)

bench-quick: bus-bench$(EXEEXT) $(bin_PROGRAMS) tests/conformance/per-client-bus$(EXEEXT)
	$(AM_V_at)./bus-bench$(EXEEXT) --quick $(bench_flags)

# the same daemon once more, with 1000 rules of policy: the contender "also"
bench-rules: bus-bench$(EXEEXT) $(bin_PROGRAMS)
	$(AM_V_at)BP_DAEMON=./bus-proxyd ./bus-bench$(EXEEXT) --measure=round-trip-0 \
		--also=$(srcdir)/%D%/with-rules $(BENCH_FLAGS)

clean-local: clean-bench
clean-bench:
	rm -rf bench-results

.PHONY: bench bench-quick bench-rules clean-bench
