// SPDX-License-Identifier: LGPL-2.1-or-later

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.Map;

import org.example.Error;
import org.example.Peer;
import org.freedesktop.dbus.DBusConnection;
import org.freedesktop.dbus.UInt32;
import org.freedesktop.dbus.Variant;
import org.freedesktop.dbus.exceptions.DBusException;
import org.freedesktop.dbus.exceptions.DBusExecutionException;

/** A peer of test-libraries on dbus-java, which speaks D-Bus by itself; what a peer does is told there. */
public final class PeerJava implements Peer {
	private static String kind;

	@Override
	public boolean isRemote() {
		return false;
	}

	@Override
	public Echoed<String, Variant<?>, Map<String, Variant<?>>> Echo(String text, Variant<?> value,
									Map<String, Variant<?>> more) {
		return new Echoed<>(text + " from " + kind, value, more);
	}

	@Override
	public void Fail() {
		throw new Error.Failed("failed by " + kind);
	}

	private static Peer remote(DBusConnection bus, String to) throws DBusException {
		return bus.getRemoteObject("org.example.Peer." + to, "/peer", Peer.class);
	}

	private static String call(DBusConnection bus, String to, String text) throws DBusException {
		Map<String, Variant<?>> more = new HashMap<>();
		more.put("number", new Variant<Integer>(-3));
		more.put("text", new Variant<String>(text));
		Peer.Echoed<String, Variant<?>, Map<String, Variant<?>>> got =
			remote(bus, to).Echo(text, new Variant<UInt32>(new UInt32(77)), more);
		if (!got.value.getValue().equals(new UInt32(77)) || got.more.size() != 2
		    || !got.more.get("number").getValue().equals(-3)
		    || !got.more.get("text").getValue().equals(text)) {
			return "changed";
		}
		return got.text;
	}

	private static String run(DBusConnection bus, String[] words) throws DBusException {
		switch (words[0]) {
		case "emit":
			bus.sendSignal(new Said("/peer", kind, words[1]));
			return "emitted";
		case "call":
			return call(bus, words[1], words[2]);
		default:
			try {
				remote(bus, words[1]).Fail();
				return "no error";
			} catch (Error.Failed e) {
				return "org.example.Error.Failed " + e.getMessage();
			}
		}
	}

	public static void main(String[] args) throws DBusException, IOException {
		kind = args[0];
		DBusConnection bus = DBusConnection.getConnection(args[1]);
		bus.addSigHandler(Said.class, said -> {
			System.out.println("heard " + said.who + " " + said.text);
		});
		bus.exportObject("/peer", new PeerJava());
		bus.requestBusName("org.example.Peer." + kind);
		System.out.println("ready");
		BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
		for (String line = lines.readLine(); line != null; line = lines.readLine()) {
			try {
				System.out.println(run(bus, line.split(" ")));
			} catch (DBusException | DBusExecutionException e) {
				System.out.println("exception " + e);
			}
		}
		bus.disconnect();
	}
}
