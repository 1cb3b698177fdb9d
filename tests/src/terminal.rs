//! A person at a terminal: reads what the screen shows, and types.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::netns::Netns;
use crate::process::tail;

/// Whatever is waited for is on the screen by then, also beside a build.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long one look at the screen lasts.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// What Ctrl-C sends.
const CTRL_C: &[u8] = b"\x03";

/// A program on a terminal of its own. Dropped, it is killed.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: String,
    /// So many bytes of the screen were read.
    read: usize,
}

impl Terminal {
    /// Starts a program on a machine, on a terminal of 120 columns and 60 lines.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(at: &Netns, argv: Vec<String>) -> anyhow::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let keyboard = openpt(flags).context("open a terminal")?;
        grantpt(&keyboard)?;
        unlockpt(&keyboard)?;
        let name = ptsname(&keyboard, Vec::new())?.into_string()?;
        let end = || OpenOptions::new().read(true).write(true).open(&name).map(Stdio::from);
        let mut command = at.command(argv, None);
        command.env("LANG", "C.UTF-8").stdin(end()?).stdout(end()?).stderr(end()?);
        let child = command.spawn().context("start at a terminal")?;
        // The command holds this side of the terminal open too.
        drop(command);
        let terminal = Self { child, keyboard: keyboard.into(), screen: String::new(), read: 0 };
        terminal.resize(120, 60)?;
        Ok(terminal)
    }

    /// Makes the window so large.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn resize(&self, columns: u16, lines: u16) -> anyhow::Result<()> {
        Ok(tcsetwinsize(&self.keyboard, Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })?)
    }

    /// Waits until this is on the screen, and reads up to its end; the answer is what stood before it.
    ///
    /// # Errors
    /// It did not come; the message holds the screen.
    pub fn see(&mut self, text: &str) -> anyhow::Result<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.screen[self.read..].find(text) {
                let before = self.screen[self.read..self.read + at].to_owned();
                self.read += at + text.len();
                return Ok(before);
            }
            let ended = !self.look()? && !self.screen[self.read..].contains(text);
            if ended || Instant::now() > until {
                bail!("`{text}` is not on the screen: {}", tail(&self.screen, 30));
            }
        }
    }

    /// Types a line.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn enter(&mut self, line: &str) -> anyhow::Result<()> {
        Ok(self.keyboard.write_all(format!("{line}\r").as_bytes())?)
    }

    /// Waits for a question, and answers it.
    ///
    /// # Errors
    /// It is not asked.
    pub fn answer(&mut self, question: &str, line: &str) -> anyhow::Result<()> {
        self.see(question)?;
        self.enter(line)
    }

    /// Presses Ctrl-C.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn leave(&mut self) -> anyhow::Result<()> {
        Ok(self.keyboard.write_all(CTRL_C)?)
    }

    /// Waits for the program's end: its exit code, and what was on the screen since it was last read.
    ///
    /// # Errors
    /// It still runs.
    pub fn end(mut self) -> anyhow::Result<(i32, String)> {
        let until = Instant::now() + PATIENCE;
        while self.look()? {
            if Instant::now() > until {
                bail!("it still runs: {}", tail(&self.screen, 30));
            }
        }
        let code = self.child.wait()?.code().unwrap_or(-1);
        Ok((code, self.screen[self.read..].to_owned()))
    }

    /// Takes in what has come; false when nothing will come any more.
    fn look(&mut self) -> anyhow::Result<bool> {
        let mut waiting = [PollFd::new(&self.keyboard, PollFlags::IN)];
        if poll(&mut waiting, Some(&LOOK))? == 0 {
            return Ok(true);
        }
        let mut buffer = [0; 4096];
        match self.keyboard.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(length) => {
                self.screen.push_str(&String::from_utf8_lossy(&buffer[..length]));
                Ok(true)
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(true),
            // EIO: nobody holds the other side any more.
            Err(_) => Ok(false),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
