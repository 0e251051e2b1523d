// SPDX-License-Identifier: LGPL-2.1-or-later
//! A peer of test-libraries on zbus, which speaks D-Bus by itself; what a peer does is told
//! there.  One thread serves, on the connection that has the name; the other does what stdin says.

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, Read, Write};
use std::os::unix::io::{AsRawFd, FromRawFd, RawFd};
use std::thread;

use zbus::{fdo, Connection, Message, MessageType};
use zvariant::{Fd, Value};

const INTERFACE: &str = "org.example.Peer";
type More<'a> = HashMap<String, Value<'a>>;

/// Both ends of a pipe; who drops one closes it.
fn pipe() -> nix::Result<(std::fs::File, std::fs::File)> {
    let (read_end, write_end) = nix::unistd::pipe()?;
    unsafe { Ok((std::fs::File::from_raw_fd(read_end), std::fs::File::from_raw_fd(write_end))) }
}

/// A descriptor that came with a message is closed with it: a file of its own.
fn file_of(fd: RawFd) -> std::io::Result<std::fs::File> {
    let own = nix::unistd::dup(fd).map_err(std::io::Error::from)?;
    Ok(unsafe { std::fs::File::from_raw_fd(own) })
}

/// Answers one call.
fn answer(connection: &Connection, kind: &str, call: &Message, member: &str) -> Result<(), Box<dyn Error>> {
    match member {
        "Echo" => {
            let (text, value, more): (String, Value, More) = call.body()?;
            connection.reply(call, &(format!("{} from {}", text, kind), &value, &more))?;
        }
        "Write" => {
            let fd: Fd = call.body()?;
            write!(file_of(fd.as_raw_fd())?, "written by {}", kind)?;
            connection.reply(call, &())?;
        }
        "Open" => {
            let (read_end, mut write_end) = pipe()?;
            write!(write_end, "opened by {}", kind)?;
            connection.reply(call, &Fd::from(read_end.as_raw_fd()))?;
        }
        "Fail" => {
            connection.reply_error(call, "org.example.Error.Failed", &format!("failed by {}", kind))?;
        }
        _ => {
            connection.reply_error(call, "org.freedesktop.DBus.Error.UnknownMethod", &member)?;
        }
    }
    Ok(())
}

/// What is there: others may keep their end open.
fn read_some(file: &mut std::fs::File) -> std::io::Result<String> {
    let mut text = [0; 100];
    let n = file.read(&mut text)?;
    Ok(String::from_utf8_lossy(&text[..n]).into_owned())
}

fn connect(address: &str) -> zbus::Result<Connection> {
    Connection::new_for_address(address, true)
}

/// Serves for ever, and says what it hears.
fn serve(connection: Connection, kind: String) -> Result<(), Box<dyn Error>> {
    fdo::DBusProxy::new(&connection)?
        .request_name(&format!("{}.{}", INTERFACE, kind), fdo::RequestNameFlags::DoNotQueue.into())?;
    println!("ready");
    loop {
        let message = connection.receive_message()?;
        let header = message.header()?;
        let member = header.member()?.unwrap_or_default().to_string();
        match header.message_type()? {
            MessageType::MethodCall => answer(&connection, &kind, &message, &member)?,
            MessageType::Signal if member == "Said" => {
                let (who, text): (String, String) = message.body()?;
                println!("heard {} {}", who, text);
            }
            _ => {}
        }
    }
}

fn call_echo(connection: &Connection, to: &str, text: &str) -> Result<String, Box<dyn Error>> {
    let mut more: More = HashMap::new();
    more.insert("list".into(), Value::from(vec![1i32, 2, 3]));
    more.insert("text".into(), Value::from(text));
    let value = Value::U32(77);
    let reply = connection.call_method(Some(to), "/peer", Some(INTERFACE), "Echo", &(text, &value, &more))?;
    let (answer, value_back, more_back): (String, Value, More) = reply.body()?;
    Ok(if value_back == value && more_back == more { answer } else { "changed".into() })
}

fn run(connection: &Connection, kind: &str, words: &[&str]) -> Result<String, Box<dyn Error>> {
    if words[0] == "emit" {
        connection.emit_signal(None, "/peer", INTERFACE, "Said", &(kind, words[1]))?;
        return Ok("emitted".into());
    }
    let to = format!("{}.{}", INTERFACE, words[1]);
    let text;
    match words[0] {
        "call" => return call_echo(connection, &to, words[2]),
        "fd" => {
            let (mut read_end, write_end) = pipe()?;
            let fd = Fd::from(write_end.as_raw_fd());
            connection.call_method(Some(&to), "/peer", Some(INTERFACE), "Write", &fd)?;
            drop(write_end);
            text = read_some(&mut read_end)?;
        }
        "open" => {
            let reply = connection.call_method(Some(&to), "/peer", Some(INTERFACE), "Open", &())?;
            let fd: Fd = reply.body()?;
            text = read_some(&mut file_of(fd.as_raw_fd())?)?;
        }
        _ => match connection.call_method(Some(&to), "/peer", Some(INTERFACE), "Fail", &()) {
            Err(zbus::Error::MethodError(name, said, _)) => {
                text = format!("{} {}", name, said.unwrap_or_default())
            }
            other => text = format!("{:?}", other),
        },
    }
    Ok(text)
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let kind = args[1].clone();
    let serving = connect(&args[2])?;
    let calling = connect(&args[2])?;
    fdo::DBusProxy::new(&serving)?.add_match(&format!("type='signal',interface='{}'", INTERFACE))?;
    let of_server = kind.clone();
    thread::spawn(move || {
        if let Err(e) = serve(serving, of_server.clone()) {
            // test-libraries knows when it may not be heard any more
            eprintln!("{} serves no longer: {}", of_server, e);
        }
    });
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match run(&calling, &kind, &words) {
            Ok(text) => println!("{}", text),
            Err(e) => println!("exception {}", e),
        }
    }
    Ok(())
}
