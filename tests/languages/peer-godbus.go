// SPDX-License-Identifier: LGPL-2.1-or-later

// A peer of test-libraries on godbus, which speaks D-Bus by itself; what a peer does is told there.
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/godbus/dbus"
)

const iface = "org.example.Peer"

var (
	kind string
	conn *dbus.Conn
)

type peer struct{}

func (peer) Echo(text string, value dbus.Variant, more map[string]dbus.Variant) (string, dbus.Variant,
	map[string]dbus.Variant, *dbus.Error) {
	return text + " from " + kind, value, more, nil
}

func (peer) Write(fd dbus.UnixFD) *dbus.Error {
	file := os.NewFile(uintptr(fd), "")
	defer file.Close()
	if _, err := fmt.Fprintf(file, "written by %s", kind); err != nil {
		return dbus.MakeFailedError(err)
	}
	return nil
}

func (peer) Open() (dbus.UnixFD, *dbus.Error) {
	readEnd, writeEnd, err := os.Pipe()
	if err != nil {
		return 0, dbus.MakeFailedError(err)
	}
	fmt.Fprintf(writeEnd, "opened by %s", kind)
	writeEnd.Close()
	// it is sent after this function has returned, and the process is short-lived
	return dbus.UnixFD(readEnd.Fd()), nil
}

func (peer) Fail() *dbus.Error {
	return dbus.NewError("org.example.Error.Failed", []interface{}{"failed by " + kind})
}

func call(to, member string, args ...interface{}) *dbus.Call {
	return conn.Object(iface+"."+to, "/peer").Call(iface+"."+member, 0, args...)
}

// readSome reads what is there: others may keep their end open.
func readSome(file *os.File) (string, error) {
	defer file.Close()
	text := make([]byte, 100)
	n, err := file.Read(text)
	return string(text[:n]), err
}

func run(words []string) (string, error) {
	switch words[0] {
	case "emit":
		return "emitted", conn.Emit("/peer", iface+".Said", kind, words[1])
	case "call":
		value := dbus.MakeVariant(uint32(77))
		more := map[string]dbus.Variant{
			"list": dbus.MakeVariant([]int32{1, 2, 3}),
			"text": dbus.MakeVariant(words[2]),
		}
		var text string
		var valueBack dbus.Variant
		var moreBack map[string]dbus.Variant
		err := call(words[1], "Echo", words[2], value, more).Store(&text, &valueBack, &moreBack)
		if err == nil && !(reflect.DeepEqual(value, valueBack) && reflect.DeepEqual(more, moreBack)) {
			text = "changed"
		}
		return text, err
	case "fd":
		readEnd, writeEnd, err := os.Pipe()
		if err != nil {
			return "", err
		}
		if err = call(words[1], "Write", dbus.UnixFD(writeEnd.Fd())).Err; err != nil {
			return "", err
		}
		writeEnd.Close()
		return readSome(readEnd)
	case "open":
		var fd dbus.UnixFD
		if err := call(words[1], "Open").Store(&fd); err != nil {
			return "", err
		}
		return readSome(os.NewFile(uintptr(fd), ""))
	}
	if err, is := call(words[1], "Fail").Err.(dbus.Error); is {
		return fmt.Sprint(err.Name, " ", err.Body[0]), nil
	}
	return "no error", nil
}

func hear(signals chan *dbus.Signal) {
	for signal := range signals {
		if signal.Name == iface+".Said" {
			fmt.Println("heard", signal.Body[0], signal.Body[1])
		}
	}
}

func main() {
	var err error
	kind = os.Args[1]
	if conn, err = dbus.Dial(os.Args[2]); err == nil {
		if err = conn.Auth(nil); err == nil {
			err = conn.Hello()
		}
	}
	if err == nil {
		err = conn.Export(peer{}, "/peer", iface)
	}
	if err == nil {
		signals := make(chan *dbus.Signal, 100)
		conn.Signal(signals)
		go hear(signals)
		err = conn.AddMatchSignal(dbus.WithMatchInterface(iface))
	}
	if err == nil {
		_, err = conn.RequestName(iface+"."+kind, dbus.NameFlagDoNotQueue)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		text, err := run(strings.Fields(lines.Text()))
		if err != nil {
			text = "exception " + err.Error()
		}
		fmt.Println(text)
	}
	conn.Close()
}
