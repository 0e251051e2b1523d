# SPDX-License-Identifier: LGPL-2.1-or-later
# Clients in other languages, on libraries of their own: what test-libraries does, with more
# peers, on dbus-daemon and on both of ours; and the tests that godbus comes with.
EXTRA_DIST += \
	%D%/build-peers \
	%D%/java/PeerJava.java \
	%D%/java/org/example/Error.java \
	%D%/java/org/example/Peer.java \
	%D%/peer-godbus.go \
	%D%/peer-qt.cpp \
	%D%/run-godbus \
	%D%/zbus/Cargo.toml \
	%D%/zbus/src/main.rs
LANGUAGE_SUBJECTS = reference embedded per-client
language_programs = tests/conformance/per-client-bus tests/conformance/peer-libdbus \
	tests/conformance/peer-sdbus

check-languages: $(bin_PROGRAMS) $(language_programs)
	$(AM_V_at)$(srcdir)/%D%/build-peers languages
	$(AM_V_at)for subject in $(LANGUAGE_SUBJECTS); do \
		echo "$$subject:"; \
		top_builddir='$(abs_builddir)' BP_PEERS='$(abs_builddir)/languages' BP_SUBJECT=$$subject \
			$(PYTHON3) $(srcdir)/tests/conformance/test-libraries >languages/$$subject.log 2>&1; \
		status=$$?; \
		grep -c '^ok' languages/$$subject.log; \
		test $$status = 0 || { cat languages/$$subject.log; exit 1; }; \
	done
	$(AM_V_at)$(srcdir)/%D%/run-godbus '$(abs_builddir)/bus-proxyd$(EXEEXT)' || test $$? = 77

clean-languages:
	rm -rf languages
clean-local: clean-languages
.PHONY: check-languages clean-languages
