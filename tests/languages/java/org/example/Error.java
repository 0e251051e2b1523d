// SPDX-License-Identifier: LGPL-2.1-or-later
package org.example;

import org.freedesktop.dbus.exceptions.DBusExecutionException;

/** The namespace of the errors: their names on the bus are those of their classes. */
public final class Error {
	private Error() {
	}

	public static class Failed extends DBusExecutionException {
		private static final long serialVersionUID = 1;

		public Failed(String text) {
			super(text);
		}
	}
}
