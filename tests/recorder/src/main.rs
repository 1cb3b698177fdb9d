//! An office PC that tells exactly what reached it: every key, and every clipboard, text or files.
//!
//! `recorder ADDRESS DIRECTORY nla|tls`, with `USER PASSWORD` as its first line. The directory holds `certificate.pem`,
//! `key.pem`, and files that are offered; what is sent to it lands there under `received-…`. It says, a line each: `ready`,
//! `shown`, `key 1e`, `key e038`, `up 1e`, `character 233`, `text "…"`, `file "…" 12`. It obeys: `copy TEXT` (on the PC),
//! `offer FILE`.

mod clipboard;
mod screen;

use std::io::BufRead as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use ironrdp_server::{Credentials, KeyboardEvent, MouseEvent, RdpServer, RdpServerInputHandler, TlsIdentityCtx};
use tokio::sync::mpsc::UnboundedSender;

use clipboard::{Clipboard, Shared};
use screen::{Press, Screen};

fn main() -> anyhow::Result<()> {
    let [_, address, directory, security] = std::env::args()
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| anyhow::anyhow!("usage: recorder ADDRESS DIRECTORY nla|tls"))?;
    let directory = PathBuf::from(directory);
    let mut who = String::new();
    std::io::stdin().lock().read_line(&mut who).context("who may sign in")?;
    let (user, password) = who.trim().split_once(' ').context("a user and a password")?;
    let identity = TlsIdentityCtx::init_from_paths(&directory.join("certificate.pem"), &directory.join("key.pem"))?;
    let (screen, pressed) = Screen::new();
    let clipboard = Arc::new(Shared::new(directory));
    let builder = RdpServer::builder().with_addr(address.parse::<std::net::SocketAddr>()?);
    let builder = match security.as_str() {
        "nla" => builder.with_hybrid(identity.make_acceptor()?, identity.pub_key.clone()),
        "tls" => builder.with_tls(identity.make_acceptor()?),
        other => bail!("`{other}` is neither nla nor tls"),
    };
    let mut server = builder
        .with_input_handler(Keys(pressed))
        .with_display_handler(screen)
        .with_cliprdr_factory(Some(Box::new(Clipboard::new(Arc::clone(&clipboard)))))
        .with_honor_client_desktop_size(true)
        .build();
    server.set_credentials(Some(Credentials {
        username: user.to_owned(),
        password: password.to_owned(),
        domain: None,
    }));
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            match line.split_once(' ') {
                Some(("copy", text)) => clipboard.copy(text),
                Some(("offer", name)) => clipboard.offer(name),
                _ => println!("what is `{line}`?"),
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("ready");
    runtime.block_on(tokio::task::LocalSet::new().run_until(server.run()))
}

/// Says each key, and lets the screen show that one was pressed.
struct Keys(UnboundedSender<Press>);

impl RdpServerInputHandler for Keys {
    fn keyboard(&mut self, event: KeyboardEvent) {
        let of = |extended: bool, code: u8| format!("{}{code:02x}", if extended { "e0" } else { "" });
        match event {
            KeyboardEvent::Pressed { code, extended } => println!("key {}", of(extended, code)),
            KeyboardEvent::Released { code, extended } => return println!("up {}", of(extended, code)),
            KeyboardEvent::UnicodePressed(unit) => println!("character {unit}"),
            KeyboardEvent::UnicodeReleased(_) | KeyboardEvent::Synchronize(_) => return,
        }
        let _ = self.0.send(Press);
    }

    fn mouse(&mut self, _: MouseEvent) {}
}
