// SPDX-License-Identifier: LGPL-2.1-or-later
// A peer of test-libraries on QtDBus; what a peer does is told there.
#include <QtCore/QCoreApplication>
#include <QtCore/QSocketNotifier>
#include <QtCore/QTextStream>
#include <QtDBus/QtDBus>

#include <cstdio>
#include <unistd.h>

static const QString interface_name = QStringLiteral("org.example.Peer");
static QString kind;

static void say(const QString &text)
{
	puts(text.toUtf8().constData());
	fflush(stdout);
}

static QString read_all(int fd)
{
	char text[100];
	ssize_t n = read(fd, text, sizeof(text));

	return QString::fromUtf8(text, n > 0 ? int(n) : 0);
}

class Peer : public QObject, protected QDBusContext {
	Q_OBJECT
	Q_CLASSINFO("D-Bus Interface", "org.example.Peer")
public slots:
	QString Echo(const QString &text, const QDBusVariant &value, const QVariantMap &more,
		     QDBusVariant &value_back, QVariantMap &more_back)
	{
		value_back = value;
		more_back = more;
		return text + " from " + kind;
	}

	void Write(const QDBusUnixFileDescriptor &fd)
	{
		dprintf(fd.fileDescriptor(), "written by %s", kind.toUtf8().constData());
	}

	QDBusUnixFileDescriptor Open()
	{
		QDBusUnixFileDescriptor fd;
		int fds[2];

		if (pipe(fds) < 0)
			return fd;
		dprintf(fds[1], "opened by %s", kind.toUtf8().constData());
		close(fds[1]);
		fd.giveFileDescriptor(fds[0]);
		return fd;
	}

	void Fail()
	{
		sendErrorReply(QStringLiteral("org.example.Error.Failed"), "failed by " + kind);
	}

signals:
	void Said(const QString &who, const QString &text);
};

class Listener : public QObject {
	Q_OBJECT
public slots:
	void hear(const QString &who, const QString &text)
	{
		say("heard " + who + " " + text);
	}
};

static QDBusMessage call(QDBusConnection &bus, const QString &to, const QString &member,
			 const QVariantList &args)
{
	QDBusMessage message = QDBusMessage::createMethodCall(interface_name + "." + to, "/peer",
							      interface_name, member);

	message.setArguments(args);
	// calls of others are answered meanwhile
	return bus.call(message, QDBus::BlockWithGui);
}

static QString run(QDBusConnection &bus, Peer &peer, const QStringList &words)
{
	QDBusMessage reply;

	if (words[0] == "emit") {
		emit peer.Said(kind, words[1]);
		return "emitted";
	}
	if (words[0] == "call") {
		QVariantMap more{ { "text", words[2] }, { "number", 1.5 } };
		QVariant value = QVariant::fromValue(QDBusVariant(77u));

		reply = call(bus, words[1], "Echo", { words[2], value, more });
		if (reply.arguments().size() != 3)
			return "exception " + reply.errorMessage();
		if (reply.arguments()[1].value<QDBusVariant>().variant() != QVariant(77u) ||
		    qdbus_cast<QVariantMap>(reply.arguments()[2]) != more)
			return "changed";
		return reply.arguments()[0].toString();
	}
	if (words[0] == "fd") {
		int fds[2];
		QString text;

		if (pipe(fds) < 0)
			return "exception: no pipe";
		{
			QVariant end = QVariant::fromValue(QDBusUnixFileDescriptor(fds[1]));

			close(fds[1]);
			reply = call(bus, words[1], "Write", { end });
		}
		text = read_all(fds[0]);
		close(fds[0]);
		return text;
	}
	if (words[0] == "open") {
		reply = call(bus, words[1], "Open", {});
		if (reply.arguments().isEmpty())
			return "exception " + reply.errorMessage();
		return read_all(
			reply.arguments()[0].value<QDBusUnixFileDescriptor>().fileDescriptor());
	}
	reply = call(bus, words[1], "Fail", {});
	return reply.errorName() + " " + reply.errorMessage();
}

int main(int argc, char **argv)
{
	QCoreApplication app(argc, argv);
	QTextStream input(stdin);
	Listener listener;
	Peer peer;

	kind = argv[1];
	QDBusConnection bus = QDBusConnection::connectToBus(QString(argv[2]), "peer");
	if (!bus.connect(QString(), QString(), interface_name, "Said", &listener,
			 SLOT(hear(QString, QString))) ||
	    !bus.registerObject("/peer", &peer, QDBusConnection::ExportAllContents) ||
	    !bus.registerService(interface_name + "." + kind)) {
		fprintf(stderr, "%s\n", bus.lastError().message().toUtf8().constData());
		return 1;
	}
	QSocketNotifier notifier(STDIN_FILENO, QSocketNotifier::Read);
	QObject::connect(&notifier, &QSocketNotifier::activated, [&] {
		QString line = input.readLine();

		if (line.isNull())
			app.quit();
		else
			say(run(bus, peer, line.split(' ')));
	});
	say("ready");
	return app.exec();
}

#include "peer-qt.moc"
