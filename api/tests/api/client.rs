//! A small HTTP client that sends what it is told to send, and nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than any limit of the service, so that a hang fails a test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

/// A connection, which may carry several requests.
pub(crate) struct Connection {
    pub(crate) stream: BufReader<TcpStream>,
}

/// An answer, or an answer's head where the body has no end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Connection {
    pub(crate) fn open(addr: SocketAddr) -> Self {
        Self::try_open(addr).expect("the service takes connections")
    }

    /// To a service that may be gone at any moment.
    pub(crate) fn try_open(addr: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(addr).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Some(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// Sends a request, its body with a length.
    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) {
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            let addr = self.stream.get_ref().peer_addr().unwrap();
            text.push_str(&format!("Host: {addr}\r\n"));
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.send_raw(text.as_bytes());
    }

    /// The next answer; `None` when the service closed the connection instead.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let mut answer = self.head()?;
        let length = answer.header("content-length").map(|n| n.parse().unwrap());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body).unwrap();
        answer.body = String::from_utf8(body).unwrap();
        Some(answer)
    }

    /// One request to a service that may be gone at any moment: its status, or `None` when it never
    /// was answered.
    pub(crate) fn try_request(&mut self, method: &str, path: &str, body: &str) -> Option<u16> {
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(text.as_bytes()).ok()?;
        let mut head = String::new();
        // An answer here has no body, so its head is all of it.
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        head.split(' ').nth(1)?.parse().ok()
    }

    /// The next answer's status and headers.
    pub(crate) fn head(&mut self) -> Option<Answer> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).expect("a status line");
        let mut answer = Answer {
            status: status.parse().expect("a status"),
            headers: Vec::new(),
            body: String::new(),
        };
        loop {
            let line = self.line().expect("a whole head");
            let Some((name, value)) = line.split_once(": ") else {
                return Some(answer);
            };
            let header = (name.to_ascii_lowercase(), value.to_owned());
            answer.headers.push(header);
        }
    }

    /// The next line of a body in chunks of whole lines; `None` at its end.
    pub(crate) fn chunked_line(&mut self, left: &mut usize) -> Option<String> {
        while *left == 0 {
            let size = self.line()?;
            if size.is_empty() {
                continue;
            }
            *left = usize::from_str_radix(&size, 16).expect("a chunk's size");
            if *left == 0 {
                return None;
            }
        }
        let mut line = String::new();
        *left -= self.stream.read_line(&mut line).ok()?;
        (!line.is_empty()).then_some(line)
    }

    /// Whether the service closes the connection, without another word.
    pub(crate) fn is_closed(&mut self) -> bool {
        // What was in flight may end a closed connection by a reset.
        !matches!(self.stream.fill_buf(), Ok(more) if !more.is_empty())
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no answer within {PATIENCE:?}: {error}"),
        }
    }
}

impl Answer {
    /// A header, by its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Fails unless the status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Fails unless it is an error of this status in MidoNet's form. Returns its message.
    #[track_caller]
    pub(crate) fn error(self, status: u16) -> String {
        let answer = self.expect(status);
        let media = answer.header("content-type");
        assert_eq!(media, Some("application/vnd.org.midonet.Error-v1+json"));
        let body = answer.json();
        assert_eq!(body["code"], status);
        body["message"].as_str().expect("a message").to_owned()
    }

    /// Fails unless it is an error about these properties alone.
    #[track_caller]
    pub(crate) fn violates(self, status: u16, properties: &[&str]) -> String {
        let violations = self.json()["violations"].clone();
        let message = self.error(status);
        let found: Vec<&str> = violations
            .as_array()
            .unwrap_or_else(|| panic!("no violations: {message}"))
            .iter()
            .map(|violation| violation["property"].as_str().unwrap())
            .collect();
        assert_eq!(found, properties, "{message}");
        message
    }
}
