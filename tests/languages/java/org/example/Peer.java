// SPDX-License-Identifier: LGPL-2.1-or-later
package org.example;

import java.util.Map;

import org.freedesktop.dbus.DBusInterface;
import org.freedesktop.dbus.DBusSignal;
import org.freedesktop.dbus.Position;
import org.freedesktop.dbus.Tuple;
import org.freedesktop.dbus.Variant;
import org.freedesktop.dbus.exceptions.DBusException;

/** The interface of a peer, less what passes descriptors, which dbus-java cannot. */
public interface Peer extends DBusInterface {
	Echoed<String, Variant<?>, Map<String, Variant<?>>> Echo(String text, Variant<?> value,
								 Map<String, Variant<?>> more);

	void Fail();

	/** What Echo returns. */
	final class Echoed<A, B, C> extends Tuple {
		@Position(0) public final A text;
		@Position(1) public final B value;
		@Position(2) public final C more;

		public Echoed(A text, B value, C more) {
			this.text = text;
			this.value = value;
			this.more = more;
		}
	}

	class Said extends DBusSignal {
		public final String who;
		public final String text;

		public Said(String path, String who, String text) throws DBusException {
			super(path, who, text);
			this.who = who;
			this.text = text;
		}
	}
}
