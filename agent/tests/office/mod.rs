//! A gateway of our own and the real program, for the tests: what one says and the other hears, with nothing between them.
#![allow(dead_code, unreachable_pub, missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use agent::bounded::{AtMost, Fingerprint};
use agent::message::{Action, FromAgent, Papers, ToAgent, VERSION, decode, encode};
use agent::token::{Secret, Token};
use futures_util::{SinkExt as _, StreamExt as _};
use provisioning::authority::{Authority, Bounds};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// What is waited for comes within this time, on a machine that does other things too.
pub const SOON: Duration = Duration::from_secs(30);

/// The program; `PASSERELLE_AGENT_BIN` names another build of it.
fn program() -> std::ffi::OsString {
    std::env::var_os("PASSERELLE_AGENT_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_passerelle-agent").into())
}

#[allow(clippy::disallowed_methods)]
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

pub fn authority() -> Authority {
    let bounds = Bounds { names: vec!["gate.internal".into()], networks: vec!["127.0.0.0/8".parse().unwrap()] };
    Authority::new_at("the office", &bounds, 1_700_000_000).unwrap()
}

pub fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap()
}

pub struct Gateway {
    pub authority: Authority,
    pub port: u16,
    listener: TcpListener,
    tls: TlsAcceptor,
}

/// A connection of an agent.
pub struct Call {
    pub socket: WebSocketStream<TlsStream<TcpStream>>,
    pub certificate: Option<CertificateDer<'static>>,
}

impl Gateway {
    pub async fn new() -> Self {
        Self::with(authority(), now(), &[&rustls::version::TLS13]).await
    }

    /// With a server certificate of that moment.
    pub async fn with(authority: Authority, at: u64, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let (chain, key) = authority.issue_server_at(&[], &["127.0.0.1".parse().unwrap()], at).unwrap();
        Self::showing(authority, &chain, &key, versions).await
    }

    pub async fn showing(
        authority: Authority,
        chain: &str,
        key: &str,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(certificates(authority.certificate_pem()).remove(0)).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(clients.allow_unauthenticated().build().unwrap())
            .with_single_cert(certificates(chain), PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { authority, port, listener, tls: TlsAcceptor::from(Arc::new(config)) }
    }

    pub fn token(&self) -> Token {
        let authority = Fingerprint::of(&certificates(self.authority.certificate_pem())[0]);
        Token { secret: Secret::new([7; 16]), authority }
    }

    /// The next connection, or why TLS or WebSocket did not come about.
    pub async fn try_accept(&self) -> Result<Call, String> {
        let accept = async {
            let (tcp, _) = self.listener.accept().await.unwrap();
            let tls = self.tls.accept(tcp).await.map_err(|e| e.to_string())?;
            let certificate = tls.get_ref().1.peer_certificates().map(|chain| chain[0].clone().into_owned());
            let socket = tokio_tungstenite::accept_async(tls).await.map_err(|e| e.to_string())?;
            Ok(Call { socket, certificate })
        };
        timeout(SOON, accept).await.expect("nobody connects")
    }

    pub async fn accept(&self) -> Call {
        self.try_accept().await.unwrap()
    }

    /// The next connection, greeted.
    pub async fn welcome(&self, approved: bool) -> Call {
        let mut call = self.accept().await;
        let hello = call.hear().await;
        assert!(matches!(hello, FromAgent::Hello { version: VERSION, .. }), "{hello:?}");
        call.say(&welcome(approved, 3)).await;
        call
    }

    /// A PC that is enrolled with a certificate of that moment.
    pub async fn enrolled_at(&self, at: u64) -> Pc {
        let pc = Pc::new(self.port);
        let token = self.token();
        let enrolling = pc.enrol(token, &[]);
        let answering = async {
            let mut call = self.accept().await;
            let FromAgent::Enrol { request, .. } = call.hear().await else { panic!("no Enrol") };
            let chain = self.authority.issue_agent_at(request.as_str(), "pc-7", at).unwrap();
            call.say(&ToAgent::Enrolled { certificate: Papers::try_from(chain).unwrap() }).await;
            call.end().await;
        };
        let ((status, said), ()) = tokio::join!(enrolling, answering);
        assert!(status.success(), "{said}");
        pc
    }

    pub async fn enrolled(&self) -> Pc {
        self.enrolled_at(now()).await
    }
}

pub fn welcome(approved: bool, heartbeat_s: u32) -> ToAgent {
    ToAgent::Welcome { version: VERSION, approved, heartbeat_s, names: true, rules: AtMost::default() }
}

pub fn act(id: u64, action: Action) -> ToAgent {
    ToAgent::Act { id, action }
}

impl Call {
    pub async fn say(&mut self, message: &ToAgent) {
        self.send(Message::text(encode(message).unwrap())).await.unwrap();
    }

    pub async fn send(&mut self, message: Message) -> Result<(), String> {
        timeout(SOON, self.socket.send(message)).await.expect("it takes nothing").map_err(|e| e.to_string())
    }

    /// What comes before anything is in the WebSocket: bytes.
    pub async fn send_raw(&mut self, bytes: &[u8]) -> Result<(), String> {
        let stream = self.socket.get_mut();
        let send = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        timeout(SOON, send).await.expect("it takes nothing").map_err(|e| e.to_string())
    }

    /// The next message; nothing at the connection's end.
    pub async fn hear_or_end(&mut self) -> Option<FromAgent> {
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => return Some(decode(&text).unwrap()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        };
        timeout(SOON, next).await.expect("nothing is said")
    }

    pub async fn hear(&mut self) -> FromAgent {
        self.hear_or_end().await.expect("the connection ended")
    }

    /// The first message that fits.
    pub async fn hear_until(&mut self, fits: impl Fn(&FromAgent) -> bool) -> FromAgent {
        loop {
            let message = self.hear().await;
            if fits(&message) {
                return message;
            }
        }
    }

    /// Whatever else is said, until the connection ends.
    pub async fn end(mut self) {
        while self.hear_or_end().await.is_some() {}
    }
}

/// A PC: its files, and the program on it.
pub struct Pc {
    pub folder: tempfile::TempDir,
    pub config: PathBuf,
    pub bus: String,
}

impl Pc {
    pub fn new(port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // On Windows all is in one folder.
        let config = folder.path().join(if cfg!(windows) { "state/agent.toml" } else { "agent.toml" });
        std::fs::create_dir_all(config.parent().unwrap()).unwrap();
        let text = format!("gateway = \"127.0.0.1:{port}\"\nstate_dir = '{}'\n", folder.path().join("state").display());
        std::fs::write(&config, text).unwrap();
        Self { folder, config, bus: "unix:path=/nonexistent".to_owned() }
    }

    pub fn state(&self, file: &str) -> PathBuf {
        self.folder.path().join("state").join(file)
    }

    pub fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(program());
        command.arg(subcommand).arg("--config").arg(&self.config).kill_on_drop(true);
        command.env("DBUS_SYSTEM_BUS_ADDRESS", &self.bus).stdin(Stdio::null());
        command
    }

    /// Runs `enrol` to its end; the token goes by standard input.
    pub async fn enrol(&self, token: Token, more: &[&str]) -> (ExitStatus, String) {
        let mut command = self.command("enrol");
        command.args(["--token-file", "-"]).args(more);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // It may refuse before it reads the token.
        let _ = stdin.write_all(format!("{token}\n").as_bytes()).await;
        drop(stdin);
        let output = timeout(SOON, child.wait_with_output()).await.expect("enrol does not end").unwrap();
        (output.status, String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    pub async fn output(&self, subcommand: &str) -> (ExitStatus, String) {
        let output = timeout(SOON, self.command(subcommand).output()).await.expect("it does not end").unwrap();
        (output.status, String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    pub fn run(&self) -> Running {
        let mut child = self.command("run").stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (to, log) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = to.send(line);
            }
        });
        Running { child, log }
    }
}

/// The service, running.
pub struct Running {
    child: Child,
    log: mpsc::UnboundedReceiver<String>,
}

impl Running {
    /// Waits for a line of its log that holds this.
    pub async fn says(&mut self, part: &str) -> String {
        let mut all = String::new();
        let line = async {
            while let Some(line) = self.log.recv().await {
                if line.contains(part) {
                    return Some(line);
                }
                all = format!("{all}{line}\n");
            }
            None
        };
        let line = timeout(SOON, line).await;
        line.ok().flatten().unwrap_or_else(|| panic!("the log does not say `{part}`:\n{all}"))
    }

    /// Tells it to end.
    #[cfg(unix)]
    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Ends it. On Windows it is a service that is told to, which tests of the MSI do.
    pub async fn stops(#[allow(unused_mut)] mut self) {
        #[cfg(unix)]
        {
            self.terminate();
            assert!(self.ends().await.success());
        }
        #[cfg(windows)]
        self.child.kill().await.unwrap();
    }

    pub async fn ends(mut self) -> ExitStatus {
        timeout(SOON, self.child.wait()).await.expect("it does not end").unwrap()
    }

    /// The most memory it ever had, in kilobytes.
    #[cfg(unix)]
    pub fn peak_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}
